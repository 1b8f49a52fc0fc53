"""The error of kernels, which know nothing of methods."""

from __future__ import annotations


class KernelError(ValueError):
    """A kernel was given arrays or settings that it cannot work with; the message says what would be right."""
