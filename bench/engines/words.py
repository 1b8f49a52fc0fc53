"""The catalogue in lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from bench.engines.offers import Offer, Refusal
from bench.engines.scheme import PLACEHOLDER, EngineEntry, Originals, Rescoring, Scheme
from bench.report.words import count_bytes

_WIDTH = 10  # of the words in front of a line
_CHECKED = {
    "run": "bytes measured by running it",
    "source": "bytes read in its source",
    "docs": "bytes as documented",
}


def engine_line(entry: EngineEntry) -> str:
    """One engine in one line."""
    count = len(entry.schemes)
    schemes = f"{count} scheme{'s' if count > 1 else ''}"
    return f"{entry.name:<16}{entry.kind:<11}{schemes:<12}{entry.summary}"


def engine_lines(
    entry: EngineEntry, listed: Sequence[Offer], refused: Sequence[Refusal], n: int | None
) -> Iterator[str]:
    """An engine with its offers at one dimension, a block for each scheme."""
    runs = f"; runs without a server as {entry.runs_as}" if entry.runs_as else ""
    yield f"{entry.title} {entry.version}, {entry.kind}: {entry.summary}{runs}"
    if listed:
        dim = listed[0].dim
        yield f"vectors of {dim} dimensions, {4 * dim:,} bytes as float32, compared by {listed[0].metric}"
    for _, group in groupby(listed, key=lambda offer: offer.scheme.name):
        offers = list(group)
        yield ""
        yield from _scheme_lines(offers, offers[0].scheme.name, ", ".join(offers[0].scheme.sources), n)
    if refused:
        yield ""
        yield "not for these vectors:"
        yield from (f"  {each.scheme.name}: {each.reason}" for each in refused)
    if entry.notes:
        yield ""
        yield from (f"note: {text} ({', '.join(keys)})" for text, keys in entry.notes)
    yield ""
    yield from (f"source {key}: {text}" for key, text in entry.sources.items())


def method_lines(method: str, listed: Sequence[Offer], n: int | None) -> Iterator[str]:
    """Where a method can be had, a block for each engine's scheme."""
    if not listed:
        yield f"no engine of the catalogue has {method} for such vectors"
        return
    dim = listed[0].dim
    yield f"{method} for vectors of {dim} dimensions, {4 * dim:,} bytes as float32, compared by {listed[0].metric}"
    for (engine, _), group in groupby(listed, key=lambda offer: (offer.engine.title, offer.scheme.name)):
        offers = list(group)
        yield ""
        scheme, sources = offers[0].scheme, offers[0].engine.sources
        yield from _scheme_lines(
            offers, f"{engine} {scheme.name}", "; ".join(sources[key] for key in scheme.sources), n
        )


def _scheme_lines(offers: Sequence[Offer], title: str, sources: str, n: int | None) -> Iterator[str]:
    """A block: the offers of one scheme, then what holds for all of them."""
    scheme = offers[0].scheme
    yield f"{title}: {relation(scheme)}{f', since {scheme.since}' if scheme.since else ''}"
    for offer in offers:
        yield from _offer_lines(offer, n)
    if scheme.unknown_bytes:
        yield _row("bytes", f"not known: {scheme.unknown_bytes} ({sources})")
    else:
        yield _row("checked", f"{_CHECKED[scheme.checked]} ({sources})")
    if scheme.differs:
        yield _row("differs", scheme.differs)
    if over := over_method(offers[0]):
        yield _row("beyond", f"{over} bytes more than the method's own code: {scheme.over_because}")
    for what, addition in scheme.additions.items():
        value = offers[0].ids if what == "ids" else offers[0].links
        yield _row(what, f"{value:,} bytes on top: {addition.note} ({addition.checked})")
    yield _row("originals", originals(scheme.originals, offers[0].originals))
    yield _row("rescoring", rescoring(scheme.rescoring, offers[0].rescoring))
    if limits := str(scheme.limits):
        yield _row("limits", limits)
    yield from (_row("note", note) for note in scheme.notes)


def _offer_lines(offer: Offer, n: int | None) -> Iterator[str]:
    if offer.bytes is None:
        yield _typed(offer)
        return
    assert offer.code is not None
    parts = f" ({offer.code:,} + {offer.factors} of factors)" if offer.factors else ""
    total = f"; {totals(offer, n)}" if n is not None else ""
    yield _row("bytes", f"{offer.bytes:,}{parts}, {offer.ratio:.1f}x{total}")
    yield _typed(offer)


def _typed(offer: Offer) -> str:
    """What to write, later lines below the first."""
    return _row("type", (offer.typed or "nothing").replace("\n", "\n" + " " * (_WIDTH + 2)))


def totals(offer: Offer, n: int) -> str:
    """What ``n`` vectors take, codes, memory and disk apart."""
    assert offer.bytes is not None
    assert offer.memory_bytes is not None
    in_memory = offer.scheme.originals.place == "memory"
    on_top = [("ids", offer.ids), ("links", offer.links), ("originals", offer.originals if in_memory else 0)]
    parts = [f"{n:,} vectors: codes {count_bytes(n * offer.bytes)}"]
    if names := [name for name, size in on_top if size]:
        parts.append(f"with {' and '.join(names)} {count_bytes(n * offer.memory_bytes)}")
    if offer.disk_bytes:
        parts.append(f"originals on disk {count_bytes(n * offer.disk_bytes)}")
    return ", ".join(parts)


def relation(scheme: Scheme) -> str:
    """To which method it is equal or near."""
    if scheme.method is None:
        return "near no method here"
    params = "".join(
        f" {key}={PLACEHOLDER.sub(lambda name: name[1], str(value))}" for key, value in scheme.params.items()
    )
    return f"{'equals' if scheme.equals else 'nearest to'} {scheme.method}{params}"


def over_method(offer: Offer) -> int:
    """How many bytes a code has beyond the method's."""
    return 0 if offer.bytes is None or offer.method_bytes is None else offer.bytes - offer.method_bytes


def originals(kept: Originals, size: int | None = None) -> str:
    """Where the original vectors are."""
    note = f"; {kept.note}" if kept.note else ""
    if kept.place == "none":
        return f"not kept{note}"
    many = f"{size:,}" if size is not None else kept.bytes.text
    return f"{many} bytes {'on disk' if kept.place == 'disk' else 'in memory'}{note}"


def rescoring(how: Rescoring, typed: str) -> str:
    """Whether candidates are rescored, and what to write (``typed``)."""
    times = f", {how.oversampling:g} candidates for each requested neighbor" if how.oversampling else ""
    parts = [f"{how.when}{times}", typed, how.note]
    return "; ".join(filter(None, parts))


def _row(word: str, text: str) -> str:
    return f"  {word:<{_WIDTH}}{text}"
