"""The scenario ``hybrid``: a dense code and BM25's postings share a budget, and their two searches are fused.

Postings take what ``scenario.postings`` grants them, vocabulary included, the code has the rest. Beside it the same
method is fitted with the whole budget, so that one record says whether bytes do more in postings or in the code: by
relevance, over the same queries, with a paired test.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.config import RunConfig
from bench.datasets import AnyDataset, ground_truth
from bench.datasets.base import Dataset, Relevance
from bench.datasets.texts import digest
from bench.errors import UsageError
from bench.execution import turns
from bench.hybrid_options import LINEAR, code_bytes_left
from bench.measure import latency, quality
from bench.measure.memory import peak_memory
from bench.measure.repeats import groups_of
from bench.measure.statistics import Interval, bootstrap_means, once, paired_difference
from bench.records.hybrid_info import CODE, DENSE, POSTINGS, RRF, HybridInfo
from bench.tracks import dense
from bench.tracks.measurement import (
    RECALL_AT,
    TRUTH_K,
    Measurement,
    check_budget,
    ratios,
    time_searches,
)
from methods import Codec, Searcher
from methods.errors import BudgetError
from methods.sparse.bm25 import bm25
from methods.sparse.hybrid import HybridQueries, HybridSearcher, Ranked, linear, reciprocal_rank
from methods.sparse.postings import Postings

_WEIGHTS = np.linspace(0, 1, 21)
_SIDE_S = 5.0  # of single queries in each side alone, at most
_MEASURES = ("MRR@10", "nDCG@10", "R@10", "R@100")


@dataclass(frozen=True)
class _Texts:
    documents: list[str]
    queries: list[str]

    @classmethod
    def of(cls, dataset: Dataset) -> _Texts:
        assert dataset.texts is not None
        base, queries = dataset.base.shape[0], len(dataset.queries)
        return cls(dataset.texts.base.read(base), dataset.texts.queries.read(queries))

    @property
    def digest(self) -> str:
        return digest([*self.documents, *self.queries])


def determinants(config: RunConfig, dataset: AnyDataset) -> dict[str, Any]:
    """What determines the result beside the configuration: the texts.

    Raises
    ------
    UsageError, bench.datasets.base.DatasetError
        The data set has no texts, no judgements, or too few of them; the texts are not those of the vectors.
    """
    if not isinstance(dataset, Dataset):
        raise UsageError(f"scenario=hybrid is of single vectors, and {dataset.name} is of the {dataset.track} track")
    if dataset.texts is None:
        raise UsageError(
            f"scenario=hybrid needs the texts of {dataset.name}; use dataset.texts=FILE and dataset.queries_texts=FILE"
        )
    if dataset.relevance is None:
        raise UsageError(
            f"scenario=hybrid is judged by relevance, and {dataset.name} has none; use dataset.relevance=FILE"
        )
    if len(np.unique(dataset.relevance.query)) < 2:
        raise UsageError(f"{dataset.name} has judgements of one query; scenario=hybrid needs one more to choose on")
    return {"texts": _Texts.of(dataset).digest}


def configure(config: RunConfig, dataset: Dataset, code_bytes: int) -> tuple[Codec, None, int]:
    """The codec beside postings that take all that they may, and the bytes of both.

    Raises
    ------
    BudgetError
        If the postings leave too little.
    """
    left = code_bytes_left(config.scenario, code_bytes)
    granted = code_bytes - left
    name, smallest = f"{config.method['name']} beside scenario.postings={granted}", 1
    try:
        codec, _, size = dense.configure(config, dataset, max(left, 1))
    except BudgetError as error:
        smallest = error.smallest
    else:
        if left >= 1:
            return codec, None, size + granted
    raise BudgetError(name, code_bytes, granted + smallest)


def measure(config: RunConfig, dataset: Dataset, code_bytes: int, work: Path) -> Measurement:
    """One run; the record's own bytes, latency and quality are those of code and postings together."""
    options = config.scenario
    n = dataset.base.shape[0]
    run = Measurement({})
    with run.timed("load"):
        texts = _Texts.of(dataset)
    with run.timed("count_terms"):
        weights = bm25(texts.documents, options["k1"], options["b"])
    with run.timed("pack_postings"):
        sparse = Postings.build(weights, options["bits"], options["postings"] * n)
    granted = math.ceil(sparse.nbytes / n)
    codec, searcher = _fitted(config, dataset, code_bytes - granted, run)
    alone, alone_searcher = _fitted(config, dataset, code_bytes, Measurement({}))
    run.params = codec.params()
    counted = dense.count_bytes(codec, None, searcher, dataset, None)
    run.bytes = replace(
        counted,
        code=counted.code + granted,
        code_total=counted.code_total + sparse.nbytes,
        searcher=counted.searcher + sparse.nbytes,
    )
    check_budget(run.bytes.code, code_bytes, "a code with its share of the postings")
    dense.check_resident(run.bytes, n, code_bytes)
    run.ratio = ratios(n, 4 * dataset.dim, counted.code + sparse.nbytes / n, counted.parts_total)

    queries = HybridQueries(dataset.queries, texts.queries)
    depth = max(options["candidates"], TRUTH_K)
    with run.timed("search_quality"):
        by_code = searcher.search(dataset.queries, depth)
        by_postings = sparse.search(texts.queries, depth)
        by_dense = alone_searcher.search(dataset.queries, TRUTH_K)
    judge = _Judge(dataset, options["tuned"], options["seed"])
    with run.timed("choose_weight"):
        weight = judge.choose(_top(by_code, options["candidates"]), _top(by_postings, options["candidates"]), searcher)
    fused = HybridSearcher(searcher, sparse, weight if options["fusion"] == LINEAR else None, options["candidates"])
    searched: Any = fused  # by texts too, which the clock does not mind
    results = time_searches(config, searched, replace(dataset, queries=queries), run)  # type: ignore[arg-type]
    sides = _time_sides(config, queries, {POSTINGS: sparse, CODE: searcher, DENSE: alone_searcher}, run)
    run.peak_memory_bytes = peak_memory()

    with run.timed("judge"):
        for k in {*RECALL_AT} - set(results):  # of what was searched for the choice of a weight: nothing is new
            count = max(k, options["candidates"])
            results[k] = fused.fuse(_top(by_code, count), _top(by_postings, count), k)
        ids = {k: results[k][1] for k in RECALL_AT}
        listed = {
            DENSE: by_dense[1],
            CODE: by_code[1],
            POSTINGS: by_postings[1],
            LINEAR: linear(by_code, by_postings, weight, TRUTH_K, searcher.descending)[1],
            RRF: reciprocal_rank(by_code, by_postings, TRUTH_K)[1],
        }
        info = judge.compare(listed, config.seed)
        recall = dense.recall_judge(dataset, ground_truth(dataset, TRUTH_K))
        measures = {f"recall@{k}": recall.recall(ids[k], k) for k in RECALL_AT} | judge.retrieval(ids[10])
        run.quality = bootstrap_means(measures, config.seed, groups=judge.groups)
    run.hybrid = HybridInfo(
        fusion=options["fusion"],
        weight=weight,
        tuned=len(judge.tuned),
        judged=len(judge.reported),
        texts_sha256=texts.digest,
        postings_bytes=sparse.nbytes,
        vocabulary_bytes=int(sparse.starts.nbytes),
        postings=sparse.count,
        all_postings=len(weights.term),
        terms=len(weights.keys),
        code_bytes=codec.code_size,
        dense_bytes=alone.code_size,
        latency_ms=sides,
        **info,
    )
    run.arrays["scores"], run.arrays["ids"] = results[TRUTH_K]
    run.arrays |= {f"recall@{k}": measures[f"recall@{k}"] for k in RECALL_AT}
    return run


