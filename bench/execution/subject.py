"""What a run measures: a registered method, or a scheme of a real engine. The rest of the harness asks no further."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.config import RunConfig
from bench.engines.adaptors.finding import adaptor, missing_packages, package_version
from bench.errors import UsageError
from methods import registry

ENGINE_FAMILY = "engine"


@dataclass(frozen=True)
class Subject:
    """What is measured.

    Attributes
    ----------
    name : str
        Of the method, or of the engine.
    family, version : str
        As records have them.
    track : str
        Of the data sets that it takes.
    options : mapping
        As the user gave them, the name included.
    missing : tuple of str
        Distributions that it needs and that are not installed.
    is_engine : bool
    uses_queries : bool
        Whether it learns from queries.
    rescored_from : str or None
        The store by whose own vectors its searches are re-ranked.
    """

    name: str
    family: str
    version: str
    track: str
    options: Mapping[str, Any]
    missing: tuple[str, ...]
    is_engine: bool = False
    uses_queries: bool = False
    rescored_from: str | None = None

    def comparable(self, params: Mapping[str, Any] | None) -> str:
        """Equal for parameters that differ in their order alone, or in what an earlier version called them."""
        given = dict(params or {})
        present = given if self.is_engine else registry.present_params(self.name, given)
        return json.dumps(present, sort_keys=True, default=str)


def subject_of(config: RunConfig) -> Subject:
    """The method or engine that a configuration names.

    Raises
    ------
    UsageError, MethodError
        None is named, or none is called so; the message suggests the nearest.
    """
    if config.names_engine:
        engine = adaptor(name := config.engine["name"])
        version = f"{engine.version}, {package_version(engine)}"
        return Subject(
            name, ENGINE_FAMILY, version, "dense", dict(config.engine), tuple(missing_packages(engine)), is_engine=True
        )
    if not (name := config.method.get("name")):
        raise UsageError("no method is named; use method=NAME (`python -m methods` lists all)")
    options = {key: value for key, value in config.method.items() if key != "name"}
    cls = registry.class_of(name, options, None)
    if cls.__module__ == "__main__":
        raise UsageError(
            f"{name} is defined in __main__, which the process of a run cannot import; write it into a module "
            f"({name}.py, say) and import that"
        )
    missing = tuple(registry.missing_dependencies(name))
    uses_queries, rescored_from = (getattr(cls, attribute, None) for attribute in ("uses_queries", "rescored_from"))
    return Subject(
        name,
        cls.family,
        cls.version,
        cls.track,
        dict(config.method),
        missing,
        uses_queries=bool(uses_queries),
        rescored_from=rescored_from,
    )


def label(subject: Subject, params: Mapping[str, Any] | None) -> str:
    """The name as a record has it: of an engine with the scheme, ``qdrant binary``."""
    scheme = (params or subject.options).get("scheme") if subject.is_engine else None
    return f"{subject.name} {scheme}" if scheme else subject.name
