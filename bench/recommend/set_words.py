"""An answer about sets of vectors, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from bench.recommend.amounts import change, duration
from bench.recommend.offer import Limits
from bench.recommend.sets import SetsAnswer, SetsOffer
from bench.records import Record
from bench.report.words import count_bytes, number

__all__ = ["lines", "to_json"]

_SHOWN = 6  # of those that there was no time for
_ALL = 0.999  # of the true neighbors


def lines(answer: SetsAnswer) -> Iterator[str]:
    """The answer as text, a line each."""
    question, measured = answer.question, answer.ranked[0].record.dataset
    raw = 4 * answer.vectors * answer.dim
    disk = "nothing on disk" if question.disk_budget is None else f"{count_bytes(question.disk_budget)} on disk"
    yield (
        f"{answer.documents:,} documents of {answer.vectors:.4g} vectors of {answer.dim} dimensions, "
        f"{count_bytes(raw)} each as float32; at most {question.budget} in memory and {disk} for a document"
    )
    if question.disk_budget is not None and not answer.reads_disk:
        yield (
            f"the vectors as they are take {count_bytes(answer.disk_bytes)} of disk for a document: more than "
            f"--disk-budget, so that nothing is re-ranked from disk"
        )
    best = answer.chosen or answer.nearest
    if answer.chosen is None:
        yield f"nothing meets {_limits(question.limits)}; the nearest:"
    yield f"take {best.choice.label}"
    yield f"  {_kept(best)} on {measured.queries:,} queries"
    yield f"  {_costs(best)}"
    yield f"  {best.command}"
    equal = [offer for offer in answer.ranked if _is_equal(answer, offer)]
    for offer in equal:
        yield f"not distinguishable: {offer.choice.label}, {_kept(offer)}; {_costs(offer)}"
    if quicker := [offer for offer in equal if offer.p50_ms < best.p50_ms]:
        quickest = min(quicker, key=lambda offer: offer.p50_ms)
        yield f"of these the quickest: {quickest.choice.label}, {quickest.p50_ms:.3g} ms"
    for offer in answer.ranked:
        if offer is best or offer in equal:
            continue
        less = change(offer.recall.value - best.recall.value)
        word = "worse" if offer.meets(question.limits) else "misses the limits"
        yield f"{word}: {offer.choice.label}, recall@10 {less}; {_costs(offer)}"
    if answer.too_large:
        least = ", ".join(f"{label} ({count_bytes(size)})" for label, size in answer.too_large.items())
        yield f"larger than {question.budget} of a document at least: {least}"
    for label, why in answer.impossible.items():
        yield f"not possible here: {label}: {why}"
    if answer.unstarted:
        each = [f"{label} (about {duration(seconds)})" for label, seconds in answer.unstarted.items()]
        more = f" and {len(each) - _SHOWN} more" if len(each) > _SHOWN else ""
        yield f"no time for {', '.join(each[:_SHOWN])}{more}; --time {answer.enough_s} has it"
    if len(answer.ranked) > 1 and answer.ranked[-1].recall.value > _ALL:
        yield "every method finds all: these documents are too few or too alike, and say nothing of methods"
    if answer.documents > measured.n:
        yield (
            f"measured on {measured.n:,} documents: with {answer.documents:,} recall is lower, and latencies here are "
            "those of a scan that grows with them"
        )


def to_json(answer: SetsAnswer) -> str:
    """The answer as one JSON object."""
    chosen = answer.chosen
    return json.dumps(
        {
            "documents": answer.documents,
            "vectors_per_document": answer.vectors,
            "dim": answer.dim,
            "disk_bytes_per_document": answer.disk_bytes,
            "chosen": None if chosen is None else chosen.choice.label,
            "nearest": None if chosen is not None else answer.nearest.choice.label,
            "offers": [_as_json(answer, offer) for offer in answer.ranked],
            "too_large": answer.too_large,
            "impossible": answer.impossible,
            "unstarted_s": answer.unstarted,
        },
        indent=2,
        allow_nan=False,
    )


def _as_json(answer: SetsAnswer, offer: SetsOffer) -> Mapping[str, Any]:
    record, beside = offer.record, answer.beside.get(offer.choice.label)
    assert record.bytes is not None
    return {
        "method": offer.choice.method,
        "codec": offer.choice.codec or (record.method.params or {}).get("codec"),
        "candidates_from_disk": 10 * offer.choice.factor,
        "recall@10": [offer.recall.value, offer.recall.low, offer.recall.high],
        "p50_ms": offer.p50_ms,
        "cold_p50_ms": _cold(record),
        "bytes_in_memory": record.bytes.code,
        "bytes_of_parts": record.bytes.parts_total,
        "meets_limits": offer.meets(answer.question.limits),
        "p_against_chosen": None if beside is None else beside.p_adjusted,
        "command": offer.command,
    }


def _is_equal(answer: SetsAnswer, offer: SetsOffer) -> bool:
    beside = answer.beside.get(offer.choice.label)
    return beside is not None and not beside.distinguishable


def _limits(limits: Limits) -> str:
    given = {"--min-recall": limits.min_recall, "--max-p50-ms": limits.max_p50_ms}
    return " and ".join(f"{flag} {value:g}" for flag, value in given.items() if value is not None)


def _kept(offer: SetsOffer) -> str:
    recall = offer.recall
    return f"recall@10 {number(recall.value, '.3f')} [{number(recall.low, '.3f')}, {number(recall.high, '.3f')}]"


def _cold(record: Record) -> float | None:
    return record.disk.cold_ms["p50"] if record.disk is not None and record.disk.cold_ms is not None else None


def _costs(offer: SetsOffer) -> str:
    record = offer.record
    assert record.bytes is not None
    cold = _cold(record)
    reads = (
        f", {record.disk.reads:.3g} documents and {count_bytes(record.disk.bytes)} read a query"
        if record.disk is not None
        else ""
    )
    latency = f"p50 {offer.p50_ms:.3g} ms{f', {cold:.3g} ms cold' if cold is not None else ''}{reads}"
    spent = record.seconds.get("fit", 0.0) + record.seconds.get("encode", 0.0)
    parts = count_bytes(record.bytes.parts_total)
    return f"{record.bytes.code:,} B in memory and {parts} of parts; {latency}; built in {duration(spent)}"
