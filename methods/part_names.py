"""Parts of a codec that has others inside: theirs are named as they name them, behind a prefix (``codec.mean``)."""

from __future__ import annotations

import numpy as np

__all__ = ["behind", "under"]


def behind(prefix: str, parts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """``parts`` with ``prefix`` before their names."""
    return {f"{prefix}{name}": array for name, array in parts.items()}


def under(prefix: str, parts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The entries of ``parts`` whose names begin with ``prefix``, without it."""
    return {name.removeprefix(prefix): array for name, array in parts.items() if name.startswith(prefix)}
