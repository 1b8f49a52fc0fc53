"""Where the chosen method can be had: engines whose codes equal it, and the nearest that can be had where none does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.engines.offers import Offer as SchemeOffer
from bench.engines.offers import where
from bench.measure.statistics import Difference, paired_difference
from bench.recommend.offer import Offer
from bench.recommend.race import Racer
from bench.records import Record


@dataclass(frozen=True)
class Places:
    """Which engines have a method.

    Attributes
    ----------
    offer : Offer
        The chosen method.
    equal : list of bench.engines.Offer
        Whose codes are those that were measured, those within the budget first, of these those that take least memory.
    other : list of bench.engines.Offer
        Of the same method at other settings or sizes, one for each scheme; what they keep was not measured.
    code_bytes : int
        The budget.
    substitute : Offer or None
        Where no engine has what was measured within the budget: the best that was measured and that some engine has.
    instead : list of bench.engines.Offer
        Which have it.
    own : Offer or None
        The chosen method on the vectors that the substitute was measured on.
    against : Difference or None
        Of the chosen method's recall over the substitute's, on the same queries.
    """

    offer: Offer
    equal: list[SchemeOffer]
    other: list[SchemeOffer]
    code_bytes: int
    substitute: Offer | None = None
    instead: list[SchemeOffer] = field(default_factory=list)
    own: Offer | None = None
    against: Difference | None = None

    @property
    def within(self) -> list[SchemeOffer]:
        """Of :attr:`equal` those within the budget."""
        return [each for each in self.equal if (each.bytes or 0) <= self.code_bytes]


def places_of(chosen: Offer, rounds: Sequence[Sequence[Racer]], code_bytes: int) -> Places:
    """Where the chosen method can be had.

    Parameters
    ----------
    chosen : Offer
    rounds : sequence of (sequence of Racer)
        The deciding round, then those before it, each best recall first.
    code_bytes : int
        The budget.
    """
    equal = equal_schemes(chosen.record, code_bytes)
    places = Places(chosen, equal, _others(chosen.record, equal), code_bytes)
    if places.within:
        return places
    for racers in rounds:
        own = next((racer for racer in racers if racer.name == chosen.name), None)
        best = best_had(racers, code_bytes)
        if own is not None and best is not None:
            against = paired_difference(own.per_query, best.per_query)
            instead = [each for each in equal_schemes(best.offer.record, code_bytes) if _fits(each, code_bytes)]
            return Places(chosen, equal, places.other, code_bytes, best.offer, instead, own.offer, against)
    return places


def best_had(racers: Sequence[Racer], code_bytes: int) -> Racer | None:
    """The first racer whose codes some engine has within the budget."""
    for racer in racers:
        if any(_fits(each, code_bytes) for each in equal_schemes(racer.offer.record, code_bytes)):
            return racer
    return None


def equal_schemes(record: Record, code_bytes: int) -> list[SchemeOffer]:
    """What engines have whose codes are those of a run: within the budget first, then those that take less memory,
    then engines that run in a Python program."""
    size, params = _code_size(record), record.method.params or {}
    equal = [
        each
        for each in _same_method(record)
        if each.method_bytes == size and all(params.get(key) == value for key, value in each.params.items())
    ]

    def order(each: SchemeOffer) -> tuple[bool, int, bool, str]:
        return not _fits(each, code_bytes), each.memory_bytes or 0, not each.engine.runs_as, each.engine.name

    return sorted(equal, key=order)


def _others(record: Record, equal: Sequence[SchemeOffer]) -> list[SchemeOffer]:
    """Of the same method, of each scheme that is not equal the code nearest in size."""
    size = _code_size(record)
    taken = {(each.engine.name, each.scheme.name) for each in equal}
    nearest: dict[tuple[str, str], SchemeOffer] = {}
    for each in sorted(_same_method(record), key=lambda one: (abs((one.method_bytes or 0) - size), one.memory_bytes)):
        if (name := (each.engine.name, each.scheme.name)) not in taken:
            nearest.setdefault(name, each)
    return list(nearest.values())


def _same_method(record: Record) -> list[SchemeOffer]:
    listed = where(record.method.name, record.dataset.dim, record.dataset.metric)
    return [each for each in listed if each.scheme.equals and each.bytes is not None]


def _fits(scheme: SchemeOffer, code_bytes: int) -> bool:
    return (scheme.bytes or 0) <= code_bytes


def _code_size(record: Record) -> int:
    """Bytes of a code, without a finer one beside it."""
    assert record.bytes is not None
    return record.bytes.code - record.bytes.rescore_memory // record.dataset.n
