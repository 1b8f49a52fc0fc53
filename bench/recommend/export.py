"""The answer as one JSON object; ``docs/commands.md`` has its fields."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from bench.engines.export import offer_data
from bench.engines.offers import Offer as SchemeOffer
from bench.measure.statistics import Difference
from bench.recommend import engine_words
from bench.recommend.actions import commands, python_lines
from bench.recommend.answer import Answer, Staying
from bench.recommend.disk import DiskOrder
from bench.recommend.offer import Offer
from bench.recommend.places import Places
from bench.recommend.prices import Prices, monthly
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
        "float32": _float32(answer),
        "meets_limits": answer.chosen is not None,
        "take": offers(answer.chosen),
        "runner_up": offers(answer.runner_up),
        "difference": against and _difference(against),
        "staying": answer.staying and _staying(answer.staying, question),
        "where": answer.places and _places(answer.places, answer),
        "engine_commands": engine_words.commands(answer),
        "trades": [_offer(trade.other, question) for trade in answer.trades],
        "nearest": [_offer(one, question) for one in answer.nearest],
        "closest": {option: _offer(one, question) for option, one in answer.closest.items()},
        "nearer": offers(answer.nearer),
        "other_budgets": {str(size): _offer(one, question) for size, one in sorted(answer.elsewhere.items())},
        "fastest": offers(answer.fastest),
        "rescore_disk": answer.disk and _disk(answer.disk),
        "index": answer.visits and dataclasses.asdict(answer.visits),
        "commands": commands(answer),
        "python": python_lines(answer),
        "saved": answer.saved and dataclasses.asdict(answer.saved),
        "vectors": answer.vectors,
        "raced": answer.raced,
        "not_measured": [
            {"method": name, "status": record.status, "reason": record.reason} for name, record in answer.failed.items()
        ],
        "not_raced": answer.left_out,
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
        "schemes": [_scheme(each, offer.n, question.prices) for each in offer.schemes],
        "recall": offer.recall.value,
        "recall_low": offer.recall.low,
        "recall_high": offer.recall.high,
        "measured_on": record.dataset.n,
        "recall_at_n": offer.recall_at_n,
        "recall_at_n_low": None if at_n is None else at_n.low,
        "recall_at_n_high": None if at_n is None else at_n.high,
        "memory_bytes": offer.memory_bytes,
        "disk_bytes": offer.disk_bytes,
        "monthly": _monthly(question.prices, offer.memory_bytes, offer.disk_bytes),
        "p50_ms": offer.p50_ms,
        "fit_s": record.seconds["fit"],
        "encode_vectors_per_s": offer.encode_rate,
        "build_s": offer.build_s,
        "threads": offer.used_threads,
        "measured_threads": offer.measured_threads,
        "misses": offer.misses(question.limits),
    }


def _monthly(prices: Prices | None, memory_bytes: int, disk_bytes: int) -> dict[str, Any] | None:
    money = monthly(prices, memory_bytes, disk_bytes)
    return None if money is None else {**dataclasses.asdict(money), "total": money.total}


def _float32(answer: Answer) -> dict[str, Any]:
    size = 4 * answer.dim * answer.n
    return {"memory_bytes": size, "disk_bytes": 0, "monthly": _monthly(answer.question.prices, size, 0)}


def _scheme(scheme: SchemeOffer, n: int, prices: Prices | None) -> dict[str, Any]:
    size = n * (scheme.memory_bytes or 0)
    return {**offer_data(scheme, n), "monthly": _monthly(prices, size, n * scheme.disk_bytes)}


def _difference(against: Difference) -> dict[str, float]:
    return {key: getattr(against, key) for key in ("value", "low", "high", "p")}


def _staying(staying: Staying, question: Question) -> dict[str, Any]:
    return {
        "best": _offer(staying.best, question),
        "own": _offer(staying.own, question),
        "difference": _difference(staying.against),
    }


def _places(places: Places, answer: Answer) -> dict[str, Any]:
    substitute, against = places.substitute, places.against

    def listed(schemes: Sequence[SchemeOffer]) -> list[dict[str, Any]]:
        return [_scheme(each, answer.n, answer.question.prices) for each in schemes]

    return {
        "method": places.offer.method,
        "equal": listed(places.equal),
        "other": listed(places.other),
        "substitute": substitute and _offer(substitute, answer.question),
        "substitute_in": listed(places.instead),
        "difference": against and _difference(against),
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
