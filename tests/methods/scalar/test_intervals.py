"""Interval codes: packing, the kernels against their NumPy references, one search whatever its path."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methods import Metric, for_budget, get
from methods.scalar._interval import decode_reference, level_bytes, pack_levels, unpack_levels


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 70), st.sampled_from([1, 2, 4, 8]), st.integers(0, 5), st.integers(0, 2**32 - 1))
def test_packing_is_undone_by_unpacking(dim, bits, n, seed):
    levels = np.random.default_rng(seed).integers(0, 2**bits, (n, dim), dtype=np.uint8)
    packed = pack_levels(levels, bits)
    assert packed.shape == (n, level_bytes(dim, bits))
    np.testing.assert_array_equal(unpack_levels(packed, dim, bits), levels)


CONFIGURATIONS = [("lvq", {"levels": levels}) for levels in ("4", "8", "4x4", "4x8")]
CONFIGURATIONS += [("osq", {"bits": bits}) for bits in (1, 2, 4, 8)]


@pytest.mark.parametrize(("name", "params"), CONFIGURATIONS)
@pytest.mark.parametrize("dim", [1, 3, 33, 100])
def test_kernel_decodes_like_the_reference(name, params, dim, gaussian):
    vectors = gaussian(60, dim, seed=dim)
    codec = get(name)(dim, **params).fit(vectors)
    codes = codec.encode(vectors)
    bits = codec.level_bits, codec.residual_bits
    expected = decode_reference(codes, dim, codec.header, *bits, codec.scale_) + codec.mean_
    if codec.keeps_offset:
        offsets = codes[:, 4:6].copy().view(np.float16).astype(np.float32) * np.float32(codec.scale_)
        expected += offsets * codec.direction_
    np.testing.assert_allclose(codec.decode(codes), expected, atol=1e-5)


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "params"), CONFIGURATIONS)
@pytest.mark.parametrize("metric", list(Metric))
def test_scan_and_decoding_find_the_same(name, params, metric):
    rng = np.random.default_rng(1)
    vectors, queries = (rng.standard_normal((n, 37)).astype(np.float32) for n in (300, 8))
    codec = get(name)(37, metric, **params).fit(vectors)
    searcher = codec.searcher(codec.encode(vectors))
    scores, _ = searcher.search(queries, 15)  # decodes
    for query, expected in zip(queries, scores):
        found, ids = searcher.search(query[None], 15)  # scans
        np.testing.assert_allclose(found[0], expected, rtol=1e-4, atol=1e-4)
        assert len(set(ids[0])) == 15


def test_equal_scores_are_ordered_by_the_smaller_id(gaussian):
    vectors = np.repeat(gaussian(3, 8, seed=1), 20, axis=0)
    codec = get("lvq")(8).fit(vectors)
    _, ids = codec.searcher(codec.encode(vectors)).search(vectors[:1], 10)
    np.testing.assert_array_equal(ids[0], np.arange(10))


@pytest.mark.parametrize("name", ["lvq", "osq", "nvq"])
@pytest.mark.parametrize("times", [1e3, 1e7])
def test_one_row_far_too_long_costs_the_others_nothing(name, times, gaussian):
    vectors = gaussian(400, 16, seed=2)
    expected = for_budget(name, 16, 22, Metric.L2).fit(vectors)
    errors = []
    for factor in (1.0, times):
        vectors[7] *= np.float32(factor)
        codec = type(expected)(**expected.params()).fit(vectors)
        errors.append(np.abs(codec.decode(codec.encode(vectors)) - vectors)[8:].max())
    assert errors[1] < 1.2 * errors[0]


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_bounds_survive_any_scale_of_the_data(scale):
    vectors = (np.random.default_rng(2).standard_normal((100, 16)) * scale).astype(np.float32)
    codec = get("lvq")(16).fit(vectors)
    error = np.abs(codec.decode(codec.encode(vectors)) - vectors).max()
    assert error < 0.02 * scale
