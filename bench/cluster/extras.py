"""Packages that only a cluster needs."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from bench.errors import UsageError


def check(package: str, extra: str, what: str) -> None:
    """Raise :class:`UsageError` with what to install where a package is missing."""
    if importlib.util.find_spec(package) is None:
        raise UsageError(f"{what} needs {package}; pip install 'vector-compression-bench[{extra}]'")


def need(package: str, extra: str, what: str) -> Any:
    """The imported package; errors are those of :func:`check`."""
    check(package, extra, what)
    return importlib.import_module(package)
