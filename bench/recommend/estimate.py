"""How long a method's next run will take, from its run on a smaller sample."""

from __future__ import annotations

from bench.recommend.sample import Sample
from bench.records import Record

_LEAST_SEARCH_S, _LEAST_TIMED = 0.5, 100  # a latency is measured at least so long, and on so many queries
_BY_TRAINING, _BY_BASE = ("fit",), ("load", "encode", "encode_rescore", "build")


def seconds_on(record: Record, sample: Sample) -> float:
    """Seconds of the whole process of the same run on ``sample``.

    Each phase grows with what it passes over: training with the training vectors, encoding with the base, a search
    with base and queries, judging with the queries. What remains of the process (the start, imports) stays, and so
    does the warm-up, which compiles more than it searches.
    """
    spent, data = record.seconds, record.dataset
    base = sample.n / data.n
    queries = sample.queries / data.queries
    training = sample.train_size / data.n_train
    factors = dict.fromkeys(_BY_TRAINING, training) | dict.fromkeys(_BY_BASE, base)
    factors |= {"search_quality": base * queries, "judge": queries}
    grown = sum(spent.get(phase, 0.0) * (factor - 1.0) for phase, factor in factors.items())
    if record.latency_ms is not None and record.throughput is not None:
        one_by_one = max(_LEAST_SEARCH_S, _LEAST_TIMED * record.latency_ms["p50"] / 1e3 * base)
        batch = max(_LEAST_SEARCH_S, sample.queries / record.throughput["queries_per_s"] * base)
        grown += one_by_one - spent.get("search_single", one_by_one)
        grown += batch - spent.get("search_batch", batch)
    return max(0.0, spent["process"] + grown)