def _fitted(config: RunConfig, dataset: Dataset, code_bytes: int, run: Measurement) -> tuple[Codec, Searcher]:
    """The method at ``code_bytes``, fitted, with a search of everything; ``run`` keeps the clocks."""
    codec, _, size = dense.configure(config, dataset, code_bytes)
    check_budget(size, code_bytes, "a code")
    with run.timed("load"):
        train = dense.training_vectors(dataset, config.train_size, config.seed)
    with run.timed("fit"):
        dense.fit(config, codec, train, dataset)
    codes = dense.encode(dataset.base, codec, None, run)[0]
    with run.timed("build"):
        return codec, codec.searcher(codes)


def _top(ranked: Ranked, count: int) -> Ranked:
    return ranked[0][:, :count], ranked[1][:, :count]


@dataclass
class _OfTexts:
    """Searches postings as what is timed is searched."""

    postings: Postings

    def search(self, queries: HybridQueries, k: int) -> Ranked:
        return self.postings.search(queries.texts, k)


@dataclass
class _OfVectors:
    """Searches codes as what is timed is searched."""

    searcher: Searcher

    def search(self, queries: HybridQueries, k: int) -> Ranked:
        return self.searcher.search(queries.vectors, k)


def _time_sides(
    config: RunConfig, queries: HybridQueries, sides: dict[str, Postings | Searcher], run: Measurement
) -> dict[str, dict[str, float]]:
    """Milliseconds of single queries in each side alone."""
    times = {}
    with turns.alone(), run.timed("search_sides"):
        for name, side in sides.items():
            timed: Any = _OfTexts(side) if isinstance(side, Postings) else _OfVectors(side)
            latency.warm_up(timed, queries, config.k)
            single = latency.time_single_queries(timed, queries, config.k, min(config.latency_s, _SIDE_S))
            times[name] = single.percentiles()
    return times


