"""What methods of all tracks have in common: a name, parameters spelled once, what a budget decides, a fit, parts."""

from __future__ import annotations

import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from methods import storage
from methods.errors import NotFitted
from methods.part_names import behind, under

__all__ = ["FittedMethod", "Method", "Parametrized"]

_INNER = "codec."  # before the names of an inner codec's parts


class Parametrized:
    """Keyword parameters as scikit-learn has them: the constructor stores, :meth:`params` reads them back.

    ``renamed`` maps what parameters were called in earlier versions to what they are called now. The constructor takes
    both, so that codecs saved then, and code written then, still work.
    """

    renamed: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if cls.renamed:
            cls.__init__ = _with_earlier_names(cls.__init__)  # type: ignore[method-assign]

    @classmethod
    def present_params(cls, params: Mapping[str, Any]) -> dict[str, Any]:
        """``params`` under the names that they have now; TypeError where one is given under both."""
        for earlier in cls.renamed:
            if earlier in params and cls.renamed[earlier] in params:
                raise TypeError(
                    f"{earlier!r} is called {cls.renamed[earlier]!r} now, and both are given; leave one out"
                )
        return {cls.renamed.get(name, name): value for name, value in params.items()}

    def params(self) -> dict[str, Any]:
        """The constructor's keywords with their present values (JSON-able: numbers, strings, dicts)."""
        given = [
            name for name, each in _signature(type(self).__init__).items() if each.kind is each.POSITIONAL_OR_KEYWORD
        ]
        return {name: getattr(self, name) for name in [*given[1:], *self._own_keywords()]}

    @classmethod
    def _own_keywords(cls) -> dict[str, Any]:
        """What the constructor has behind ``*``, with defaults; where it has ``**keywords``, its base's before that."""
        constructors = [each.__dict__["__init__"] for each in cls.__mro__ if "__init__" in each.__dict__]
        count = next(at for at, each in enumerate(constructors, 1) if not _takes_more(each))
        return {name: value for each in reversed(constructors[:count]) for name, value in _keywords(each).items()}

    def __repr__(self) -> str:
        shown = {key: str(value) if isinstance(value, StrEnum) else value for key, value in self.params().items()}
        inside = ", ".join(f"{key}={value!r}" for key, value in shown.items())
        return f"{type(self).__name__}({inside})"


