"""What a query's length, a far origin or one outlier may not change: orders, thresholds, axes, tables, codebooks."""

from __future__ import annotations

import numpy as np
import pytest

from methods import Metric, for_budget
from methods.additive.lsq import LSQ
from methods.binary.sign import Sign
from methods.binary.spectral_hashing import SpectralHashing
from methods.checks import data
from methods.checks.recalls import near_rows, vectors
from methods.product.pq_fastscan import FastScanSearcher, PQFastScan
from methods.product.quips import QUIPS
from methods.reduction.pca import PrincipalComponents
from methods.search.decoding import DecodingSearcher

HASHES = ["sign", "itq", "spectral_hashing", "semantic_hashing", "simhash"]
PLAIN = data.vectors("train", 1000)


def with_outlier(times=1000):
    changed = PLAIN.copy()
    changed[10] *= times
    return changed


def recall(codec, base, queries):
    ids = codec.searcher(codec.encode(base)).search(queries, data.K)[1]
    return float(np.take_along_axis(near_rows(base, queries, codec.metric), ids, axis=1).mean())


# --- the length of a query ------------------------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.parametrize("scoring", ["hamming", "asymmetric"])
@pytest.mark.parametrize("name", HASHES)
def test_hash_codes_of_queries_do_not_depend_on_their_length(name, scoring):
    base, queries = vectors("average cosine .75")
    codec = for_budget(name, data.DIM, 4, "ip", scoring=scoring).fit(3 * base[:600])
    searcher = codec.searcher(codec.encode(3 * base))
    expected = searcher.search(3 * queries, 10)[1]
    for factor in (1e-20, 0.01, 0.7, 1.4, 100, 1e15):
        assert (searcher.search(queries * np.float32(factor), 10)[1] == expected).mean() > 0.99


@pytest.mark.parametrize("name", HASHES)
def test_the_length_of_normalized_vectors_is_no_part(name):
    base, queries = vectors("average cosine .75")
    codec = for_budget(name, data.DIM, 4, "ip").fit(base[:600])
    assert "length" not in codec.parts()
    assert codec._of_typical_length(queries).tobytes() == queries.tobytes()


def test_a_length_is_stored_and_zero_queries_stay_zero():
    codec = Sign(data.DIM, "ip").fit(3 * PLAIN)
    again = Sign.from_parts(codec.params(), codec.parts())
    assert again.length_ == codec.length_ == pytest.approx(np.median(np.linalg.norm(3 * PLAIN, axis=1)), rel=1e-6)
    assert not again._of_typical_length(np.zeros((1, data.DIM), np.float32)).any()
    assert "length" not in Sign(data.DIM, "l2").fit(3 * PLAIN).parts()


def test_queries_that_lack_the_common_direction_are_estimated_well():
    base, queries = vectors("queries apart")
    for metric in ("ip", "cosine"):
        codec = for_budget("rabitq", data.DIM, 32, metric).fit(base[:600])
        assert recall(codec, base, queries) > 0.75  # .62 where such a query was estimated at its own length


# --- a far origin ---------------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_the_ridge_of_additive_codes_does_not_pull_to_a_far_origin():
    errors = []
    for shift in (0, 2):
        shifted = PLAIN + np.float32(shift)
        codec = LSQ(data.DIM, Metric.L2, 4, iterations=2).fit(shifted)
        errors.append(((codec.decode(codec.encode(shifted)) - shifted) ** 2).mean())
    assert errors[1] < 1.5 * errors[0]


# --- an outlier -----------------------------------------------------------------------------------------------------


def test_an_outlier_does_not_move_thresholds():
    far, near = (Sign(data.DIM, "l2").fit(each).thresholds_ for each in (with_outlier(), PLAIN))
    assert np.allclose(far, near, atol=0.02)


def test_an_outlier_does_not_stretch_the_box_of_waves():
    far, near = (SpectralHashing(data.DIM, "l2", 64).fit(each) for each in (with_outlier(), PLAIN))
    assert far.rate_.max() > 0.9 * near.rate_.max()


def test_an_outlier_is_no_principal_component():
    far, near = (PrincipalComponents(data.DIM, 8).fit(each) for each in (with_outlier(), PLAIN))
    assert np.linalg.norm(far.matrix_.T @ near.matrix_) ** 2 > 0.98 * 8
    assert np.allclose(far.mean_, near.mean_, atol=0.02)


def test_an_outlier_does_not_decide_what_products_matter():
    far, near = (QUIPS(data.DIM, "ip", 8).fit(each).roots_ for each in (with_outlier(), PLAIN))
    assert np.allclose(far, near, atol=0.05)


def test_an_outlier_does_not_heat_all_codebooks():
    codecs = [LSQ(data.DIM, "l2", 2, iterations=3).fit(each) for each in (with_outlier(), PLAIN)]
    errors = [((codec.decode(codec.encode(PLAIN)) - PLAIN) ** 2).mean() for codec in codecs]
    assert errors[0] < 1.5 * errors[1]


@pytest.mark.parametrize("metric", ["ip", "l2"])
def test_tables_that_a_far_centroid_makes_coarse_are_left_for_decoding(metric):
    queries = data.vectors("queries", 50)
    for base, kind in ((PLAIN, FastScanSearcher), (with_outlier(), DecodingSearcher)):
        codec = PQFastScan(data.DIM, metric, 16).fit(base)
        codes = codec.encode(base)
        searcher = codec.searcher(codes)
        assert type(searcher) is kind
        scores, _ = searcher.search(queries, 10)
        exact = DecodingSearcher(codec, codes).search(queries, 10)[0]
        assert np.abs(scores - exact).mean() < 0.1 * exact.std()