class _Judge:
    """Chooses the weight on some of the judged queries, and judges lists by the others."""

    def __init__(self, dataset: Dataset, share: float, seed: int) -> None:
        assert dataset.relevance is not None
        self.relevance, self.nq = dataset.relevance, len(dataset.queries)
        self.groups = groups_of(dataset.queries, dataset.metric)
        judged = np.unique(self.relevance.query)
        count = min(max(1, round(share * len(judged))), len(judged) - 1)
        self.tuned = np.sort(np.random.default_rng(seed).choice(judged, count, replace=False))
        if self.groups is not None:  # a query that repeats one of these was seen too
            self.tuned = judged[np.isin(self.groups[judged], self.groups[self.tuned])]
        self.reported = np.setdiff1d(judged, self.tuned)
        if not len(self.reported):
            raise UsageError("all judged queries repeat those that the weight is chosen on; none is left to report")

    def choose(self, by_code: Ranked, by_postings: Ranked, searcher: Searcher) -> float:
        """The weight of the postings with the best MRR@10 of the queries for it; of equal ones the smallest."""
        code, sparse = ((scores[self.tuned], ids[self.tuned]) for scores, ids in (by_code, by_postings))
        relevance = _of_queries(self.relevance, self.tuned)
        values = [
            quality.retrieval_measures(linear(code, sparse, weight, 10, searcher.descending)[1], relevance)["MRR@10"]
            for weight in _WEIGHTS
        ]
        return round(float(_WEIGHTS[int(np.argmax(np.round(np.mean(values, axis=1), 12)))]), 6)

    def retrieval(self, ids: np.ndarray) -> dict[str, np.ndarray]:
        """Measures (nq,) of lists (nq, >= 10); NaN of queries that are not reported."""
        measures = quality.retrieval_measures(ids, self.relevance)
        return {name: self._reported(values) for name, values in measures.items()}

    def compare(self, listed: dict[str, np.ndarray], seed: int) -> dict[str, Any]:
        """Fields of :class:`HybridInfo`: measures of lists (nq, 100) by their settings, and against ``dense``."""
        values = {
            name: {measure: each for measure, each in self._of(ids).items() if measure in _MEASURES}
            for name, ids in listed.items()
        }
        gained: dict[str, dict[str, Any]] = {}
        p: dict[str, dict[str, float]] = {}
        for name in [name for name in values if name != DENSE]:
            against = {
                measure: paired_difference(self._once(each), self._once(values[DENSE][measure]), seed)
                for measure, each in values[name].items()
            }
            gained[name] = {measure: Interval(each.value, each.low, each.high) for measure, each in against.items()}
            p[name] = {measure: each.p for measure, each in against.items()}
        measures = {name: bootstrap_means(of, seed, groups=self.groups) for name, of in values.items()}
        return {"measures": measures, "gained": gained, "p": p}

    def _of(self, ids: np.ndarray) -> dict[str, np.ndarray]:
        shares = quality.relevant_found(ids[:, :TRUTH_K], self.relevance)
        return {**self.retrieval(ids), f"R@{TRUTH_K}": self._reported(shares)}

    def _once(self, values: np.ndarray) -> np.ndarray:
        """Values of reported queries, repeats once."""
        groups = None if self.groups is None else self.groups[self.reported]
        return once(values[self.reported], groups)

    def _reported(self, values: np.ndarray) -> np.ndarray:
        return np.where(np.isin(np.arange(self.nq), self.reported), values, np.nan)


def _of_queries(relevance: Relevance, queries: Sequence[int] | np.ndarray) -> Relevance:
    """Judgements of some queries (ascending), by their place among them."""
    kept = np.isin(relevance.query, queries)
    place = np.searchsorted(queries, relevance.query[kept])
    return Relevance(place, relevance.item[kept], relevance.grade[kept])
