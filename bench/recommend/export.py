"""The answer as one JSON object; ``docs/commands.md`` has its fields."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from bench.recommend.actions import commands, python_lines
from bench.recommend.answer import Answer
from bench.recommend.disk import DiskOrder
from bench.recommend.offer import Offer
from bench.recommend.question import Question
from bench.recommend.words import lines


def to_json(answer: Answer) -> str:
    """Strict JSON (no NaN), indented."""
    return json.dumps(document(answer), indent=2, allow_nan=False)


def document(answer: Answer) -> dict[str, Any]:
    """The answer in plain values."""
    question, against = answer.question, answer.against
    best = answer.chosen or answer.nearest[0]

    def offers(given: Offer | None) -> dict[str, Any] | None:
        return None if given is None else _offer(given, question)

    return {
        "question": _question(question),
        "n": answer.n,
        "dim": answer.dim,
        "metric": best.record.dataset.metric,
        "budget_bytes": answer.code_bytes,
        "meets_limits": answer.chosen is not None,
        "take": offers(answer.chosen),
        "runner_up": offers(answer.runner_up),
        "difference": against and {key: getattr(against, key) for key in ("value", "low", "high", "p")},
        "trades": [_offer(trade.other, question) for trade in answer.trades],
        "nearest": [_offer(one, question) for one in answer.nearest],
        "closest": {option: _offer(one, question) for option, one in answer.closest.items()},
        "nearer": offers(answer.nearer),
        "other_budgets": {str(size): _offer(one, question) for size, one in sorted(answer.elsewhere.items())},
        "fastest": offers(answer.fastest),
        "rescore_disk": answer.disk and _disk(answer.disk),
        "commands": commands(answer),
        "python": python_lines(answer),
        "saved": answer.saved and dataclasses.asdict(answer.saved),
        "vectors": answer.vectors,
        "raced": answer.raced,
        "not_measured": [
            {"method": record.method.name, "status": record.status, "reason": record.reason} for record in answer.failed
        ],
        "no_time": answer.unstarted,
        "favorites_without_time": answer.favorites_missing,
        "time_needed_s": answer.needed_s if answer.favorites_missing else None,
        "order_from": answer.order_from,
        "seconds": answer.seconds,
        "text": list(lines(answer)),
    }


def _question(question: Question) -> dict[str, Any]:
    """As it was asked: the limits beside the rest, a memory instead of the budget made of it."""
    values = dataclasses.asdict(question)
    limits = values.pop("limits")
    if (memory := limits.pop("max_memory_bytes")) is not None:
        values |= {"budget": None, "memory": memory}
    return values | limits


def _offer(offer: Offer, question: Question) -> dict[str, Any]:
    record, at_n = offer.record, offer.recall_range
    return {
        "method": offer.method,
        "options": {key: value for key, value in record.method.requested.items() if key != "name"},
        "code_bytes": offer.code,
        "recall": offer.recall.value,
        "recall_low": offer.recall.low,
        "recall_high": offer.recall.high,
        "measured_on": record.dataset.n,
        "recall_at_n": offer.recall_at_n,
        "recall_at_n_low": None if at_n is None else at_n.low,
        "recall_at_n_high": None if at_n is None else at_n.high,
        "memory_bytes": offer.memory_bytes,
        "disk_bytes": offer.disk_bytes,
        "p50_ms": offer.p50_ms,
        "fit_s": record.seconds["fit"],
        "encode_vectors_per_s": offer.encode_rate,
        "build_s": offer.build_s,
        "threads": offer.used_threads,
        "measured_threads": offer.measured_threads,
        "misses": offer.misses(question.limits),
    }


def _disk(order: DiskOrder) -> dict[str, Any]:
    values = {key: getattr(order, key) for key in ("reads", "row_bytes", "disk_bytes", "warm_ms", "cold_ms")}
    kept = [
        {
            "method": one.method,
            "code_bytes": one.code_bytes,
            "recall": one.recall.value,
            "recall_low": one.recall.low,
            "recall_high": one.recall.high,
            "measured_on": one.measured_on,
        }
        for one in order.kept
    ]
    return {"kept": kept, **values}
