"""A graph over codes compares codes alone: all of them find what a scan finds, some of them a part of that."""

import numpy as np
import pytest

import methods
from methods import registry
from methods.checks.data import training_queries
from methods.errors import BudgetError, MethodError, NotInFaiss
from methods.index import HNSWSearcher, check_graph

N, DIM, K = 1500, 32, 10
SETTINGS = {
    "pq": ("16x", {"bits": 6, "iterations": 3}),
    "opq": ("16x", {"bits": 6, "iterations": 3, "rotation_iterations": 1}),
    "rq": ("16x", {"iterations": 2}),
    "int8": ("4x", {}),
    "rabitq": ("8x", {}),
    "eden": ("8x", {}),
    "pca": ("8x", {}),
}


@pytest.fixture(scope="module")
def vectors():
    rng = np.random.default_rng(0)
    centers = rng.standard_normal((40, DIM))
    points = centers[rng.integers(40, size=N + 50)] + 0.5 * rng.standard_normal((N + 50, DIM))
    return points[:N].astype(np.float32), points[N:].astype(np.float32)


def pieces(base):
    return [base[:700], base[700:]]


@pytest.mark.parametrize("metric", ["cosine", "l2"])
@pytest.mark.parametrize("name", SETTINGS)
def test_a_walk_finds_part_of_what_a_scan_finds(vectors, name, metric):
    base, queries = vectors
    budget, settings = SETTINGS[name]
    codec = methods.create(name, dim=DIM, budget=budget, metric=metric, **settings).fit(base)
    codes = codec.encode(base)
    index = HNSWSearcher(codec, codes, pieces(base), links=8, build_ef=40)
    scores, ids = codec.searcher(codes).search(queries, N)
    of_row = np.empty_like(scores)
    np.put_along_axis(of_row, ids, scores, axis=1)
    spread = np.abs(scores).max()
    found = []
    for ef in (K, 8 * K, N):
        walk_scores, walk_ids = index.keeping(ef).search(queries, K)
        assert np.abs(np.take_along_axis(of_row, walk_ids, 1) - walk_scores).max() < 0.02 * spread
        found.append(np.mean([np.isin(walk, true).mean() for walk, true in zip(walk_ids, ids[:, :K])]))
    assert found[0] < found[1]
    assert found[1] > 0.8
    assert found[2] > 0.95  # equal scores may go to other rows, and rabitq rounds queries for some scans


def test_codes_and_links_are_counted(vectors):
    base, queries = vectors
    codec = methods.create("int8", dim=DIM, budget="4x", metric="l2").fit(base)
    index = HNSWSearcher(codec, codec.encode(base), pieces(base), links=8)
    assert index.nbytes == N * DIM + index.links_nbytes
    assert 2 * 8 * 4 * N < index.links_nbytes < 2 * (2 * 8 * 4 * N)
    shares = [index.keeping(ef).visited_share(queries) for ef in (8, 64, N)]
    assert 0 < shares[0] < shares[1] < shares[2] == 1


def test_the_same_vectors_give_the_same_graph(vectors):
    base, queries = vectors
    codec = methods.create("int8", dim=DIM, budget="4x", metric="l2").fit(base)
    first, second = (HNSWSearcher(codec, codec.encode(base), pieces(base), ef=12).search(queries, K) for _ in range(2))
    assert np.array_equal(first[1], second[1])


@pytest.mark.parametrize("name", ["trellis", "transform_coding", "bebr"])
def test_codes_that_faiss_does_not_hold_are_refused_before_training(name):
    with pytest.raises(NotInFaiss, match="has no index in faiss; these have"):
        check_graph(methods.create(name, dim=DIM, budget="8x", metric="cosine"))


@pytest.mark.parametrize(("name", "budget"), [("sign", "32x"), ("pq_fastscan", "16x")])
def test_codes_that_are_compared_in_blocks_are_refused(name, budget):
    with pytest.raises(NotInFaiss, match="use index=ivf"):
        check_graph(methods.create(name, dim=DIM, budget=budget, metric="cosine"))


def makes(name, size, settings):
    try:
        methods.create(name, dim=DIM, budget=size, metric="cosine", **settings)
    except BudgetError:
        return False
    return True


@pytest.mark.thorough
def test_all_methods_that_are_not_refused_are_held_one_by_one(vectors):
    base, _ = vectors
    settings = {"rotation_iterations": 1, "iterations": 1, "restarts": 1, "store_norm": False}
    settings |= {"epochs": 1, "code_epochs": 1}
    for name in registry.names("dense"):
        takes = {key: value for key, value in settings.items() if key in registry.parameters(name)}
        size = next(size for size in (8, 32, 64, 128) if makes(name, size, takes))
        codec = methods.create(name, dim=DIM, budget=size, metric="cosine", **takes)
        try:
            check_graph(codec)
        except NotInFaiss:
            continue
        codec.fit(base, queries=training_queries(base) if codec.uses_queries else None)
        index = HNSWSearcher(codec, codec.encode(base[:50]), [base[:50]])
        assert (index.search(base[:3], 5)[1] >= 0).all(), name


def test_wrong_numbers_are_refused(vectors):
    base, _ = vectors
    codec = methods.create("int8", dim=DIM, budget="4x", metric="l2").fit(base)
    codes = codec.encode(base)
    with pytest.raises(MethodError, match="links=1 is out of range"):
        HNSWSearcher(codec, codes, pieces(base), links=1)
    with pytest.raises(MethodError, match="build_ef=0 is not a number of candidates"):
        HNSWSearcher(codec, codes, pieces(base), build_ef=0)
    with pytest.raises(MethodError, match="ef=0 is not a number of candidates"):
        HNSWSearcher(codec, codes, pieces(base), ef=0)
    with pytest.raises(MethodError, match="700 vectors for 1500 codes"):
        HNSWSearcher(codec, codes, [base[:700]])
