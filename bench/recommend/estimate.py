"""How long a run will take: from the same method's run on a smaller sample, or before it from published records."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from bench.recommend.prior import Expectation
from bench.recommend.sample import Sample
from bench.records import Record

_LEAST_SEARCH_S, _LEAST_TIMED = 0.5, 100  # a latency is measured at least so long, and on so many queries
_START_S = 4.0  # imports, compiled code read from its cache, judging
_AXES_NS = 2.0  # for a cubed dimension: principal axes, which most that learn begin with
_TOLERATED = 0.1  # less recall than the best: as much as twice the time
_BY_TRAINING, _BY_BASE = ("fit",), ("load", "encode", "encode_rescore", "build")


def seconds_on(record: Record, sample: Sample, fit_ns: float | None = None) -> float:
    """Seconds of the whole process of the same run on ``sample``.

    Parameters
    ----------
    record : Record
        Of the run on a smaller sample.
    sample : Sample
    fit_ns : float, optional
        What fitting takes for a further training vector and dimension on this machine: parts of it (principal axes,
        rotations) take the same time whatever the number of vectors. Without it, all of it grows.

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
    more = {phase: spent.get(phase, 0.0) * (factor - 1.0) for phase, factor in factors.items()}
    if fit_ns is not None and training > 1:
        further = 1e-9 * fit_ns * data.dim * (sample.train_size - data.n_train)
        more["fit"] = min(more["fit"], further)
    grown = sum(more.values())
    if record.latency_ms is not None and record.throughput is not None:
        one_by_one = max(_LEAST_SEARCH_S, _LEAST_TIMED * record.latency_ms["p50"] / 1e3 * base)
        batch = max(_LEAST_SEARCH_S, sample.queries / record.throughput["queries_per_s"] * base)
        grown += one_by_one - spent.get("search_single", one_by_one)
        grown += batch - spent.get("search_batch", batch)
    return max(0.0, spent["process"] + grown)


def expected_seconds(expectation: Expectation, sample: Sample, dim: int) -> dict[str, float]:
    """Seconds of each method's run on ``sample`` by the times of published records: right within a few times.

    Of those without records: as long as most others.
    """
    expected = {
        name: _START_S + 1e-9 * (dim * (fit * sample.train_size + encode * sample.n) + _AXES_NS * dim**3)
        for name, (fit, encode) in expectation.costs.items()
    }
    other = median(expected.values()) if expected else _START_S
    return {name: expected.get(name, other) for name in expectation.order}


def running_order(expectation: Expectation, seconds: Mapping[str, float]) -> list[str]:
    """In which order the first round starts: the favorites, then those first that promise much for little time.

    Of the favorites the quick ones come first: they tell how fast the machine is before the slow ones begin.
    """
    behind = expectation.behind
    average = sum(behind.values()) / max(1, len(behind))
    favorites = sorted(expectation.favorites, key=lambda name: seconds[name])
    rest = [name for name in expectation.order if name not in favorites]
    return favorites + sorted(rest, key=lambda name: seconds[name] * (1 + behind.get(name, average) / _TOLERATED))
