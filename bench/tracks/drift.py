"""The scenario ``drift``: vectors change while they arrive, and a codec that was fitted on the first encodes the rest.

At each step, what the first codec keeps is compared with what one keeps that is fitted again on a sample of everything
alive, which takes time: fitting, and encoding everything again. The error ratio, of which ``compress --append`` warns,
is measured beside them, so that a record says what the warning means in recall.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.config import RunConfig
from bench.datasets import AnyDataset, GroundTruth
from bench.datasets.base import Dataset
from bench.datasets.store import Span
from bench.drift_options import ORDERS
from bench.errors import UsageError
from bench.measure.decoding_error import WARNED_RATIO, decoding_error, error_ratio, most_trained, reference_rows
from bench.measure.quality import RecallJudge
from bench.measure.repeats import groups_of
from bench.measure.statistics import Interval, bootstrap_means, of_ratio
from bench.records.drift_info import DriftInfo, DriftStep
from bench.tracks import dense
from bench.tracks.arrivals import Arrivals, Moment, arrivals_of, check_arrivals
from bench.tracks.measurement import RECALL_AT, TRUTH_K, Measurement, check_budget
from methods import Codec, Searcher

_K = 10
_WARM = 64  # vectors
_MOST_RATIO = 1e9  # of errors, where the first vectors are decoded without any: a record holds no infinity


def determinants(config: RunConfig, dataset: AnyDataset) -> dict[str, Any]:
    """What determines the result beside the configuration: of a file with an order, its content and not its name.

    Raises
    ------
    UsageError
        The data set has no single vectors, or not as many as the scenario needs; the order's file is not usable.
    """
    if not isinstance(dataset, Dataset):
        raise UsageError(f"scenario=drift is of single vectors, and {dataset.name} is of the {dataset.track} track")
    return {"scenario": {**config.scenario, "order": check_arrivals(config.scenario, dataset)}}


def measure(config: RunConfig, dataset: Dataset, code_bytes: int, work: Path) -> Measurement:
    """One run; the record's own bytes, latency and quality are those of the first codec at the last step."""
    codec, _, size = dense.configure(config, dataset, code_bytes)
    run = Measurement(codec.params())
    check_budget(size, code_bytes, "a code")
    with run.timed("order"):
        arrivals = arrivals_of(config.scenario, dataset)
    with run.timed("truth"):
        judges = [_Judge(arrivals, config.seed, truth) for truth in arrivals.truth(TRUTH_K)]
    base, trained = arrivals.dataset.base, _training_rows(arrivals.first, config)
    with run.timed("load"):
        train = base.take(trained)
    with run.timed("fit"):
        codec.fit(train, config.seed)
    with run.timed("warm_up"):  # compiles, which no step is to wait for
        codec.searcher(codec.encode(train[:_WARM]))
    del train
    reference = decoding_error(codec, base.take(reference_rows(arrivals.first, trained, config.seed)))

    order = config.scenario["order"]
    run.drift = DriftInfo(order if order in ORDERS else Path(order).name, len(trained), WARNED_RATIO)
    kept = _Kept(codec, np.empty((0, codec.code_size), np.uint8), Moment(0, 0))
    for at, moment in enumerate(arrivals.moments):
        clock = Measurement({})
        before, searcher = kept.moment, kept.advance(arrivals, moment, clock)
        result = judges[at].judge(searcher, moment)
        step = DriftStep(
            alive=moment.stop - moment.start,
            old=max(0, arrivals.first - moment.start),
            arrived=moment.stop - before.stop,
            deleted=moment.start - before.start,
            error_ratio=_ratio(kept.codec, arrivals, before, moment, reference, config.seed) if at else None,
            kept=judges[at].means(result),
            refit={},
            gained=None,
            seconds={},
        )
        if at:
            again = judges[at].judge(_refitted(config, arrivals, moment, code_bytes, clock), moment)
            gained = again["recall@10"] - result["recall@10"]
            step = replace(step, refit=judges[at].means(again), gained=judges[at].means({"": gained})[""])
        run.drift.steps.append(replace(step, seconds={name: clock.seconds.get(name, 0.0) for name in _CLOCKS}))
    for name in _CLOCKS:
        run.seconds[name] = sum(step.seconds[name] for step in run.drift.steps)
    inserted = base.shape[0] / max(run.seconds["encode"], 1e-9)
    _measure_last(config, arrivals, kept.codec, searcher, judges[-1], code_bytes, run)
    run.throughput = {**(run.throughput or {}), "encode_vectors_per_s": inserted}
    return run


_CLOCKS = ("encode", "rebuild", "refit", "encode_again")


def _training_rows(rows: int, config: RunConfig) -> np.ndarray:
    """As ``bench.compress`` draws them of a file with so many vectors."""
    return dense.training_rows(rows, most_trained(rows, config.train_size), config.seed)


