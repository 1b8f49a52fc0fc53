"""Values from JSON as dataclasses and other annotated types, checked field by field."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from typing import Any, Literal

__all__ = ["built"]

_FITTING: dict[Any, set[type]] = {float: {int, float}, int: {int}, str: {str}, bool: {bool}}  # types of values


def built(kind: Any, value: Any, where: str) -> Any:
    """``value`` from JSON as the annotated type ``kind``; ValueError names the field that does not fit."""
    if type(value) in _FITTING.get(kind, ()):  # as nearly all are: the quick way
        return value
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in arguments:
            return None
        return built(next(a for a in arguments if a is not type(None)), value, where)
    if origin is Literal:
        if value not in arguments:
            raise ValueError(f"{where} is {value!r}, not one of {', '.join(arguments)}")
        return value
    if origin is dict:
        if not isinstance(value, dict):
            raise ValueError(f"{where} is not an object")
        return {key: built(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    if origin is list:
        if not isinstance(value, list):
            raise ValueError(f"{where} is not a list")
        if _FITTING.get(arguments[0], set()).issuperset(map(type, value)):
            return list(value)
        return [built(arguments[0], item, f"{where}[{place}]") for place, item in enumerate(value)]
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, value, where)
    accepted = (int, float) if kind is float else kind
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{where} is {value!r}, not {kind.__name__}")
    return value


def _dataclass(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{where} is not an object")
    hints, required = _fields(kind)
    if unknown := sorted(set(value) - set(hints)):
        raise ValueError(f"{where} has the unknown field {unknown[0]!r}")
    if missing := sorted(required - set(value)):
        raise ValueError(f"{where} lacks the field {missing[0]!r}")
    return kind(**{key: built(hints[key], item, f"{where}.{key}") for key, item in value.items()})


@functools.cache
def _fields(kind: Any) -> tuple[dict[str, Any], frozenset[str]]:
    """Types of a dataclass's fields, and which of them have no default."""
    missing = dataclasses.MISSING
    required = (f.name for f in dataclasses.fields(kind) if f.default is missing and f.default_factory is missing)
    return typing.get_type_hints(kind), frozenset(required)
