"""RaBitQ: code sizes, decoding with all bits, estimates that are linear in the query and unbiased."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from methods import Metric
from methods.checks import data
from methods.rotated.rabitq import RaBitQ


@pytest.mark.parametrize(
    ("code_bytes", "bits", "size"), [(56, 1, 56), (115, 1, 56), (116, 2, 116), (212, 4, 212), (192, 3, 164)]
)
def test_the_most_bits_whose_factors_fit_too(code_bytes, bits, size):
    codec = RaBitQ.for_budget(384, code_bytes, Metric.IP)
    assert (codec.bits, codec.code_size) == (bits, size)


@pytest.mark.parametrize("metric", ["ip", "l2"])
@pytest.mark.parametrize("dim", [7, 32])
def test_code_size_is_that_of_faiss_at_every_width(metric, dim):
    for bits in range(1, 10):
        codec = RaBitQ(dim, metric, bits)
        assert codec._empty_index().code_size == codec.code_size


@pytest.mark.parametrize("metric", ["ip", "l2"])
def test_error_of_decoded_vectors_falls_with_every_bit(metric):
    errors = []
    for bits in range(1, 10):
        codec = RaBitQ(32, metric, bits).fit(data.train())
        errors.append(float(((codec.decode(codec.encode(data.base())) - data.base()) ** 2).sum()))
    assert all(after < 0.5 * before for before, after in pairwise(errors[:8]))
    assert errors[8] < errors[7]


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_scores_estimate_the_inner_product_with_the_decoded_vector(bits):
    codec = RaBitQ(32, "ip", bits, query_bits=0).fit(data.train())
    codes = codec.encode(data.base())
    scores, ids = codec.searcher(codes).search(data.queries(), 10)
    # The part along the center is exact in a score, for a query of the right length, and estimated in a decoded vector.
    error = data.base() - codec.decode(codes)
    center = data.train().mean(axis=0)
    ordinary = np.linalg.norm(data.queries(), axis=1) / codec.length_
    own = np.clip(data.queries() @ center / (center @ center), ordinary / 8, ordinary * 2)  # of the right length
    exact = data.queries() @ codec.decode(codes).T + own[:, None] * (error @ center)
    assert np.abs(np.take_along_axis(exact, ids, 1) - scores).max() < 1e-3


def test_estimates_are_unbiased_over_rotations():
    query, base = data.queries()[:1], data.base()[:50]
    true = (query @ base.T)[0]
    estimates = []
    for seed in range(40):
        codec = RaBitQ(32, "ip", 1, query_bits=0).fit(data.train(), seed)
        scores, ids = codec.searcher(codec.encode(base)).search(query, 50)
        estimates.append(scores[0][np.argsort(ids[0])])
    spread = np.std(estimates, axis=0) / np.sqrt(40)
    assert (np.abs(np.mean(estimates, axis=0) - true) < 4 * spread).all()


@pytest.mark.parametrize("offset", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("bits", [1, 4])
def test_order_by_product_does_not_depend_on_the_length_of_a_query(bits, offset):
    rng = np.random.default_rng(3)
    common = offset * rng.standard_normal(64)
    vectors, queries = ((rng.standard_normal((n, 64)) + common).astype(np.float32) for n in (1000, 30))
    codec = RaBitQ(64, "ip", bits).fit(vectors)
    searcher = codec.searcher(codec.encode(vectors))
    scores, expected = searcher.search(queries, 10)
    for exponent in (-40, -7, 7, 40):
        longer, ids = searcher.search(queries * np.float32(2.0**exponent), 10)
        np.testing.assert_array_equal(ids, expected)
        np.testing.assert_allclose(longer / 2.0**exponent, scores, rtol=1e-5)


def test_parts_are_the_mean_and_the_rotation():
    codec = RaBitQ.for_budget(32, 12, "l2").fit(data.train())
    assert {name: part.shape for name, part in codec.parts().items()} == {"mean": (32,), "rotation": (32, 32)}
    plain = RaBitQ.for_budget(32, 12, "l2", rotation="none").fit(data.train())
    assert set(plain.parts()) == {"mean"}
