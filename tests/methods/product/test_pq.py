"""PQ: budgets used whole, recall of faiss's own, few training vectors, renormalized scores."""

from __future__ import annotations

import faiss
import numpy as np
import pytest

from methods import BudgetError, MethodError, Metric
from methods.checks import data
from methods.product.pq import PQ
from methods.vectors import normalized


def unit(role, n=400, dim=32):
    return normalized(data.vectors(role, n, dim))


@pytest.mark.parametrize(
    ("dim", "code_bytes", "bits", "subquantizers", "size"),
    [
        (384, 96, 8, 96, 96),
        (384, 48, 8, 48, 48),
        (100, 12, 8, 12, 12),
        (3, 12, 8, 3, 3),
        (384, 48, 4, 96, 48),
        (384, 48, 12, 32, 48),
        (32, 5, 6, 6, 5),
    ],
)
def test_a_budget_is_used_whole_at_every_dimension(dim, code_bytes, bits, subquantizers, size):
    codec = PQ.for_budget(dim, code_bytes, Metric.IP, bits=bits)
    assert (codec.subquantizers, codec.code_size) == (subquantizers, size)


def test_a_budget_below_one_index_names_the_smallest():
    with pytest.raises(BudgetError, match="2 B"):
        PQ.for_budget(32, 1, Metric.IP, bits=12)


@pytest.mark.parametrize("subquantizers", [4, 16])
def test_decodes_as_well_as_faiss(subquantizers):
    train, base = data.train(), data.base()
    index = faiss.IndexPQ(32, subquantizers, 6)
    index.do_polysemous_training = False
    index.pq.cp.min_points_per_centroid = 1
    index.train(train)
    theirs = ((index.sa_decode(index.sa_encode(base)) - base) ** 2).sum()
    codec = PQ(32, Metric.L2, subquantizers, bits=6).fit(train)
    ours = ((codec.decode(codec.encode(base)) - base) ** 2).sum()
    assert ours <= 1.03 * theirs


def test_fewer_training_vectors_than_centroids_are_kept_exactly(capfd):
    vectors = data.train()[:9]
    codec = PQ.for_budget(32, 4, Metric.L2).fit(vectors)
    assert np.allclose(codec.decode(codec.encode(vectors)), vectors, atol=1e-6)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("bits", [8, 6])
@pytest.mark.parametrize("metric", ["ip", "cosine"])
@pytest.mark.parametrize("queries", [3, 40])
def test_renormalized_scores_are_those_of_decoded_vectors_of_unit_norm(bits, metric, queries):
    codec = PQ.for_budget(32, 5, metric, bits=bits, renormalize=True).fit(unit("train", 600))
    codes, asked = codec.encode(unit("base")), unit("queries", queries)
    scores, ids = codec.searcher(codes).search(asked, 10)
    exact = asked @ normalized(codec.decode(codes)).T
    assert np.allclose(scores, np.take_along_axis(exact, ids, 1), atol=1e-5)
    assert np.allclose(scores, -np.sort(-exact, axis=1)[:, :10], atol=1e-5)


def test_renormalizing_raises_recall_of_unit_vectors():
    base, asked = unit("base", 500), unit("queries", 40)
    truth = np.argsort(-(asked @ base.T), axis=1)[:, :10]
    codec = PQ.for_budget(32, 4, "ip").fit(base)
    codes = codec.encode(base)
    found = {}
    for renormalize in (False, True):
        again = PQ.from_parts({**codec.params(), "renormalize": renormalize}, codec.parts())
        ids = again.searcher(codes).search(asked, 10)[1]
        found[renormalize] = np.mean([np.isin(t, i).mean() for t, i in zip(truth, ids)])
    assert found[True] > found[False]


def test_renormalizing_distances_is_refused():
    with pytest.raises(MethodError, match="not for l2"):
        PQ.for_budget(32, 8, Metric.L2, renormalize=True)


@pytest.mark.parametrize("wrong", [{"bits": 0}, {"bits": 13}, {"bits": 7.5}, {"iterations": 0}])
def test_impossible_parameters_are_refused_with_the_range(wrong):
    with pytest.raises(MethodError, match="use an integer from"):
        PQ.for_budget(32, 8, Metric.IP, **wrong)


def test_many_queries_score_as_few_do():
    codec = PQ.for_budget(32, 8, "l2").fit(data.train())
    searcher = codec.searcher(codec.encode(data.base()))
    many, few = searcher.search(data.queries(), 5), searcher.search(data.queries()[:7], 5)
    assert np.allclose(many[0][:7], few[0], atol=1e-4)


def test_another_seed_gives_another_codebook():
    first, second = (PQ.for_budget(32, 8, "l2").fit(data.train(), seed).parts()["codebooks"] for seed in (0, 1))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("metric", ["ip", "l2"])
@pytest.mark.parametrize("bits", [1, 2])
def test_few_queries_are_served_where_faiss_has_no_tables(bits, metric):
    base = data.vectors("base", 100, 8)
    codec = PQ(8, metric, bits=bits, subquantizers=4).fit(base)
    searcher = codec.searcher(codec.encode(base))
    few, many = searcher.search(base[:2], 3)[0], searcher.search(base[:40], 3)[0]
    assert np.allclose(few, many[:2], rtol=1e-4, atol=1e-4)
