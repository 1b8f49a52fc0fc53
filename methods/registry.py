"""Names of methods. A module of this package registers its classes; others come by entry point ``bench.methods``."""

from __future__ import annotations

import difflib
import functools
import importlib
import importlib.metadata
import importlib.util
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any

from methods.base import Codec, Metric
from methods.errors import MethodError, UnknownMethod

ENTRY_POINTS = "bench.methods"
_METHODS: dict[str, type[Codec]] = {}


def register(name: str) -> Callable[[type[Codec]], type[Codec]]:
    """Class decorator: makes a :class:`~methods.base.Codec` known as ``name`` (lower case, underscores)."""

    def decorate(cls: type[Codec]) -> type[Codec]:
        known = _METHODS.get(name)
        if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise MethodError(f"the name {name!r} is taken by {known.__module__}.{known.__qualname__}; choose another")
        cls.name = name
        _METHODS[name] = cls
        return cls

    return decorate


@functools.cache
def _discover() -> None:
    """Import every module of this package and every entry point, so that their classes register."""
    import methods

    for module in pkgutil.walk_packages(methods.__path__, "methods."):
        leaf = module.name.rpartition(".")[2]
        if not module.name.startswith("methods.kernels") and not leaf.startswith("_"):
            importlib.import_module(module.name)
    for entry in importlib.metadata.entry_points(group=ENTRY_POINTS):
        loaded = entry.load()
        if inspect.isclass(loaded) and issubclass(loaded, Codec) and loaded not in _METHODS.values():
            register(entry.name)(loaded)


def names() -> list[str]:
    """All registered names, sorted."""
    _discover()
    return sorted(_METHODS)


def get(name: str) -> type[Codec]:
    """The class registered as ``name``; :class:`UnknownMethod` suggests the nearest names otherwise."""
    _discover()
    if name not in _METHODS:
        close = difflib.get_close_matches(str(name), _METHODS, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}?" if close else "`python -m methods` lists all"
        raise UnknownMethod(f"no method is called {name!r}; {hint}")
    return _METHODS[name]


def parameters(name: str) -> dict[str, Any]:
    """Keyword parameters of the method's ``for_budget`` with their defaults (``method.<key>`` on the command line)."""
    signature = inspect.signature(get(name).for_budget)
    skip = {"dim", "code_bytes", "metric"}
    return {
        key: parameter.default
        for key, parameter in signature.parameters.items()
        if key not in skip and parameter.kind is parameter.KEYWORD_ONLY
    }


def for_budget(name: str, dim: int, code_bytes: int, metric: Metric, **params: Any) -> Codec:
    """The method ``name`` configured for ``code_bytes``; unknown parameters are refused with a suggestion."""
    known = parameters(name)
    for key in params:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"it takes {', '.join(known) or 'none'}"
            raise MethodError(f"{name} has no parameter {key!r}; {hint}")
    try:
        return get(name).for_budget(dim, code_bytes, Metric.parse(metric), **params)
    except MethodError:
        raise
    except (TypeError, ValueError) as error:  # a parameter of another kind than the method computes with
        given = ", ".join(f"{key}={value!r}" for key, value in params.items() if value != known[key])
        raise MethodError(f"{name} cannot work with {given or 'its parameters'}: {error}") from error


def missing_dependencies(name: str) -> list[str]:
    """Modules that the method requires and that cannot be imported here."""
    return [module for module in get(name).requires if importlib.util.find_spec(module) is None]
