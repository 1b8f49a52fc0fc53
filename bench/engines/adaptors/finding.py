"""Adaptors by the name of their engine."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import inspect
import sys
from pathlib import Path

from bench.engines.adaptors.base import Engine
from bench.engines.entries import entry, names
from bench.errors import UsageError, unknown_name


@functools.cache
def runnable() -> tuple[str, ...]:
    """Engines of the catalogue that have an adaptor, sorted."""
    here = Path(__file__).parent
    return tuple(name for name in names() if (here / f"{_module(name)}.py").is_file())


@functools.cache
def adaptor(name: str) -> type[Engine]:
    """The class that builds and searches the engine called ``name``. Its packages need not be installed.

    Raises
    ------
    UsageError
        No engine is called so, or it is in the catalogue alone.
    """
    if name not in names():
        raise UsageError(unknown_name("engine", name, runnable()))
    if name not in runnable():
        raise UsageError(
            f"{entry(name).title} is described (`python -m bench engines show {name}`) but cannot be measured here; "
            f"these can: {', '.join(runnable())}"
        )
    module = importlib.import_module(f"bench.engines.adaptors.{_module(name)}")
    return next(
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Engine) and value.__dict__.get("name") == name
    )


def missing_packages(engine: type[Engine]) -> list[str]:
    """Distributions that it needs and that are not installed."""
    return [
        package
        for package, module in zip(engine.packages, engine.modules)
        if module not in sys.modules and importlib.util.find_spec(module) is None
    ]


def package_version(engine: type[Engine]) -> str:
    """``qdrant-edge-py 0.9.0``: the first of its packages with the version that is installed."""
    try:
        return f"{engine.packages[0]} {importlib.metadata.version(engine.packages[0])}"
    except importlib.metadata.PackageNotFoundError:
        return engine.packages[0]


def _module(name: str) -> str:
    return name.replace("-", "_")
