"""What a scheme comes to for vectors of one dimension: bytes, what to type, and the method that it stands for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.engines.entries import entry, names
from bench.engines.entries import scheme as scheme_of
from bench.engines.formula import FormulaError, Number
from bench.engines.scheme import PLACEHOLDER, EngineEntry, Scheme, fill
from bench.errors import UsageError
from methods import registry


@dataclass(frozen=True)
class Offer:
    """A scheme of an engine at one dimension and choice of settings.

    Attributes
    ----------
    engine : EngineEntry
    scheme : Scheme
    dim : int
        Of the vectors.
    metric : str
        ip, cosine or l2.
    settings : mapping of str to str
        As the engine writes them.
    typed : str
        What a user writes, filled in; empty if there is nothing to write.
    rescoring : str
        What a user writes for rescoring, filled in.
    params : mapping
        Keywords of the method.
    code, factors : int or None
        Bytes of the levels with padding, and of the numbers kept with each vector; None: not known.
    method_bytes : int or None
        Bytes of the method's own code at these settings: the budget for which this project has the like.
    ids, links : int or None
        Bytes of a vector on top of its code; None: not known.
    originals : int
        Bytes of the vector as it was given, wherever it is kept; 0 if it is not.
    """

    engine: EngineEntry
    scheme: Scheme
    dim: int
    metric: str
    settings: Mapping[str, str]
    typed: str
    rescoring: str
    params: Mapping[str, Any]
    code: int | None
    factors: int | None
    method_bytes: int | None
    ids: int | None
    links: int | None
    originals: int

    @property
    def bytes(self) -> int | None:
        """Of one code with its factors; None: not known."""
        return None if self.code is None or self.factors is None else self.code + self.factors

    @property
    def ratio(self) -> float | None:
        """Of float32 to the code."""
        return 4 * self.dim / self.bytes if self.bytes else None

    @property
    def memory_bytes(self) -> int | None:
        """Of one vector: code, what is known of ids and links, and the original if it is kept in memory."""
        if self.bytes is None:
            return None
        in_memory = self.originals if self.scheme.originals.place == "memory" else 0
        return self.bytes + (self.ids or 0) + (self.links or 0) + in_memory

    @property
    def disk_bytes(self) -> int:
        """Of the original of one vector, if it is kept on disk."""
        return self.originals if self.scheme.originals.place == "disk" else 0


@dataclass(frozen=True)
class Refusal:
    """A scheme that does not take vectors of a dimension or a metric.

    Attributes
    ----------
    scheme : Scheme
    reason : str
        What it takes.
    """

    scheme: Scheme
    reason: str


def offers(engine: str, dim: int, metric: str = "cosine", scheme: str | None = None) -> list[Offer]:
    """Every scheme of an engine, with every choice of its settings, for vectors of ``dim`` dimensions.

    Parameters
    ----------
    engine : str
        As :func:`~bench.engines.names` lists them.
    dim : int
    metric : {"cosine", "ip", "l2"}
    scheme : str or None
        Only this one.

    Raises
    ------
    UsageError
        No engine or scheme is called so, or none of them takes such vectors; the message says what they take.
    """
    described = entry(engine)
    schemes = described.schemes if scheme is None else (scheme_of(described, scheme),)
    listed = [offer for each in schemes for offer in _offers(described, each, dim, metric)]
    if not listed:
        reasons = sorted({_refusal(each, dim, metric) for each in schemes})
        name = f"{engine} {scheme}" if scheme else engine
        raise UsageError(f"{name}: {'; '.join(reasons)}")
    return listed


def refusals(engine: str, dim: int, metric: str = "cosine") -> list[Refusal]:
    """The schemes of an engine that do not take vectors of ``dim`` dimensions, each with the reason."""
    described = entry(engine)
    return [
        Refusal(each, _refusal(each, dim, metric))
        for each in described.schemes
        if not any(_offers(described, each, dim, metric))
    ]


def schemes_within(engine: str, dim: int, budget_bytes: int, metric: str = "cosine") -> list[Offer]:
    """What an engine offers whose codes, factors included, take at most ``budget_bytes``.

    Parameters
    ----------
    engine : str
        As :func:`~bench.engines.names` lists them.
    dim : int
    budget_bytes : int
        Most bytes of one code. Ids, links and originals are not part of it: :attr:`Offer.memory_bytes` and
        :attr:`Offer.disk_bytes` have them.
    metric : {"cosine", "ip", "l2"}

    Returns
    -------
    list of Offer
        The largest codes first; empty if all are larger, or of bytes that are not known.

    Raises
    ------
    UsageError
        No engine is called so, or none of its schemes takes such vectors.
    """
    within = [each for each in offers(engine, dim, metric) if each.bytes is not None and each.bytes <= budget_bytes]
    return sorted(within, key=lambda each: -(each.bytes or 0))


def where(method: str, dim: int, metric: str = "cosine") -> list[Offer]:
    """Where a method of this project can be had: every engine's schemes that equal it or are nearest to it.

    Parameters
    ----------
    method : str
        As ``python -m methods`` lists them, of any track.
    dim : int
    metric : {"cosine", "ip", "l2"}

    Returns
    -------
    list of Offer
        Those that equal it first, each by engine; :attr:`Scheme.differs` says in what the others differ. Schemes that
        do not take such vectors are left out. Empty if no engine has it.

    Raises
    ------
    UnknownMethod
        No method is called so; the message suggests the nearest.
    """
    registry.get(method, None)
    matching = [
        offer
        for name in names()
        for scheme in entry(name).schemes
        if scheme.method == method
        for offer in _offers(entry(name), scheme, dim, metric)
    ]
    return sorted(matching, key=lambda offer: not offer.scheme.equals)


def _offers(engine: EngineEntry, scheme: Scheme, dim: int, metric: str) -> Iterator[Offer]:
    if not scheme.takes(metric):
        return
    for typed, variables in _choices(scheme, dim, metric):
        if not scheme.limits.broken_by(variables):
            yield _offer(engine, scheme, dim, metric, typed, variables)


def _choices(scheme: Scheme, dim: int, metric: str) -> Iterator[tuple[dict[str, str], dict[str, Number]]]:
    """Each choice of settings: as they are typed, and the variables of formulas."""
    shared: dict[str, Number] = {"d": dim, "ip": int(metric == "ip"), "l2": int(metric == "l2")}
    values = [[(name, *value) for value in setting.at(shared)] for name, setting in scheme.settings.items()]
    for chosen in itertools.product(*values):
        yield {name: typed for name, typed, _ in chosen}, shared | {name: number for name, _, number in chosen}


def _offer(
    engine: EngineEntry, scheme: Scheme, dim: int, metric: str, typed: dict[str, str], variables: dict[str, Number]
) -> Offer:
    try:
        code = scheme.code.value(variables) if scheme.code else None
        factors = scheme.factors.value(variables) if scheme.code else None
        total = None if code is None or factors is None else code + factors
        additions = {what: addition.bytes.value(variables) for what, addition in scheme.additions.items()}
        values = {"dim": str(dim), "bytes": str(total), **(scheme.words_of(metric) or {}), **typed}
        return Offer(
            engine=engine,
            scheme=scheme,
            dim=dim,
            metric=metric,
            settings=typed,
            typed=fill(scheme.typed, values),
            rescoring=fill(scheme.rescoring.typed, values),
            params={key: _param(value, variables) for key, value in scheme.params.items()},
            code=code,
            factors=factors,
            method_bytes=None if total is None else total - scheme.over_method.value(variables),
            ids=additions.get("ids"),
            links=additions.get("links"),
            originals=scheme.originals.bytes.value(variables),
        )
    except FormulaError as error:
        raise UsageError(f"{engine.name} {scheme.name}: {error}") from None


def _param(value: Any, variables: Mapping[str, Number]) -> Any:
    """A keyword's value; that of a setting where it is ``"{setting}"``, and text where it has more than that."""
    if not isinstance(value, str):
        return value
    alone = PLACEHOLDER.fullmatch(value)
    if alone:
        return variables[alone[1]]
    return fill(value, {name: str(each) for name, each in variables.items()})


def _refusal(scheme: Scheme, dim: int, metric: str) -> str:
    """Why a scheme takes no such vectors."""
    if not scheme.takes(metric):
        return f"compares by {', '.join(scheme.metrics)}, not {metric}"
    reasons = [scheme.limits.broken_by(variables) for _, variables in _choices(scheme, dim, metric)]
    return next(filter(None, reasons), f"has no setting for {dim} dimensions")
