"""What codes hold at rest: entropies that are known, and what zstd makes of bytes that are full or constant."""

from __future__ import annotations

import numpy as np
import pytest

from bench.measure.at_rest import byte_entropy, codes_at_rest, sampled_rows, zstd_size


def drawn(shape, shares, seed=0):
    """Bytes of the values 0, 1, ... with the given shares."""
    return np.random.default_rng(seed).choice(len(shares), shape, p=shares).astype(np.uint8)


@pytest.mark.parametrize(
    ("shares", "bits"),
    [([0.5, 0.5], 1.0), ([0.5, 0.25, 0.125, 0.125], 1.75), ([0.9, 0.1], 0.469), ([1 / 16] * 16, 4.0), ([1.0], 0.0)],
)
def test_entropy_is_that_of_the_distribution(shares, bits):
    assert byte_entropy(drawn((20_000, 4), shares)) == pytest.approx(bits, abs=0.01)


@pytest.mark.parametrize("n", [1_024, 4_000, 100_000])
def test_random_bytes_are_full_however_few_they_are(n):
    codes = drawn((n, 8), [1 / 256] * 256)
    assert 7.97 < byte_entropy(codes) <= 8
    plain = np.bincount(codes[:, 0], minlength=256) / n  # what the correction is for
    if n == 1_024:
        assert -(plain[plain > 0] @ np.log2(plain[plain > 0])) < 7.9


def test_each_byte_of_the_code_has_its_own_distribution():
    codes = np.broadcast_to(np.arange(64, dtype=np.uint8), (2_000, 64))
    assert byte_entropy(codes) == 0
    assert codes_at_rest(codes).zstd_ratio > 100


def test_zstd_shrinks_what_is_not_full_and_nothing_else():
    full = codes_at_rest(drawn((5_000, 16), [1 / 256] * 256))
    assert full.zstd_ratio == 1
    half = codes_at_rest(drawn((5_000, 16), [1 / 16] * 16))
    assert half.zstd_ratio == pytest.approx(8 / half.entropy, rel=0.03)
    assert half.codes == 5_000


def test_bytes_by_place_are_tried_beside_rows():
    rng = np.random.default_rng(0)
    numbers = rng.standard_normal((2_000, 16), dtype=np.float32)
    assert zstd_size(numbers) < 0.95 * numbers.nbytes  # the exponents, which lie apart in rows
    repeated = np.repeat(rng.integers(0, 256, (1, 4_000), np.uint8), 100, axis=0)
    assert zstd_size(repeated) < 0.03 * repeated.nbytes  # equal rows


def test_too_few_codes_have_no_figures():
    assert codes_at_rest(np.zeros((1_023, 4), np.uint8)) is None
    assert codes_at_rest(np.zeros((1_024, 4), np.uint8)) is not None


@pytest.mark.parametrize(
    ("n", "size", "rows"), [(20_000, 24, 20_000), (10**6, 24, 100_000), (10**6, 1_536, 5_461), (10**6, 10**6, 1_024)]
)
def test_the_sample_is_bounded_in_codes_and_in_bytes(n, size, rows):
    sample = sampled_rows(n, size, 0)
    assert len(np.unique(sample)) == rows
    assert (np.diff(sample) > 0).all()
    assert sample[-1] < n
