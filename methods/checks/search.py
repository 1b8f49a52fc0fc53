"""Checks on searching: scores, ids, order, recall, and what a searcher keeps in memory."""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import Any

import numpy as np

from methods.base import Codec, Metric, Searcher
from methods.checks import data
from methods.checks.subject import Subject, check, expect


@check
def returns_valid_ids_best_first(subject: Subject) -> None:
    """(nq, k) float32 scores in order, int64 ids in range without repetition; the same at every call."""
    for metric in subject.metrics:
        searcher = subject.searcher(metric=metric)
        for k in (1, data.K, data.N_BASE):
            _expect_valid(searcher, *searcher.search(data.queries(), k), data.N_BASE, k)
        first, second = (searcher.search(data.queries(), data.K) for _ in range(2))
        expect(np.array_equal(first[1], second[1]), "a repeated search gives other neighbors")
        none = searcher.search(data.queries()[:0], data.K)
        expect(none[0].shape == none[1].shape == (0, data.K), f"search for no queries gives {none[0].shape}")


@check
def single_queries_agree_with_a_batch(subject: Subject) -> None:
    """Scores do not depend on how many queries are searched at once."""
    for metric in subject.metrics:
        searcher = subject.searcher(metric=metric)
        batch, _ = searcher.search(data.queries(), data.K)
        single = np.concatenate([searcher.search(query[None], data.K)[0] for query in data.queries()])
        tolerance = 1e-3 * float(np.abs(batch).max())
        worst = float(np.abs(batch - single).max())
        expect(worst <= tolerance, f"scores of single queries differ from the batch's by {worst:.3g}, metric={metric}")


@check
def scores_equal_the_metric_on_decoded_vectors(subject: Subject) -> None:
    """Unless ``estimator``: the metric between query and decoded vector (cosine: renormalized or not)."""
    if subject.cls.estimator or not subject.cls.decodable:
        return
    for metric in subject.metrics:
        codec = subject.fitted(metric=metric)
        decoded = codec.decode(subject.codes(metric=metric))
        scores, ids = codec.searcher(subject.codes(metric=metric)).search(data.queries(), data.K)
        formulas = [data.metric_values(data.queries(), decoded, metric)]
        if metric is Metric.COSINE:
            norms = np.linalg.norm(data.queries(), axis=1, keepdims=True)
            formulas.append(data.metric_values(data.queries() / norms, decoded, Metric.IP))
        worst = min(float(np.abs(np.take_along_axis(values, ids, 1) - scores).max()) for values in formulas)
        scale = float(np.abs(scores).max())
        expect(
            worst <= 2e-3 * scale,
            f"scores are off the {metric} of decoded vectors by up to {worst:.3g} (they go to {scale:.3g}); "
            "set estimator = True if they follow another formula",
        )


@check
def scores_follow_the_true_metric(subject: Subject) -> None:
    """Where ``estimates_metric``: scores of all codes correlate with the truth by at least 0.5 and have its scale."""
    for metric in subject.metrics:
        searcher = subject.searcher(metric=metric)
        if not searcher.estimates_metric:
            continue
        expect(searcher.descending == metric.descending, f"scores of metric={metric} run the wrong way")
        scores, ids = searcher.search(data.queries(), data.N_BASE)
        truth = np.take_along_axis(data.metric_values(data.queries(), data.base(), metric), ids, axis=1)
        correlation = float(np.corrcoef(scores.ravel(), truth.ravel())[0, 1])
        expect(correlation >= 0.5, f"scores correlate with the true {metric} by only {correlation:.2f}")
        ratio = float(np.sqrt((scores.astype(np.float64) ** 2).mean() / (truth**2).mean()))
        expect(
            0.2 <= ratio <= 5,
            f"scores are {ratio:.3g} times the true {metric}; scale them or set estimates_metric = False",
        )


@check
def recall_is_far_above_chance(subject: Subject) -> None:
    """recall@10 of 500 vectors is at least 0.15 under every supported metric (chance is 0.02)."""
    for metric in subject.metrics:
        _, ids = subject.searcher(metric=metric).search(data.queries(), data.K)
        recall = data.recall(ids, metric)
        expect(recall >= 0.15, f"recall@10 is {recall:.3f} at {subject.budget} B, metric={metric}")


@check
def recall_rises_with_bytes(subject: Subject) -> None:
    """More bytes never find less (0.03 aside)."""
    for metric in subject.metrics:
        budgets = subject.budgets()
        recalls = [data.recall(subject.searcher(b, metric).search(data.queries(), data.K)[1], metric) for b in budgets]
        listed = ", ".join(f"{recall:.3f} at {b} B" for b, recall in zip(budgets, recalls))
        for less, more in pairwise(recalls):
            expect(more >= less - 0.03, f"recall@10 falls with bytes, metric={metric}: {listed}")


