"""Checks on searching some of the codes: what an index over any method's codes rests on."""

from __future__ import annotations

import numpy as np

from methods.base import Codec, Metric
from methods.checks import data
from methods.checks.subject import Subject, check, expect
from methods.index import IVFSearcher, Partition, codec_metric

_LISTS = 12
_TOLERANCE = 2e-3  # of the largest score: a scan may round differently from a product of matrices


@check
def an_index_finds_what_a_scan_finds(subject: Subject) -> None:
    """Through all lists as a scan of all codes, through some lists the best of their codes, single and in batches."""
    for metric in subject.metrics:
        codec, codes = subject.fitted(metric=metric), subject.codes(metric=metric)
        partition = Partition(data.DIM, metric, _LISTS).fit(data.train())
        assigned = partition.assign(data.base())
        index = IVFSearcher(codec, codes, partition, assigned)
        flat_scores, flat_ids = codec.searcher(codes).search(data.queries(), data.N_BASE)
        for probes in (1, 3, _LISTS):
            lists = partition.nearest(partition.prepared(data.queries()), probes)
            visited = (assigned[flat_ids][:, :, None] == lists[:, None, :]).any(axis=2)
            worst = -np.inf if index.descending else np.inf
            order = np.argsort(~visited, axis=1, kind="stable")[:, : data.K]
            expected = np.where(np.take_along_axis(visited, order, 1), np.take_along_axis(flat_scores, order, 1), worst)
            probing = index.probing(probes)
            batch = probing.search(data.queries(), data.K)
            parts = [probing.search(query[None], data.K) for query in data.queries()]
            single = tuple(np.concatenate(pair) for pair in zip(*parts))
            for (scores, ids), how in ((batch, "a batch"), (single, "single queries")):
                where = f"probes={probes} of {_LISTS}, metric={metric}, {how}"
                outside = (ids >= 0) & ~(assigned[ids][:, :, None] == lists[:, None, :]).any(axis=2)
                expect(not outside.any(), f"an index returns codes of lists that it did not visit ({where})")
                _expect_close(scores, expected, where)


@check
def an_index_of_residuals_adds_what_centroids_score(subject: Subject) -> None:
    """Where scores are those of decoded vectors: through all lists, the metric on centroid plus decoded residual."""
    for metric in subject.metrics:
        inner = codec_metric(metric, residual=True)
        if inner not in subject.metrics or not subject.fitted(metric=inner).scores_decoded:
            continue
        partition = Partition(data.DIM, metric, _LISTS).fit(data.train())
        assigned = partition.assign(data.base())
        codec: Codec = subject.configure(subject.budget, inner)
        subject.fit(codec, partition.residuals(data.train(), partition.assign(data.train())))
        codes = codec.encode(partition.residuals(data.base(), assigned))
        index = IVFSearcher(codec, codes, partition, assigned, _LISTS, residual=True)
        decoded = codec.decode(codes) + partition.centroids[assigned]
        values = data.metric_values(partition.prepared(data.queries()), decoded, inner)
        expected = np.sort(values if inner is Metric.L2 else -values, axis=1)[:, : data.K]
        for queries, how in ((data.queries(), "a batch"), (data.queries()[:1], "a single query")):
            scores, _ = index.search(queries, data.K)
            right = (expected if inner is Metric.L2 else -expected)[: len(queries)]
            _expect_close(scores, right, f"residual=true, metric={metric}, {how}")


def _expect_close(scores: np.ndarray, expected: np.ndarray, where: str) -> None:
    finite = np.isfinite(expected)
    expect(np.array_equal(np.isfinite(scores), finite), f"an index finds fewer or more codes than it visits ({where})")
    scale = float(np.abs(expected[finite]).max(initial=0))
    worst = float(np.abs(scores[finite] - expected[finite]).max(initial=0))
    expect(worst <= _TOLERANCE * scale, f"scores through an index are off by {worst:.3g} of {scale:.3g} ({where})")
