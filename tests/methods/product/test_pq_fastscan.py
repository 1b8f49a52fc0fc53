"""Fast scan: two indices a byte, results of the plain scan up to the rounding of its tables, padding reported."""

from __future__ import annotations

import numpy as np
import pytest

from methods import Metric
from methods.checks import data
from methods.product.pq_fastscan import PQFastScan
from methods.search.decoding import DecodingSearcher


@pytest.mark.parametrize(
    ("dim", "code_bytes", "subquantizers", "size"),
    [(384, 48, 96, 48), (7, 48, 7, 4), (1, 1, 1, 1), (600, 300, 256, 128)],
)
def test_two_subquantizers_a_byte_and_one_a_dimension_at_most(dim, code_bytes, subquantizers, size):
    codec = PQFastScan.for_budget(dim, code_bytes, Metric.IP)
    assert (codec.subquantizers, codec.code_size) == (subquantizers, size)


@pytest.mark.parametrize("metric", list(Metric))
def test_scores_are_those_of_decoded_vectors_up_to_table_rounding(metric):
    codec = PQFastScan.for_budget(32, 8, metric).fit(data.train())
    codes = codec.encode(data.base())
    scores, ids = codec.searcher(codes).search(data.queries(), 500)
    exact_scores, exact_ids = DecodingSearcher(codec, codes).search(data.queries(), 500)
    by_id, exact = np.empty_like(scores), np.empty_like(scores)
    np.put_along_axis(by_id, ids, scores, 1)
    np.put_along_axis(exact, exact_ids, exact_scores, 1)
    assert np.abs(by_id - exact).max() <= 0.02 * np.abs(exact).max()


def test_scores_of_many_dimensions_do_not_run_over():
    base = 255.0 * np.random.default_rng(0).integers(0, 2, (400, 600)).astype(np.float32)
    codec = PQFastScan.for_budget(600, 300, "l2").fit(base)
    codes = codec.encode(base)
    far = 255 - base[:1]
    scores, ids = codec.searcher(codes).search(far, 400)
    exact = ((far - codec.decode(codes)) ** 2).sum(axis=1)[ids]
    assert np.abs(scores - exact).max() <= 0.02 * exact.max()


@pytest.mark.parametrize(("n", "padding"), [(32, 0), (33, 31 * 8), (1, 31 * 8)])
def test_padding_is_what_fills_up_the_last_block(n, padding):
    codec = PQFastScan.for_budget(32, 8, "ip").fit(data.train())
    searcher = codec.searcher(codec.encode(data.base()[:n]))
    assert (searcher.nbytes - n * codec.code_size, searcher.padding) == (padding, padding)


@pytest.mark.parametrize("metric", ["ip", "l2"])
def test_codes_that_all_score_alike_are_all_found(metric):
    codec = PQFastScan.for_budget(32, 8, metric).fit(data.train())
    codes = codec.encode(data.base()[:40])
    scores, ids = codec.searcher(codes).search(np.zeros((2, 32), np.float32), 40)
    assert (np.sort(ids, axis=1) == np.arange(40)).all()
    assert np.isfinite(scores).all()


def test_the_worst_code_is_found_with_its_score():
    codec = PQFastScan.for_budget(7, 1, "ip").fit(data.train(7))
    codes = codec.encode(data.base(7))
    scores, ids = codec.searcher(codes).search(data.queries(7), len(codes))
    exact = data.queries(7) @ codec.decode(codes).T
    assert (np.sort(ids, axis=1) == np.arange(len(codes))).all()
    assert np.allclose(scores, np.take_along_axis(exact, ids, 1), atol=0.02 * np.abs(exact).max())
