"""Packages that only a cluster needs."""

from __future__ import annotations

import importlib
from typing import Any

from bench.errors import UsageError


def need(package: str, extra: str, what: str) -> Any:
    """The imported package; :class:`UsageError` with what to install where it is missing."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise UsageError(f"{what} needs {package}; pip install 'vector-compression-bench[{extra}]'") from None
