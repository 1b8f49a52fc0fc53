"""Vectors at the edges of float32 are scaled as exactly as others, and codes of a wrong kind are refused."""

from __future__ import annotations

import numpy as np
import pytest

from methods import Codec, MethodError, registry
from methods.vectors import normalized


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("size", [1e-42, 1e-30, 1e-13, 1.0, 1e16, 1e30, 3e38])
def test_unit_norm_whatever_the_length(size):
    rows = np.array([[3, 4, 0], [0, -1, 0], [0, 0, 0], [0.6, 0.8, 0]], np.float64)
    greatest = np.abs(rows).max(axis=1, keepdims=True)
    vectors = (rows / np.where(greatest > 0, greatest, 1) * size).astype(np.float32)
    kept = vectors.copy()
    vectors[3] = rows[3]  # one of ordinary length among them
    kept[3] = rows[3]
    unit = normalized(vectors)
    assert unit.dtype == np.float32
    expected = [[0.6, 0.8, 0], [0, -1, 0], [0, 0, 0], [0.6, 0.8, 0]]
    np.testing.assert_allclose(unit, expected, atol=1e-6 if size > 1e-38 else 1e-2)  # the first has 10 bits or so
    np.testing.assert_array_equal(vectors, kept)


def test_no_vectors_are_no_trouble():
    assert normalized(np.empty((0, 5), np.float32)).shape == (0, 5)


@pytest.mark.parametrize("wrong", [np.zeros((3, 4), np.int64), np.zeros((3, 1), np.uint8), np.zeros((1, 4), np.uint8)])
def test_codes_of_another_kind_than_promised_are_not_cast(wrong, monkeypatch):
    codec = registry.for_budget("sign", 32, 4, "ip").fit(np.eye(32, dtype=np.float32))
    monkeypatch.setattr(type(codec), "_encode", lambda self, vectors: wrong)
    with pytest.raises(MethodError, match=r"codes of sign are uint8 of shape \(3, 4\), not"):
        Codec.encode(codec, np.eye(32, dtype=np.float32)[:3])


@pytest.mark.parametrize(("dim", "together"), [(1, 16_384), (100, 8192), (384, 4096), (1536, 1024), (5000, 1024)])
def test_vectors_are_encoded_so_many_at_a_time_and_none_is_left_out(monkeypatch, dim, together):
    sizes, codec = [], registry.for_budget("sign", dim, -(-dim // 8), "ip")
    encode = codec._encode
    monkeypatch.setattr(codec, "_encode", lambda block: sizes.append(len(block)) or encode(block))
    vectors = np.random.default_rng(0).standard_normal((together + 3, dim), np.float32)
    codes = codec.fit(vectors[:9]).encode(vectors)
    assert sizes == [together, 3]
    assert 16_384 % together == 0
    assert np.array_equal(codes[-5:], codec.encode(vectors[-5:]))
