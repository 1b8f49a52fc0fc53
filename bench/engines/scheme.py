"""What the catalogue says of an engine and of each way in which it compresses vectors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from bench.engines.formula import Formula, Number

KINDS = ("library", "extension", "database", "service")
CHECKS = ("run", "source", "docs")
PLACES = ("memory", "disk", "none")
RESCORES = ("by default", "on request", "never")
PLACEHOLDER = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
SHARED = ("d", "ip", "l2")  # variables of every formula: dimension; 1 under that metric, else 0
FILLED = ("dim", "bytes")  # placeholders of every template


@dataclass(frozen=True)
class Originals:
    """The vectors as they were given, which most engines keep beside the codes.

    Attributes
    ----------
    place : {"memory", "disk", "none"}
        Where they are unless the user says otherwise; ``none``: the code is all that is kept.
    bytes : Formula
        Of one vector.
    note : str
        What moves or drops them.
    """

    place: str
    bytes: Formula
    note: str = ""


@dataclass(frozen=True)
class Addition:
    """Bytes of one vector on top of its code: ids, or the links of a graph.

    Attributes
    ----------
    bytes : Formula
    note : str
        Under which settings, and what else there is.
    checked : {"run", "source", "docs"}
    sources : tuple of str
        Keys of :attr:`EngineEntry.sources`.
    """

    bytes: Formula
    note: str
    checked: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Rescoring:
    """Whether candidates are ordered by something finer than the codes that chose them.

    Attributes
    ----------
    when : {"by default", "on request", "never"}
    oversampling : float or None
        Candidates for each requested neighbor, where the engine has a default.
    typed : str
        What a user writes to change it, with placeholders as in :attr:`Scheme.typed`.
    note : str
    """

    when: str
    oversampling: float | None = None
    typed: str = ""
    note: str = ""


@dataclass(frozen=True)
class Limits:
    """What a scheme demands of vectors.

    Attributes
    ----------
    least_dim, most_dim : int or None
    multiple_of : Formula or None
        The dimension has to be a multiple of this.
    least_train : Formula or None
        Vectors without which it is not trained.
    """

    least_dim: int | None = None
    most_dim: int | None = None
    multiple_of: Formula | None = None
    least_train: Formula | None = None

    def broken_by(self, variables: Mapping[str, Number]) -> str:
        """Why vectors of ``d`` dimensions cannot be compressed so; empty if they can."""
        dim = variables["d"]
        if self.most_dim is not None and dim > self.most_dim:
            return f"takes at most {self.most_dim:,} dimensions, not {dim:,}"
        if self.least_dim is not None and dim < self.least_dim:
            return f"takes at least {self.least_dim} dimensions, not {dim}"
        if self.multiple_of is not None:
            step = self.multiple_of.value(variables)
            if step < 1 or dim % step:
                return f"takes dimensions that are multiples of {max(step, 1)}, not {dim}"
        return ""

    def __str__(self) -> str:
        """In words; empty if there are none."""
        parts = []
        if self.least_dim is not None:
            parts.append(f"at least {self.least_dim:,} dimensions")
        if self.most_dim is not None:
            parts.append(f"at most {self.most_dim:,} dimensions")
        if self.multiple_of is not None:
            parts.append(f"dimensions a multiple of {self.multiple_of.text}")
        if self.least_train is not None:
            least = self.least_train.text
            parts.append(
                f"trained on at least {int(least):,} vectors" if least.isdecimal() else f"at least {least} vectors"
            )
        return ", ".join(parts)


@dataclass(frozen=True)
class Setting:
    """Values that a user chooses from, each as the engine writes it.

    Attributes
    ----------
    values : tuple of (str, Number or Formula)
        What is typed, and what it stands for in formulas; a formula of d where the choice depends on the dimension.
        What is typed is empty where it is the number.
    """

    values: tuple[tuple[str, Number | Formula], ...]

    def at(self, variables: Mapping[str, Number]) -> Iterator[tuple[str, Number]]:
        """What is typed and its number, each number once."""
        known: set[Number] = set()
        for typed, value in self.values:
            number = value.value(variables) if isinstance(value, Formula) else value
            if number >= 1 and number not in known:
                known.add(number)
                yield typed or in_digits(number), number


@dataclass(frozen=True)
class Scheme:
    """One way in which an engine stores compressed vectors.

    Attributes
    ----------
    name : str
        The engine's own.
    method : str or None
        The method of this project that it equals or is nearest to; None if none is near.
    equals : bool
        Whether the codes are the method's own, but for :attr:`over_method`.
    params : mapping
        Keywords of the method; a value ``"{bits}"`` is that of the setting.
    differs : str
        What it does otherwise than the method.
    typed : str
        What a user writes, with ``{dim}``, ``{bytes}`` and settings to be filled in; empty if there is
        nothing to write.
    code, factors : Formula or None
        Bytes of the levels with their padding, and of the numbers kept with each vector. None: not known.
    over_method : Formula
        Bytes of a code beyond those of the method's code at the same settings, and in ``over_because`` why.
    settings : mapping of str to Setting
    unknown_bytes : str
        Why there is no formula.
    additions : mapping of str to Addition
        ``ids`` and ``links``.
    metrics : mapping of str to mapping of str to str
        Of ip, cosine and l2, those under which it is offered, each with the engine's words for it by placeholder.
    since : str
        The first version that has it; empty if not known.
    checked : {"run", "source", "docs"}
        How the bytes are known: measured by running it, read in its source, or read in its documentation.
    """

    name: str
    method: str | None
    equals: bool
    params: Mapping[str, Any]
    differs: str
    typed: str
    code: Formula | None
    factors: Formula
    over_method: Formula
    over_because: str
    settings: Mapping[str, Setting]
    unknown_bytes: str
    originals: Originals
    additions: Mapping[str, Addition]
    rescoring: Rescoring
    limits: Limits
    metrics: Mapping[str, Mapping[str, str]]
    since: str
    checked: str
    sources: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def takes(self, metric: str) -> bool:
        """Whether vectors are compared so; cosine is also ip or l2 of vectors of length 1."""
        return self.words_of(metric) is not None

    def words_of(self, metric: str) -> Mapping[str, str] | None:
        """What the engine calls ``metric``, by placeholder; None if it has no such metric."""
        stand_ins = ("cosine", "ip", "l2") if metric == "cosine" else (metric,)
        return next((self.metrics[name] for name in stand_ins if name in self.metrics), None)


@dataclass(frozen=True)
class EngineEntry:
    """A database, or a library with an index, as its file in the catalogue says.

    Attributes
    ----------
    name : str
        Of the file, and on the command line.
    title : str
    kind : {"library", "extension", "database", "service"}
    version : str
        That the statements describe.
    summary : str
        One line.
    runs_as : str
        A Python package in which it runs without a server; empty if there is none.
    sources : mapping of str to str
        Key to document, or project and file.
    schemes : tuple of Scheme
    notes : tuple of (str, tuple of str)
        Text and keys of sources.
    """

    name: str
    title: str
    kind: str
    version: str
    summary: str
    sources: Mapping[str, str]
    schemes: tuple[Scheme, ...]
    runs_as: str = ""
    notes: tuple[tuple[str, tuple[str, ...]], ...] = field(default=())


def in_digits(number: Number) -> str:
    """``1.5`` for three halves."""
    return str(float(number)) if isinstance(number, Fraction) and number.denominator > 1 else str(int(number))


def fill(template: str, values: Mapping[str, str]) -> str:
    """``template`` with the value of each ``{name}``; other braces stay."""
    return PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), template)
