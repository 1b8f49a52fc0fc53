"""Spectral hashing: waves along principal axes, the smoothest first."""

from __future__ import annotations

import numpy as np
import pytest

from methods import Metric
from methods.binary.spectral_hashing import SpectralHashing
from methods.checks import data


def box(n=4000):
    """Uniform in a box of sides 8 and 3, and almost flat in the third dimension."""
    return (np.random.default_rng(0).random((n, 3)) * [8, 3, 1e-3]).astype(np.float32)


def test_a_longer_side_is_cut_more_often():
    codec = SpectralHashing(3, bits=8).fit(box())
    parts = codec.parts()
    # Half waves: 1/8, 2/8, 1/3, 3/8, 4/8, 5/8, 2/3, 6/8 per unit.
    assert parts["axis"].tolist() == [0, 0, 1, 0, 0, 0, 1, 0]
    np.testing.assert_allclose(
        parts["rate"] / np.pi, [1 / 8, 2 / 8, 1 / 3, 3 / 8, 4 / 8, 5 / 8, 2 / 3, 6 / 8], rtol=0.04
    )
    assert parts["axes"].shape == (3, 2)


def test_the_first_bit_halves_the_data_and_the_second_cuts_it_in_quarters():
    codec = SpectralHashing(3, bits=8).fit(box())
    along = np.zeros((800, 3), np.float32) + box().mean(axis=0)
    along[:, 0] = np.linspace(0.01, 7.99, 800)
    bits = np.unpackbits(codec.encode(along), axis=1)
    assert np.flatnonzero(np.diff(bits[:, 0].astype(int))) == pytest.approx([400], abs=20)
    assert [abs(np.diff(bits[:, j].astype(int))).sum() for j in (0, 1, 3, 4)] == [1, 2, 3, 4]


def test_every_byte_of_the_budget_is_used():
    for code_bytes in (1, 5, 100):
        assert SpectralHashing.for_budget(data.DIM, code_bytes, Metric.IP).code_size == code_bytes
