"""What races: methods within the budget, and what engines have there, each as the method that it equals or is near."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bench.engines.offers import Offer as SchemeOffer
from bench.engines.offers import offers, schemes_within
from bench.errors import UsageError
from bench.recommend.offer import options_in_words
from bench.recommend.question import Question
from methods import MethodError, registry
from methods.compose import rescored
from methods.metric import Metric


@dataclass(frozen=True)
class Entry:
    """A method with its options at a budget.

    Attributes
    ----------
    method : str
    budget : str
        As a run takes it.
    options : mapping
        Of the method.
    schemes : tuple of bench.engines.Offer
        What engines have that it stands for, the smallest first; empty for a method of its own.
    label : str
        Its name in the race, where that is more than the method's.
    """

    method: str
    budget: str
    options: Mapping[str, Any] = field(default_factory=dict)
    schemes: tuple[SchemeOffer, ...] = ()
    label: str = ""

    @property
    def name(self) -> str:
        """Of the one entry in a round."""
        return self.label or self.method


@dataclass
class Entries:
    """Those of a question.

    Attributes
    ----------
    listed : list of Entry
        What engines have first.
    left_out : scheme in words -> reason
        What engines have within the budget, but cannot be measured here.
    """

    listed: list[Entry]
    left_out: dict[str, str] = field(default_factory=dict)


def entries(question: Question, methods: Sequence[str], dim: int, metric: str, code_bytes: int) -> Entries:
    """All that race within ``code_bytes``.

    Parameters
    ----------
    question : Question
        Its engines, and the methods that it is narrowed to.
    methods : sequence of str
        That have a code within the budget.
    dim, metric, code_bytes
        Of the vectors; the most bytes of a code.

    Raises
    ------
    UsageError
        Where an engine of the question has nothing there; the message says the smallest that it has.
    """
    own = [Entry(name, question.budget) for name in methods]
    if not question.engines:
        return Entries(own)
    schemes = [each for engine in question.engines for each in _schemes(engine, question, dim, metric, code_bytes)]
    made, left_out = _of_schemes(schemes, question, dim, metric)
    if not made:
        raise UsageError("; ".join(f"{title}: {reason}" for title, reason in left_out.items()))
    by_params = {str((name, _params(name, {}, dim, code_bytes, metric, question.rescore))): name for name in methods}
    twins = {by_params.get(str((one.method, params))): one for one, params in made if one.method in methods}
    joined = [replace(one, schemes=twins[one.method].schemes) if one.method in twins else one for one in own]
    taken = {id(one) for name, one in twins.items() if name is not None}
    listed = [one for one, _ in made if id(one) not in taken] + joined
    return Entries(sorted(listed, key=lambda one: not one.schemes), left_out)


def elsewhere(question: Question, dim: int, metric: str, code_bytes: int, known: Collection[str]) -> list[Entry]:
    """What engines have within another budget, those of ``known`` names aside; empty where they have nothing."""
    schemes = []
    for engine in question.engines:
        try:
            schemes += _schemes(engine, question, dim, metric, code_bytes)
        except UsageError:
            continue
    made, _ = _of_schemes(schemes, question, dim, metric)
    return [one for one, _ in made if one.name not in known]


def _schemes(engine: str, question: Question, dim: int, metric: str, code_bytes: int) -> list[SchemeOffer]:
    """What an engine has within the budget that a method is near to: of each scheme the largest code."""
    with_rest = question.limits.max_memory_bytes is not None
    within = schemes_within(engine, dim, code_bytes, metric)
    if with_rest:
        within = [each for each in within if (each.memory_bytes or 0) <= code_bytes]
    if not within:
        raise UsageError(_too_large(engine, dim, metric, code_bytes, with_rest))
    near = [each for each in within if _is_dense(each)]
    if not near:
        names = ", ".join(dict.fromkeys(each.scheme.name for each in within))
        raise UsageError(f"{engine}: no method here is near what it has within {code_bytes} bytes ({names})")
    if question.methods and not (named := [each for each in near if each.scheme.method in question.methods]):
        offered = ", ".join(sorted({str(each.scheme.method) for each in near}))
        raise UsageError(
            f"{engine} has none of {', '.join(question.methods)} within {code_bytes} bytes; what it has there is or is "
            f"near {offered}"
        )
    if question.methods:
        near = named
    if question.rescore is not None:
        on_disk = [each for each in near if rescores_from_disk(each)]
        if not on_disk:
            raise UsageError(
                f"--rescore disk: {engine} has nothing within {code_bytes} bytes that it orders by originals on disk"
            )
        near = on_disk
    largest: dict[str, int] = {}
    for each in near:
        largest[each.scheme.name] = max(largest.get(each.scheme.name, 0), each.bytes or 0)
    return [each for each in near if each.bytes == largest[each.scheme.name]]


def _is_dense(scheme: SchemeOffer) -> bool:
    name = scheme.scheme.method
    return name is not None and registry.get(name, None).track == registry.DENSE


def rescores_from_disk(scheme: SchemeOffer) -> bool:
    """Whether an engine can order candidates by originals that are on disk."""
    return scheme.scheme.rescoring.when != "never" and scheme.scheme.originals.place == "disk"


def _too_large(engine: str, dim: int, metric: str, code_bytes: int, with_rest: bool) -> str:
    """That an engine has nothing so small, and the smallest that it has."""
    known = [each for each in offers(engine, dim, metric) if each.bytes is not None]
    if not known:
        return f"{engine}: the bytes of its codes are not known"
    if with_rest:
        least = min(known, key=lambda each: each.memory_bytes or 0)
        return (
            f"{engine} has nothing within {code_bytes} bytes a vector of --memory at {dim} dimensions: the smallest is "
            f"{least.scheme.name}, {least.memory_bytes} bytes with ids and links"
        )
    least = min(known, key=lambda each: each.bytes or 0)
    return (
        f"{engine} has no code within {code_bytes} bytes at {dim} dimensions: its smallest is {least.scheme.name} with "
        f"{least.bytes}; give --budget {least.bytes}B"
    )


def _of_schemes(
    schemes: Iterable[SchemeOffer], question: Question, dim: int, metric: str
) -> tuple[list[tuple[Entry, Any]], dict[str, str]]:
    """An entry, with its codec's parameters, for all schemes of the same method, options and bytes; what cannot be."""
    groups: dict[tuple[str, str, int], list[SchemeOffer]] = {}
    for each in schemes:
        assert each.scheme.method is not None
        assert each.method_bytes is not None
        groups.setdefault((each.scheme.method, str(sorted(each.params.items())), each.method_bytes), []).append(each)
    made, left_out = [], {}
    for (method, _, size), same in groups.items():
        title = ", ".join(f"{each.engine.name} {each.scheme.name}" for each in same)
        if missing := registry.missing_dependencies(method):
            left_out[title] = f"{method} needs {', '.join(missing)}; install it with pip"
            continue
        options = {
            key: value if isinstance(value, (int, str)) else float(value) for key, value in same[0].params.items()
        }
        try:
            params = _params(method, options, dim, size, metric, question.rescore)
        except MethodError as error:
            left_out[title] = str(error)
            continue
        ordered = tuple(sorted(same, key=lambda each: (each.bytes or 0, each.memory_bytes or 0)))
        label = f"{method}{options_in_words(options)} at {size} bytes"
        made.append((Entry(method, f"{size}B", options, ordered, label), params))
    return made, left_out


def _params(method: str, options: Mapping[str, Any], dim: int, size: int, metric: str, rescore: str | None) -> Any:
    """Parameters of the codec, which say which codes it has."""
    codec, _ = rescored.plan(method, dim, size, Metric.parse(metric), rescore=rescore, **options)
    return codec.params()