@dataclass
class _Kept:
    """The codec that was fitted first, and its codes of what is alive."""

    codec: Codec
    codes: np.ndarray
    moment: Moment

    def advance(self, arrivals: Arrivals, moment: Moment, clock: Measurement) -> Searcher:
        """Encode what has arrived by ``moment``, drop what was deleted, and lay out the rest for searching."""
        arrived = Span(arrivals.dataset.base, self.moment.stop, moment.stop)
        fresh = dense.encode(arrived, self.codec, None, clock)[0]
        with clock.timed("rebuild"):
            self.codes = np.concatenate([self.codes[moment.start - self.moment.start :], fresh])
            searcher = self.codec.searcher(self.codes)
        self.moment = moment
        return searcher


def _refitted(config: RunConfig, arrivals: Arrivals, moment: Moment, code_bytes: int, clock: Measurement) -> Searcher:
    """A search through a codec that is fitted on a sample of everything alive, which it encodes again."""
    alive = Span(arrivals.dataset.base, moment.start, moment.stop)
    codec, _, _ = dense.configure(config, arrivals.dataset, code_bytes)
    train = alive.take(_training_rows(alive.shape[0], config))
    with clock.timed("refit"):
        codec.fit(train, config.seed)
    del train
    again = Measurement({})
    codes = dense.encode(alive, codec, None, again)[0]
    clock.seconds["encode_again"] = again.seconds["encode"]
    return codec.searcher(codes)


def _ratio(
    codec: Codec, arrivals: Arrivals, before: Moment, now: Moment, reference: float | None, seed: int
) -> float | None:
    """Of what arrived between two moments, as if it were appended."""
    arrived = Span(arrivals.dataset.base, before.stop, now.stop)
    ratio = error_ratio(codec, arrived.shape[0], arrived.take, reference, seed)
    return None if ratio is None else min(ratio, _MOST_RATIO)


class _Judge:
    """Recall at one moment by the exact neighbors among what is alive, old and new ones apart."""

    def __init__(self, arrivals: Arrivals, seed: int, truth: GroundTruth) -> None:
        dataset = arrivals.dataset
        self.first, self.queries, self._seed = arrivals.first, dataset.queries, seed
        self._groups = groups_of(dataset.queries, dataset.metric)
        self.recall = RecallJudge(dataset.base, dataset.queries, dataset.metric, truth.scores, truth.ids)

    def judge(self, searcher: Searcher, moment: Moment) -> dict[str, np.ndarray]:
        """``recall@10`` and the shares of ``old`` and ``new`` neighbors that a search returns, of each query (nq,)."""
        ids = since_first(searcher.search(self.queries, _K)[1], moment)
        judged, true = self.recall.judge(ids), self.recall.truth_ids[:, :_K]
        hits, measures = judged.hits(_K), {"recall@10": judged.recall(_K)}
        for name, is_of, hit_is_of in (
            ("old", (true >= 0) & (true < self.first), ids < self.first),
            ("new", true >= self.first, ids >= self.first),
        ):
            count = is_of.sum(axis=1)
            measures[name] = of_ratio(np.minimum((hits & hit_is_of).sum(axis=1), count), count)
        return measures

    def means(self, measures: dict[str, np.ndarray]) -> dict[str, Interval]:
        """With intervals over queries; a measure that no query has is left out."""
        rounded = {name: np.round(values, 12) for name, values in measures.items()}  # 0.9 - 0.8 and 0.2 - 0.1 are one
        return bootstrap_means(rounded, self._seed, groups=self._groups)


def since_first(ids: np.ndarray, moment: Moment) -> np.ndarray:
    """Ids of codes as numbers that count from the first arrival; -1 where nothing was returned."""
    return np.where(ids >= 0, ids + moment.start, -1)


def _measure_last(
    config: RunConfig,
    arrivals: Arrivals,
    codec: Codec,
    searcher: Searcher,
    judge: _Judge,
    code_bytes: int,
    run: Measurement,
) -> None:
    """Bytes, latency and recall of the first codec's codes at the last step."""
    moment = arrivals.moments[-1]
    alive = replace(arrivals.dataset, base=Span(arrivals.dataset.base, moment.start, moment.stop))
    returned = dense.count_and_time(config, codec, searcher, alive, code_bytes, run)
    ids = {k: since_first(ids, moment) for k, ids in returned.items()}
    measures = {f"recall@{k}": judge.recall.recall(ids[k], k) for k in RECALL_AT}
    run.quality = judge.means(measures)
    run.arrays |= measures
    last = ids[TRUTH_K]
    run.arrays["ids"] = np.where(last >= 0, arrivals.rows[last], -1)
