"""The scenario ``upgrade``: a new encoder takes over from an old one, and documents are encoded again one by one.

All codes lie in one index. The first are the old encoder's under the old codec. A codec that is fitted to be
compatible makes codes for the new vectors that are compared with the old codes directly ("Binary Embedding-based
Retrieval at Tencent", KDD 2023, section 3.4), so that search by new queries goes on while documents are replaced.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bench import datasets
from bench.config import RunConfig
from bench.datasets import AnyDataset, ground_truth
from bench.datasets.base import Dataset
from bench.errors import UsageError
from bench.measure import quality
from bench.measure.repeats import groups_of
from bench.measure.statistics import bootstrap_means
from bench.tracks import dense, measurement
from methods import Codec, registry
from methods.errors import NoSuccessor

_SAMPLED = ("max_base", "max_queries", "seed")


def upgradable() -> list[str]:
    """Methods whose codecs have a compatible successor."""
    return [name for name in registry.names() if registry.get(name).successor is not Codec.successor]


def check_method(name: str) -> None:
    """Raise :class:`NoSuccessor` for a method that cannot be upgraded."""
    if name not in upgradable():
        raise NoSuccessor(f"{name} has no compatible successor; scenario=upgrade does {', '.join(upgradable())}")


def determinants(config: RunConfig, new: AnyDataset) -> dict[str, Any]:
    """What determines the result beside the configuration; raises what :func:`old_dataset` does."""
    return {"old": old_dataset(config, new).checksum} if isinstance(new, Dataset) else {}


def old_dataset(config: RunConfig, new: Dataset) -> Dataset:
    """The old encoder's vectors of the same items and queries.

    Raises
    ------
    UsageError
        If the two do not match, or the configuration asks for what the scenario does not do.
    """
    if config.rescore is not None:
        raise UsageError(f"scenario=upgrade does not rescore; leave out rescore={config.rescore}")
    options = config.scenario
    fractions, weight = options.get("fractions", []), options.get("weight", 1.0)
    if not fractions or any(not isinstance(part, int | float) or not 0 <= part <= 1 for part in fractions):
        raise UsageError(f"scenario.fractions={fractions} is out of range; use numbers from 0 to 1, as [0, 0.5, 1]")
    if not isinstance(weight, int | float) or not 0 < weight < float("inf"):
        raise UsageError(f"scenario.weight={weight} is out of range; use a number above 0")
    given = {key: value for key, value in (options.get("old") or {}).items() if value is not None}
    if "name" not in given:
        raise UsageError("scenario=upgrade needs the old encoder's vectors; use scenario.old.name=DATASET")
    same = {key: config.dataset[key] for key in _SAMPLED if config.dataset.get(key) is not None}
    old = datasets.load(**{"metric": str(new.metric), **same, **given})
    if not isinstance(old, Dataset):
        raise UsageError(f"{old.name} is of the {old.track} track; use one of {', '.join(datasets.names(new.track))}")
    if len(old.queries) != len(new.queries) or old.base.shape[0] != new.base.shape[0]:
        raise UsageError(
            f"{old.name} has {old.base.shape[0]:,} vectors and {len(old.queries):,} queries, {new.name} has "
            f"{new.base.shape[0]:,} and {len(new.queries):,}; both encoders must have encoded the same items"
        )
    if old.metric is not new.metric:
        raise UsageError(f"{old.name} has metric={old.metric}, {new.name} {new.metric}; they must agree")
    return old


def measure(config: RunConfig, new: Dataset, code_bytes: int, work: Path) -> measurement.Measurement:
    """One upgrade.

    The record's bytes, latency and plain measures are of new queries over the old codes alone: the first moment of an
    upgrade. ``old->old``, ``new->new`` (a codec fitted freely, all documents encoded again) and ``new->F`` (a part F of
    the documents encoded again, the rest old codes) are measured beside it, recall always against the exact
    neighbors by the new encoder, and judged by relevance where there is any.
    """
    old = old_dataset(config, new)
    method = dict(config.method)
    name = method.pop("name")
    before = registry.for_budget(name, old.dim, code_bytes, old.metric, **method)
    free = registry.for_budget(name, new.dim, code_bytes, new.metric, **method)
    run = measurement.Measurement(free.params())
    rows = dense.training_rows(new.base.shape[0], config.train_size, config.seed)
    with run.timed("fit"):
        before.fit(old.base.take(rows), config.seed)
    with run.timed("fit_free"):
        free.fit(new.base.take(rows), config.seed)
    with run.timed("fit_compatible"):
        after = before.successor(old.base.take(rows), new.base.take(rows), float(config.scenario["weight"]))
    run.params = after.params()

    old_codes = dense.encode(old.base, before, None, measurement.Measurement({}))[0]
    codes = dense.encode(new.base, after, None, run)[0]
    free_codes = dense.encode(new.base, free, None, measurement.Measurement({}))[0]
    with run.timed("build"):
        searcher = after.searcher(old_codes)

    judge = Judge(new)
    measures = judge.plain(dense.count_and_time(config, after, searcher, new, code_bytes, run))
    measures |= judge.named("old->old", before.searcher(old_codes).search(old.queries, 10)[1])
    measures |= judge.named("new->new", free.searcher(free_codes).search(new.queries, 10)[1])
    order = np.random.default_rng(config.seed).permutation(len(codes))
    for part in sorted(config.scenario["fractions"]):
        mixed = old_codes.copy()
        again = order[: round(part * len(order))]
        mixed[again] = codes[again]
        measures |= judge.named(f"new->{part:g}", after.searcher(mixed).search(new.queries, 10)[1])
    run.quality = bootstrap_means(measures, config.seed, groups=groups_of(new.queries, new.metric))
    return run


class Judge:
    """Measures of results by the new encoder's truth and by relevance."""

    def __init__(self, dataset: Dataset) -> None:
        truth = ground_truth(dataset, measurement.TRUTH_K)
        self.relevance = dataset.relevance
        self.recall = quality.RecallJudge(dataset.base, dataset.queries, dataset.metric, truth.scores, truth.ids)

    def plain(self, ids: dict[int, np.ndarray]) -> dict[str, Any]:
        measures = {f"recall@{k}": self.recall.recall(returned, k) for k, returned in ids.items()}
        return measures | self._retrieval(ids[10])

    def named(self, setting: str, ids: np.ndarray) -> dict[str, Any]:
        measures = {"recall@10": self.recall.recall(ids, 10)} | self._retrieval(ids)
        return {f"{setting} {name}": values for name, values in measures.items()}

    def _retrieval(self, ids: np.ndarray) -> dict[str, Any]:
        return {} if self.relevance is None else quality.retrieval_measures(ids, self.relevance)