class Method(Parametrized, ABC):
    """A registered way to compress, of any track.

    A constructor takes the workload and what a budget decides as ordinary parameters, and everything that a user may
    set, with its default, behind ``*``: ``(self, dim, metric=Metric.IP, bits=1, *, rotation="random")``. With
    ``**keywords`` at its end it takes those of its base too. What bytes decide, :meth:`_sized` says; where it says
    nothing, the method has one size.

    Notes
    -----
    Class attributes describe a method in lists and tables: ``track``, ``name`` (given by the registry), ``family``,
    ``summary`` (what it is, one line), ``source`` (paper or library), ``trains`` (learns from data beyond
    ranges and means), ``requires`` (optional distributions),
    ``version`` (raise it when the same parameters give other codes, so that old records are not reused),
    ``reads_versions`` (earlier versions whose parts this one takes, and whose codes it decodes as they did),
    ``check_params`` (parameters under which the checks of all methods run, for a short training) and
    ``check_exceptions`` (check -> why the method cannot pass it).
    """

    track: ClassVar[str] = ""
    name: ClassVar[str] = ""
    family: ClassVar[str] = "other"
    summary: ClassVar[str] = ""
    source: ClassVar[str] = ""
    trains: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[str] = "1"
    reads_versions: ClassVar[frozenset[str]] = frozenset()
    check_params: ClassVar[dict[str, Any]] = {}
    check_exceptions: ClassVar[dict[str, str]] = {}

    @classmethod
    @abstractmethod
    def for_budget(cls, *workload: Any, **params: Any) -> Self:
        """The best configuration within a budget, by the rule that :meth:`_sized` documents."""

    @classmethod
    def parameters(cls) -> dict[str, Any]:
        """What a user may set, with defaults: what the constructor and :meth:`_sized` have behind ``*``.

        A class with a ``for_budget`` of its own has the parameters that this names.
        """
        return cls._options() if _takes_more(cls.for_budget) else _keywords(cls.for_budget)

    @classmethod
    def sized_by_budget(cls) -> list[str]:
        """Parameters of the constructor that the bytes decide, and no user may set: those before ``*``."""
        given = {name for name, each in _signature(cls.for_budget).items() if each.kind is each.POSITIONAL_OR_KEYWORD}
        positional = [
            name for name, each in _signature(cls.__init__).items() if each.kind is each.POSITIONAL_OR_KEYWORD
        ]
        return [name for name in positional[1:] if name not in given and name not in cls.parameters()]

    @classmethod
    def _options(cls) -> dict[str, Any]:
        """What the constructor and :meth:`_sized` have behind ``*``, with defaults.

        Where both name one, the default is that of :meth:`_sized`: None, most often, for what the bytes decide unless
        it is given.
        """
        sized = {name: value for name, value in _keywords(cls._sized).items() if value is not inspect.Parameter.empty}
        return sized | {name: value for name, value in cls._own_keywords().items() if name not in sized}

    @classmethod
    def _sized(cls, *workload: Any, **options: Any) -> dict[str, Any]:
        """Keywords of the constructor that a budget decides.

        It takes what ``for_budget`` takes and, behind ``*``, the parameters that it needs by name: without a default
        those of the constructor, with one those that the constructor lacks or has no such default for.
        """
        return {}

    @classmethod
    def _configuration(cls, workload: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
        """Keywords of the constructor for a workload with its budget, and what was set of :meth:`_options`."""
        known = cls._options()
        if unknown := [name for name in params if name not in known]:
            raise TypeError(f"{cls._label()} has no parameter {unknown[0]!r}")
        options = known | params
        decided = cls._sized(*workload, **{name: options[name] for name in _keywords(cls._sized)})
        return {name: options[name] for name in cls._own_keywords()} | decided

    @classmethod
    def _label(cls) -> str:
        return cls.name or cls.__name__


class FittedMethod(Method):
    """A method that is fitted to vectors and consists of parts, by which it is stored.

    Notes
    -----
    Class attributes are those of :class:`Method`, ``kind_exceptions`` (kind of vectors, or ``"kind, metric"`` -> why it
    costs the method more recall than the checks allow; docs/embeddings.md has the kinds) and ``renamed_parts`` (what
    parts were called in earlier versions -> what they are called now).
    """

    kind_exceptions: ClassVar[dict[str, str]] = {}
    renamed_parts: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def parts(self) -> dict[str, np.ndarray]:
        """What must be stored besides the codes, by name; enough to rebuild the codec. Needs ``fit``."""

    @classmethod
    def from_parts(cls, params: dict[str, Any], parts: dict[str, np.ndarray]) -> Self:
        """The fitted codec again, from :meth:`params` and :meth:`parts`."""
        codec = cls(**params)
        codec._load_parts({cls.renamed_parts.get(name, name): np.asarray(array) for name, array in parts.items()})
        codec.fitted_ = True
        return codec

    def present_parts(self, parts: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """``parts`` under the names that they have now, those of an inner codec (``codec.<name>``) too."""
        present = {self.renamed_parts.get(name, name): array for name, array in parts.items()}
        inner = getattr(self, "codec_", None)
        if not isinstance(inner, FittedMethod):
            return present
        own = {name: array for name, array in present.items() if not name.startswith(_INNER)}
        return own | behind(_INNER, inner.present_parts(under(_INNER, present)))

    def save(self, path: str | Path) -> Path:
        """Write the fitted codec into one file, which :func:`methods.load` reads (:mod:`methods.storage`)."""
        self._check_fitted()
        return storage.save(self, path)

    @abstractmethod
    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        """Set the attributes that ``_fit`` sets, from :meth:`parts`."""

    def _fit(self, data: Any, seed: int) -> None:
        """Learn from sound ``data`` (at least one item); set attributes ending in ``_``."""

    def _fit_anew(self, data: Any, seed: int) -> Self:
        """:meth:`_fit`, with nothing left of an earlier fit."""
        return self._learn_anew(lambda: self._fit(data, seed))

    def _learn_anew(self, learn: Callable[[], None]) -> Self:
        """``learn()``, with nothing left of an earlier fit."""
        for key in [key for key in vars(self) if key.endswith("_") and not key.startswith("_")]:
            delattr(self, key)
        learn()
        self.fitted_ = True
        return self

    def _check_fitted(self) -> None:
        if not getattr(self, "fitted_", False):
            raise NotFitted(f"{self._label()} is not fitted; call fit(...) or from_parts(...) first")


def _with_earlier_names(constructor: Callable[..., None]) -> Callable[..., None]:
    """``constructor`` that takes parameters by their earlier names, too."""

    @functools.wraps(constructor)
    def renaming(self: Parametrized, *args: Any, **params: Any) -> None:
        constructor(self, *args, **self.present_params(params))

    return renaming


@functools.lru_cache(maxsize=1024)  # trying all sizes of a code asks for the same few thousands of times
def _signature(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(function).parameters


def _keywords(function: Callable[..., Any]) -> dict[str, Any]:
    """Parameters of ``function`` that are given by name alone, with their defaults (or ``Parameter.empty``)."""
    parameters = _signature(function).items()
    return {name: each.default for name, each in parameters if each.kind is each.KEYWORD_ONLY}


def _takes_more(function: Callable[..., Any]) -> bool:
    """Whether ``function`` has ``**keywords``."""
    return any(each.kind is each.VAR_KEYWORD for each in _signature(function).values())
