"""The entries of the catalogue, by name."""

from __future__ import annotations

import functools
from importlib import resources

from bench.engines.reading import read_entry
from bench.engines.scheme import EngineEntry, Scheme
from bench.errors import UsageError, unknown_name

CATALOGUE = resources.files("bench.engines") / "catalogue"


@functools.cache
def names() -> tuple[str, ...]:
    """Engines of the catalogue, sorted."""
    files = [file.name for file in CATALOGUE.iterdir()]
    return tuple(sorted(name.removesuffix(".yaml") for name in files if name.endswith(".yaml")))


@functools.cache
def entry(name: str) -> EngineEntry:
    """What the catalogue says of the engine called ``name``.

    Raises
    ------
    UsageError
        No engine is called so; the message suggests the nearest. Or its file is wrong
        (:class:`~bench.engines.fields.CatalogueError`).
    """
    if name not in names():
        raise UsageError(unknown_name("engine", name, names()))
    return read_entry(name, (CATALOGUE / f"{name}.yaml").read_text(encoding="utf-8"))


def scheme(engine: EngineEntry, name: str) -> Scheme:
    """The scheme of ``engine`` that is called ``name``, by the engine itself.

    Raises
    ------
    UsageError
        The engine has none that is called so; the message suggests the nearest.
    """
    by_name = {each.name: each for each in engine.schemes}
    if name not in by_name:
        raise UsageError(unknown_name(f"scheme of {engine.name}", name, list(by_name)))
    return by_name[name]
