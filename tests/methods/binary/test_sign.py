"""Sign codes: one bit a dimension at a threshold."""

from __future__ import annotations

import numpy as np
import pytest

from methods import BudgetError, MethodError, Metric
from methods.binary.sign import Sign
from methods.checks import data
from methods.errors import UnsupportedMetric


def bits_of(codec, vectors):
    return np.unpackbits(codec.encode(vectors), axis=1, count=codec.dim)


def test_a_bit_is_set_where_a_value_reaches_its_threshold():
    train = np.array([[0, 1, 10], [2, 1, 0], [4, 1, 2]], np.float32)
    expected = {"zero": [0, 0, 0], "mean": [2, 1, 4], "median": [2, 1, 2]}
    for threshold, values in expected.items():
        codec = Sign(3, Metric.IP, threshold=threshold).fit(train)
        assert codec.parts()["thresholds"].tolist() == values
        assert np.array_equal(bits_of(codec, train), train >= values)


def test_dimensions_that_fill_no_byte_leave_zero_bits():
    codec = Sign(13).fit(data.train(13))
    codes = codec.encode(data.base(13))
    assert codes.shape[1] == 2
    assert (codes[:, 1] & 0b111 == 0).all()


def test_the_budget_must_hold_a_bit_a_dimension():
    with pytest.raises(BudgetError, match=r"sign .* smallest code is 48 B"):
        Sign.for_budget(384, 47, Metric.IP)
    assert Sign.for_budget(384, 1000, Metric.IP).code_size == 48


def test_zero_as_threshold_knows_angles_but_not_distances():
    with pytest.raises(UnsupportedMetric, match=r"threshold=zero does not support metric=l2; use threshold=mean"):
        Sign.for_budget(32, 4, Metric.L2, threshold="zero")
    assert Sign.for_budget(32, 4, Metric.COSINE, threshold="zero").threshold == "zero"


def test_an_unknown_threshold_names_the_three():
    with pytest.raises(MethodError, match=r"threshold='avg' is unknown; use one of zero, mean, median"):
        Sign(32, threshold="avg")
