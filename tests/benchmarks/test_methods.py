"""Encode and search of every method on the embedded data set, at 8x or the smallest size that it has above that.

``make benchmark`` runs all and writes the JSON; the cases named ``quick`` are the short subset of ``.ci/run``.
Times are only reported: a target would be a ratio against a peer in the same run.
"""

import functools

import pytest

from bench import datasets
from methods import BudgetError, registry
from methods.errors import UnsupportedMetric

BASE, TRAIN, QUERIES = 5_000, 2_000, 100
QUICK = ("float32", "int8", "pq", "rabitq", "itq")


@functools.cache
def data():
    dataset = datasets.load("squad-sentences-mini")
    return dataset.base.read(0, BASE), dataset.queries[:QUERIES]


@functools.lru_cache(maxsize=2)
def fitted(name):
    vectors, _ = data()
    dim = vectors.shape[1]
    try:
        codec = registry.for_budget(name, dim, dim // 2, "ip")
    except BudgetError as error:
        codec = registry.for_budget(name, dim, error.smallest, "ip")
    return codec.fit(vectors[:TRAIN], seed=0)


def cases():
    return [pytest.param(name, id=f"quick-{name}" if name in QUICK else name) for name in registry.names()]


def usable(name):
    """The fitted codec; a method whose optional dependency is absent, or that lacks the metric, is left out aloud."""
    if missing := registry.missing_dependencies(name):
        pytest.skip(f"{name} needs {', '.join(missing)}")
    try:
        return fitted(name)
    except UnsupportedMetric as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", cases())
def test_encode(benchmark, name):
    codec = usable(name)
    vectors, _ = data()
    benchmark.extra_info["vectors"] = 1_000
    codes = benchmark.pedantic(codec.encode, (vectors[:1_000],), warmup_rounds=1, rounds=3)
    assert codes.shape == (1_000, codec.code_size)


@pytest.mark.parametrize("name", cases())
def test_search_batch(benchmark, name):
    codec = usable(name)
    vectors, queries = data()
    searcher = codec.searcher(codec.encode(vectors))
    benchmark.extra_info["queries"] = QUERIES
    _, ids = benchmark.pedantic(searcher.search, (queries, 10), warmup_rounds=1, rounds=5)
    assert ids.shape == (QUERIES, 10)


@pytest.mark.parametrize("name", cases())
def test_search_single(benchmark, name):
    codec = usable(name)
    vectors, queries = data()
    searcher = codec.searcher(codec.encode(vectors))
    _, ids = benchmark.pedantic(searcher.search, (queries[:1], 10), warmup_rounds=2, rounds=20)
    assert ids.shape == (1, 10)
