"""Sentences on engines: where a method can be had, what to type, and what it costs to stay with an engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.arguments import shell_word
from bench.engines import words
from bench.engines.offers import Offer as SchemeOffer
from bench.measure.statistics import Difference
from bench.recommend.amounts import change
from bench.recommend.answer import Answer
from bench.recommend.offer import Offer, title_of
from bench.recommend.places import Places
from bench.recommend.prices import Prices, monthly
from bench.report.words import count_bytes, number

_NAMED = 3  # engines, of those that have a method


def commands(answer: Answer) -> list[str]:
    """``python -m bench engines ...`` that list all of what engines have here."""
    best = answer.chosen or answer.nearest[0]
    space = f"--dim {answer.dim} --metric {best.record.dataset.metric} --n {answer.n}"
    if answer.question.engines:
        within = f" --budget {shell_word(answer.question.budget)}"
        return [f"python -m bench engines show {name} {space}{within}" for name in answer.question.engines]
    places, names = answer.places, list[str]()
    if places is not None and (places.equal or places.other):
        names.append(best.method)
    if places is not None and places.substitute is not None:
        names.append(places.substitute.method)
    return [f"python -m bench engines for {name} {space}" for name in dict.fromkeys(names)]


def scheme_lines(offer: Offer) -> Iterator[str]:
    """What an engine's scheme is, how to have it, and whether it rescores; nothing of a method of its own."""
    if (served := offer.scheme) is None:
        return
    scheme, record = served.scheme, offer.record
    assert record.bytes is not None
    if not scheme.equals:
        yield f"  differs  {record.method.name} at {record.bytes.code} bytes raced in its place, but {scheme.differs}"
    elif scheme.differs:
        yield f"  differs  {scheme.differs}"
    if over := words.over_method(served):
        yield f"  beyond   {over} bytes more than the method's own code: {scheme.over_because}"
    yield "  type     " + (served.typed or "nothing").replace("\n", "\n           ")
    yield f"  rescores {words.rescoring(scheme.rescoring, served.rescoring)}"
    if limits := str(scheme.limits):
        yield f"  limits   {limits}"
    for other in offer.schemes[1:]:
        yield f"  or       {title_of(other)}: {_size(other, offer.n)}; type {other.typed or 'nothing'}"


def memory(offer: Offer) -> str:
    """Memory and disk of all vectors, and what is in them."""
    if (served := offer.scheme) is None:
        disk = f", {count_bytes(offer.disk_bytes)} on disk" if offer.disk_bytes else ", nothing on disk"
        return f"{count_bytes(offer.memory_bytes)}{disk}"
    return f"{count_bytes(offer.memory_bytes)} for codes and parts{_on_top(served)}, {_originals(served, offer.n)}"


def costs(offer: Offer, prices: Prices | None) -> str:
    """What an offer costs a month, behind other words; nothing without prices."""
    money = monthly(prices, offer.memory_bytes, offer.disk_bytes)
    return "" if money is None else f", {money}"


def staying(answer: Answer) -> Iterator[str]:
    """What a method of any other would keep, where engines were named."""
    if (stay := answer.staying) is None:
        return
    engines = " and ".join(answer.question.engines)
    if stay.best.name == stay.own.name:
        yield f"staying with {engines} costs no recall: nothing that raced keeps more within {answer.code_bytes} bytes"
    else:
        best, own = stay.best, stay.own
        money = costs(best, answer.question.prices)
        yield (
            f"staying with {engines} costs {_difference(stay.against)} of recall@{best.k} within {answer.code_bytes} "
            f"bytes: {best.title} at {best.code}{money} keeps {best.recall.value:.3f} where this keeps "
            f"{own.recall.value:.3f}, on {own.record.dataset.n:,} vectors"
        )


def left_out(answer: Answer) -> Iterator[str]:
    """What the named engines have, but was not raced."""
    yield from (f"not raced: {title}: {reason}" for title, reason in answer.left_out.items())


def where_to_have(answer: Answer) -> Iterator[str]:
    """Engines that have the chosen method; without any, the nearest that can be had."""
    if (places := answer.places) is None:
        return
    chosen = places.offer
    if places.within:
        yield f"where {chosen.method} at {chosen.code} bytes can be had:"
        yield from _list(places.within, answer)
    else:
        yield _had_nowhere(places)
        yield from _substitute(places, answer)
    for command in commands(answer):
        yield f"  all, with what to type: {command}"


def _had_nowhere(places: Places) -> str:
    chosen = places.offer
    if places.equal:
        least = places.equal[0]
        return (
            f"no engine of the catalogue has {chosen.method} within {places.code_bytes} bytes: the smallest is "
            f"{title_of(least)} at {least.bytes}"
        )
    if places.other:
        near = places.other[0]
        return (
            f"no engine of the catalogue has {chosen.method} as it was measured; the nearest is {title_of(near)} at "
            f"{near.bytes} bytes, whose recall was not measured"
        )
    return f"no engine of the catalogue has {chosen.method}"


def _substitute(places: Places, answer: Answer) -> Iterator[str]:
    other, own, against = places.substitute, places.own, places.against
    if other is None or own is None or against is None:
        yield f"  nor anything else that raced, within {places.code_bytes} bytes"
        return
    yield (
        f"  nearest that can be had: {other.method} at {other.code} bytes, recall@{other.k} {other.recall.value:.3f}, "
        f"{_difference(against)} less than {own.method} on {own.record.dataset.n:,} vectors"
    )
    yield from _list(places.instead, answer)


def _list(schemes: Sequence[SchemeOffer], answer: Answer) -> Iterator[str]:
    """The first few, a line each."""
    for each in schemes[:_NAMED]:
        money = monthly(answer.question.prices, answer.n * (each.memory_bytes or 0), answer.n * each.disk_bytes)
        cost = "" if money is None else f", {money}"
        yield f"  {each.engine.name} {each.scheme.name}: {_size(each, answer.n)}{cost}"
    if (more := len(schemes) - _NAMED) > 0:
        yield f"  and {more} more"


def _size(scheme: SchemeOffer, n: int) -> str:
    size = n * (scheme.memory_bytes or 0)
    return f"{scheme.bytes} bytes, {count_bytes(size)} for codes{_on_top(scheme)}, {_originals(scheme, n)}"


def _on_top(scheme: SchemeOffer) -> str:
    names = [name for name, size in (("ids", scheme.ids), ("links", scheme.links)) if size]
    names += ["originals"] if scheme.scheme.originals.place == "memory" else []
    return f" with {' and '.join(names)}" if names else ""


def _originals(scheme: SchemeOffer, n: int) -> str:
    if scheme.disk_bytes:
        return f"{count_bytes(n * scheme.disk_bytes)} of originals on disk"
    return "nothing on disk"


def _difference(against: Difference) -> str:
    """``0.093 [0.081, 0.105], p = 0.0001``."""
    sure = "" if against.p < 0.05 else "not distinguishable, "
    low, high = number(against.low, ".3f"), number(against.high, ".3f")
    return f"{change(against.value).removeprefix('+')} [{low}, {high}] ({sure}p = {against.p:.2g})"
