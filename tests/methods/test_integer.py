"""Integer codes: faiss's format, ranges of training, outliers clipped only where that helps."""

from __future__ import annotations

import faiss
import numpy as np
import pytest

from methods import MethodError, Metric, for_budget, get
from methods.integer import clipped_ranges

QUANTIZER = {
    "int8": faiss.ScalarQuantizer.QT_8bit,
    "int6": faiss.ScalarQuantizer.QT_6bit,
    "int4": faiss.ScalarQuantizer.QT_4bit,
    "int8_global": faiss.ScalarQuantizer.QT_8bit_uniform,
}


@pytest.fixture
def vectors():
    return np.random.default_rng(3).standard_normal((500, 19)).astype(np.float32)


@pytest.mark.parametrize("name", QUANTIZER)
def test_min_max_ranges_give_the_codes_of_faiss(name, vectors):
    codec = get(name)(19).fit(vectors)
    index = faiss.IndexScalarQuantizer(19, QUANTIZER[name], faiss.METRIC_INNER_PRODUCT)
    index.train(vectors)
    np.testing.assert_array_equal(codec.encode(vectors), index.sa_encode(vectors))


@pytest.mark.parametrize(("name", "size"), [("int8", 19), ("int6", 15), ("int4", 10), ("int8_global", 19)])
def test_code_bytes_round_up(name, size):
    assert for_budget(name, 19, 100, Metric.IP).code_size == size


@pytest.mark.parametrize("name", ["int8", "int6", "int4"])
def test_error_is_at_most_half_a_step_within_the_range(name, vectors):
    codec = get(name)(19).fit(vectors)
    error = np.abs(codec.decode(codec.encode(vectors)) - vectors)
    assert (error <= 0.501 * codec.width_ / (2**codec.bits - 1)).all()


def test_clipping_outliers_lowers_the_error_at_4_bits():
    vectors = np.random.default_rng(3).standard_t(4, (4000, 12)).astype(np.float32)
    error = {}
    for ranges in ("minmax", "clipped"):
        codec = get("int4")(12, ranges=ranges).fit(vectors)
        error[ranges] = float(((codec.decode(codec.encode(vectors)) - vectors) ** 2).mean())
    assert error["clipped"] < 0.5 * error["minmax"]


def test_ranges_without_outliers_are_left_nearly_whole():
    columns = np.random.default_rng(3).uniform(-1, 1, (1000, 4)).astype(np.float32)
    low, width = columns.min(axis=0), np.ptp(columns, axis=0)
    clipped = clipped_ranges(columns, low, width, bits=8)
    np.testing.assert_allclose(clipped[0], low, atol=0.01)
    np.testing.assert_allclose(clipped[1], width, rtol=0.01)


def test_a_constant_dimension_decodes_exactly(vectors):
    vectors[:, 5] = 0.75
    codec = get("int4")(19, ranges="clipped").fit(vectors)
    np.testing.assert_array_equal(codec.decode(codec.encode(vectors))[:, 5], 0.75)


def test_unknown_ranges_are_refused():
    with pytest.raises(MethodError, match="int4 has no ranges='quantile'; use one of minmax, clipped"):
        for_budget("int4", 8, 4, Metric.IP, ranges="quantile")
