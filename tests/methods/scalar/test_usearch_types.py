"""The types of usearch: sizes, that scores are those of rounded queries and codes, and life without the package."""

from __future__ import annotations

import numpy as np
import pytest

from methods import BudgetError, Metric, registry
from methods.__main__ import describe
from methods.checks import data
from methods.scalar.usearch import USearch
from methods.vectors import from_bfloat16, to_bfloat16


@pytest.mark.parametrize(
    ("code_bytes", "kind", "size"), [(1000, "bf16", 768), (767, "i8", 384), (383, "b1", 48), (48, "b1", 48)]
)
def test_the_finest_type_that_fits(code_bytes, kind, size):
    codec = USearch.for_budget(384, code_bytes, Metric.IP)
    assert (codec.type, codec.code_size) == (kind, size)


def test_the_smallest_code_is_named():
    with pytest.raises(BudgetError, match="48 B"):
        USearch.for_budget(384, 47, Metric.IP)


def test_without_the_package_sizes_are_known_and_the_need_is_told(monkeypatch):
    monkeypatch.setattr(registry.importlib.util, "find_spec", lambda module: None)
    found = describe("usearch", 384)
    assert found["missing"] == ["usearch"]
    assert found["code_sizes"] == [48, 384, 768]


def rounded_products(kind, codec, codes, queries):
    if kind == "bf16":
        return from_bfloat16(to_bfloat16(queries).view(np.uint8)) @ codec.decode(codes).T
    own = np.abs(queries).max(axis=1, keepdims=True) / 127
    return (np.rint(queries / own) * own) @ codec.decode(codes).T


@pytest.mark.parametrize("kind", ["bf16", "i8"])
def test_scores_are_products_of_rounded_queries_and_decoded_vectors(kind):
    pytest.importorskip("usearch", reason="needs the extra usearch")
    codec = USearch(32, "ip", kind).fit(data.train())
    codes = codec.encode(data.base())
    scores, ids = codec.searcher(codes).search(data.queries(), 10)
    exact = np.take_along_axis(rounded_products(kind, codec, codes, data.queries()), ids, 1)
    assert np.abs(scores - exact).max() < 2e-3 * np.abs(exact).max()


def test_bits_are_compared_by_hamming_distance():
    pytest.importorskip("usearch", reason="needs the extra usearch")
    codec = USearch(32, "ip", "b1").fit(data.train())
    searcher = codec.searcher(codec.encode(data.base()))
    scores, ids = searcher.search(data.queries(), 10)
    different = ((data.queries()[:, None] > 0) != (data.base()[None] > 0)).sum(axis=2)
    assert not searcher.descending
    assert np.array_equal(scores, np.take_along_axis(different, ids, 1))
    assert np.array_equal(scores, np.sort(different, axis=1)[:, :10])


@pytest.mark.parametrize("exponent", [-66, -27, -13, 27, 49])
def test_products_of_any_scale_find_the_same(exponent):
    pytest.importorskip("usearch", reason="needs the extra usearch")
    found = []
    for factor in (np.float32(1), np.float32(2.0**exponent)):
        codec = USearch(32, "ip", "bf16").fit(data.train() * factor)
        found.append(codec.searcher(codec.encode(data.base() * factor)).search(data.queries(), 10)[1])
    assert np.mean([np.isin(a, b).mean() for a, b in zip(*found)]) > 0.98


@pytest.mark.parametrize("metric", ["ip", "l2"])
def test_an_outlier_does_not_set_the_scale_of_bytes(metric):
    vectors = data.train().copy()
    expected = USearch(32, metric, "i8").fit(vectors).scales_
    assert expected[0] == np.abs(vectors).max()
    vectors[3] *= 1000
    assert (USearch(32, metric, "i8").fit(vectors).scales_ < 20 * expected).all()
