"""The asymmetric scan of binary codes agrees with its reference."""

from __future__ import annotations

import numpy as np
import pytest

from methods.kernels.bits import asymmetric_scan, asymmetric_scores_reference, byte_tables


def sample(bits, n=300):
    rng = np.random.default_rng(bits)
    codes = np.packbits(rng.random((n, bits)) < 0.5, axis=1, bitorder="little")
    return codes, rng.standard_normal((4, bits)).astype(np.float32)


@pytest.mark.parametrize("bits", [1, 7, 8, 9, 31, 32, 40, 64, 384])
def test_scan_finds_what_the_reference_finds(bits):
    codes, queries = sample(bits)
    expected = asymmetric_scores_reference(codes, queries)
    for query, scores in zip(queries, expected):
        for k in (1, 10, len(codes)):
            keys, ids = np.full(k, np.inf, np.float32), np.full(k, -1, np.int64)
            asymmetric_scan(codes, query, keys, ids)
            np.testing.assert_allclose(-keys, scores[ids], rtol=1e-4, atol=1e-4)
            np.testing.assert_allclose(-keys, np.sort(scores)[::-1][:k], rtol=1e-4, atol=1e-4)
            assert len(np.unique(ids)) == k


def test_equal_scores_are_ordered_by_the_smaller_row():
    codes = np.tile(sample(16, 5)[0], (20, 1))
    keys, ids = np.full(50, np.inf, np.float32), np.full(50, -1, np.int64)
    asymmetric_scan(codes, sample(16)[1][0], keys, ids)
    for score in np.unique(keys):
        rows = ids[keys == score]
        assert (np.diff(rows) > 0).all()
        assert rows[0] < 5


def test_tables_hold_the_score_of_every_byte():
    query = np.array([1, 2, 4, 8, 16, 32, 64, 128, 0.5], np.float32)
    tables = np.empty((2, 256), np.float32)
    byte_tables(query, tables)
    assert tables[0].tolist() == [2 * value - 255 for value in range(256)]
    assert tables[1].tolist() == [0.5 if value & 1 else -0.5 for value in range(256)]
