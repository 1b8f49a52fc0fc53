"""Codes without an order: what is stored decodes to the same set, and the bound counts sequences that are one set."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.measure.free_order import best_bits, free_order, order_bits, packed, packed_nbytes, unpacked


def random_codes(n, size, values=256, seed=0):
    return np.random.default_rng(seed).integers(0, values, (n, size)).astype(np.uint8)


def as_set(codes):
    """Rows in one order, with repeats."""
    return sorted(map(bytes, codes))


@pytest.mark.parametrize(
    ("n", "size", "values"),
    [(1, 1, 256), (1, 5, 256), (2, 1, 1), (7, 3, 256), (999, 1, 256), (1_000, 12, 256), (1_001, 9, 2), (5_000, 16, 4)],
)
@pytest.mark.parametrize("bits", [None, 0, 1, 5, 8])
def test_what_is_stored_decodes_to_the_same_codes(n, size, values, bits):
    codes = random_codes(n, size, values)
    stored = packed(codes, bits)
    assert stored.nbytes == packed_nbytes(n, size, stored.bits)
    decoded = unpacked(stored)
    assert decoded.dtype == np.uint8
    assert as_set(decoded) == as_set(codes)
    leading = decoded[:, 0] >> max(0, 8 - stored.bits)
    assert (np.diff(leading.astype(int)) >= 0).all()


def test_equal_codes_and_more_buckets_than_codes_decode():
    equal = np.full((300, 4), 255, np.uint8)
    assert (unpacked(packed(equal)) == equal).all()
    few = random_codes(3, 4)
    stored = packed(few, bits=13)
    assert len(np.unpackbits(stored.buckets)) > 1 << 13
    assert as_set(unpacked(stored)) == as_set(few)


def test_ids_follow_the_order_that_is_stored():
    codes = random_codes(500, 6, seed=3)
    order = np.argsort(codes[:, 0].astype(int) << 8 | codes[:, 1], kind="stable")
    assert (unpacked(packed(codes, 16)) == codes[order]).all()


@pytest.mark.parametrize(("n", "size"), [(1, 3), (2, 1), (100, 1), (1_000, 8), (4_096, 20), (70_000, 48)])
def test_no_other_number_of_bits_is_smaller(n, size):
    sizes = [packed_nbytes(n, size, bits) for bits in range(min(8 * size, 24) + 1)]
    assert packed_nbytes(n, size, best_bits(n, size)) == min(sizes) <= n * size


def test_one_code_has_no_order_to_save():
    only = free_order(random_codes(1, 7))
    assert (only.least, only.stored) == (7, 7)
    assert free_order(np.zeros((0, 7), np.uint8)) is None


@pytest.mark.parametrize("size", [4, 12])
def test_bound_counts_the_sequences_that_are_one_set(size):
    letters = random_codes(3, size)
    codes = letters[[0, 1, 0, 2, 0, 1]]  # 6! / (3! 2! 1!) = 60
    assert order_bits(codes) == pytest.approx(math.log2(60))
    assert order_bits(np.repeat(letters[:1], 100, axis=0)) == pytest.approx(0, abs=1e-9)
    codes[:, : size - 1] = 0  # they differ in their last byte alone
    assert order_bits(codes) == pytest.approx(math.log2(60))


def test_different_codes_save_nearly_the_log_of_their_number():
    n, size = 1 << 14, 16
    order = free_order(random_codes(n, size))
    assert 8 * (size - order.least) == pytest.approx(math.log2(n / math.e), abs=0.01)
    assert 8 * (size - order.stored) == pytest.approx(math.log2(n) - 2)  # half a bit more than the bound
    assert order.least < order.stored


def test_codes_of_a_byte_are_counts_of_its_values():
    codes = random_codes(10_000, 1)
    order = free_order(codes)
    assert order.least < 0.03  # 256 numbers in all
    assert order.stored == pytest.approx((10_000 + 256) / 8 / 10_000)
