"""A mean along which vectors hardly vary."""

from __future__ import annotations

import numpy as np
import pytest

from methods.fitting.offset_choice import constant_mean
from methods.vectors import normalized

PLAIN = np.random.default_rng(0).standard_normal((3000, 48)).astype(np.float32)


def with_constant(value=8.0):
    return np.where(np.arange(48) == 5, np.float32(value), PLAIN)


@pytest.mark.parametrize("vectors", [with_constant(), with_constant() * 1e6, with_constant()[:50]])
def test_a_dimension_that_is_the_same_in_all_is_the_mean(vectors):
    mean = constant_mean(vectors)
    assert np.argmax(np.abs(mean)) == 5
    assert mean[5] == pytest.approx(vectors[0, 5], rel=1e-3)


def test_one_outlier_changes_nothing():
    long = with_constant().copy()
    long[7] = 1000 * np.abs(PLAIN[7])
    assert constant_mean(long)[5] == pytest.approx(8, rel=1e-2)
    varying = long + np.float32(0.5) * PLAIN[:, :1] * (np.arange(48) == 5)
    assert constant_mean(varying) is None


@pytest.mark.parametrize(
    "vectors",
    [
        PLAIN,
        PLAIN + 2,
        with_constant(0.5),
        normalized(normalized(PLAIN) + np.sqrt(3, dtype=np.float32) * np.eye(48, dtype=np.float32)[3]),
        0 * PLAIN,
    ],
    ids=["no mean", "it varies along the mean", "a small mean", "a cone of average cosine .75", "zeros"],
)
def test_other_vectors_have_none(vectors):
    assert constant_mean(vectors) is None


def test_one_vector_has_none():
    assert constant_mean(PLAIN[:1]) is None