@check
def k_beyond_the_number_of_codes_is_padded(subject: Subject) -> None:
    """Ids are padded with -1 and scores with the worst value; no code and one code are fine too."""
    for metric in subject.metrics:
        codec, codes = subject.fitted(metric=metric), subject.codes(metric=metric)
        for n in (0, 1, 5):
            searcher = codec.searcher(codes[:n])
            scores, ids = searcher.search(data.queries(), n + 3)
            expect(scores.shape == ids.shape == (data.N_QUERIES, n + 3), f"k={n + 3} on {n} codes gives {ids.shape}")
            _expect_valid(searcher, scores[:, :n], ids[:, :n], n, n)
            worst = -np.inf if searcher.descending else np.inf
            expect((ids[:, n:] == -1).all(), f"ids beyond the {n} codes are not -1")
            expect((scores[:, n:] == worst).all(), f"scores beyond the {n} codes are not {worst}")


@check
def searcher_keeps_nothing_but_codes(subject: Subject) -> None:
    """Resident bytes per code are at most code_size: no decoded floats, no norms beside the codes."""
    for metric in subject.metrics:
        codec, codes = subject.fitted(metric=metric), subject.codes(metric=metric)
        kept, n = [], 512  # a multiple of any block of a scanning layout
        for times in (1, 2):
            searcher = codec.searcher(np.tile(np.resize(codes, (n, codec.code_size)), (times, 1)))
            resident = searcher.nbytes - searcher.padding
            allowed = times * n * codec.code_size
            expect(resident <= allowed, f"the searcher holds {resident} bytes for {times * n} codes of {allowed} bytes")
            expect(
                searcher.padding >= 0 and searcher.nbytes > 0, f"nbytes={searcher.nbytes}, padding={searcher.padding}"
            )
            kept.append(_array_bytes(searcher, codec))
        per_code = (kept[1] - kept[0]) / n
        expect(
            per_code <= codec.code_size,
            f"the searcher's arrays grow by {per_code:g} bytes a code, a code has {codec.code_size}",
        )


@check
def scans_codes_where_they_lie_or_says_so(subject: Subject) -> None:
    """Unless ``copies_codes``, every search reads the codes that the searcher was given, as it would from a file."""
    codec, codes = subject.fitted(), subject.codes().copy()
    searcher = codec.searcher(codes)
    before = searcher.search(data.queries(), data.K)[1]
    codes[:] = codes[::-1].copy()
    copies = np.array_equal(searcher.search(data.queries(), data.K)[1], before)
    does = "lays codes out anew" if copies else "scans the codes that it is given"
    expect(copies == codec.copies_codes, f"its searcher {does}; set copies_codes = {copies}")


@check
def searches_codes_it_may_not_write(subject: Subject) -> None:
    """Codes read from a read-only memory map serve, contiguous or not."""
    codec, codes = subject.fitted(), subject.codes()
    expected = codec.searcher(codes.copy()).search(data.queries(), data.K)[1]
    strided = data.frozen(np.repeat(codes, 2, axis=0))[::2]
    for what, given in {"read-only": codes, "strided": strided}.items():
        ids = codec.searcher(given).search(data.queries(), data.K)[1]
        expect(np.array_equal(ids, expected), f"{what} codes give other neighbors")


def _expect_valid(searcher: Searcher, scores: np.ndarray, ids: np.ndarray, n: int, k: int) -> None:
    expect(scores.dtype == np.float32 and ids.dtype == np.int64, f"scores are {scores.dtype}, ids {ids.dtype}")
    expect(scores.shape == ids.shape == (data.N_QUERIES, k), f"scores {scores.shape}, ids {ids.shape}, k={k}")
    expect(np.isfinite(scores).all(), f"scores of {n} codes are not finite, k={k}")
    expect(((ids >= 0) & (ids < n)).all(), f"ids out of range 0..{n - 1}, k={k}")
    expect(all(len(np.unique(row)) == k for row in ids), f"an id is returned twice for one query, k={k}")
    steps = np.diff(scores, axis=1)
    expect(((steps <= 0) if searcher.descending else (steps >= 0)).all(), f"scores are not best first, k={k}")


def _array_bytes(root: Any, apart_from: Codec) -> int:
    """Bytes of the distinct numpy arrays and torch tensors reachable from ``root`` but not from the codec."""
    seen: set[int] = set()
    _reach(apart_from, seen)
    return _reach(root, seen)


def _reach(thing: Any, seen: set[int]) -> int:
    if id(thing) in seen or thing is None or isinstance(thing, (str, bytes, int, float, type)):
        return 0
    seen.add(id(thing))
    if isinstance(thing, np.ndarray):
        owner = thing if thing.base is None else thing.base
        return _reach(owner, seen) if owner is not thing else int(thing.nbytes)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(thing, torch.Tensor):
        return int(thing.nbytes)
    if isinstance(thing, dict):
        return sum(_reach(value, seen) for value in thing.values())
    if isinstance(thing, (list, tuple, set)):
        return sum(_reach(value, seen) for value in thing)
    return sum(_reach(value, seen) for value in getattr(thing, "__dict__", {}).values())
