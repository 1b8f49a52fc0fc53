"""MRQ: how many components at how many bits, and what the residual's norm does for distances."""

from __future__ import annotations

import numpy as np
import pytest

from methods import MethodError, Metric
from methods.transform.mrq import MRQ


def spectrum(n, dim, seed=0, power=1.0):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((n, dim)) / (1 + np.arange(dim) / 8) ** power).astype(np.float32)


@pytest.mark.parametrize(("bits", "width"), [(1, 64), (2, 64), (3, 56), (8, 16)])
def test_as_many_leading_components_as_fit(bits, width):
    codec = MRQ(64, Metric.IP, 24, bits=bits).fit(spectrum(500, 64))
    assert codec.plan_.ends.tolist() == [width]
    leading = codec.plan_.matrix @ codec.plan_.matrix.T
    axes = np.linalg.eigh(np.cov(spectrum(500, 64).T))[1][:, ::-1][:, :width]
    assert np.allclose(leading, axes @ axes.T, atol=1e-3)


def test_a_flat_spectrum_keeps_more_components_than_a_steep_one():
    flat, steep = (MRQ.for_budget(64, 19, Metric.IP).fit(spectrum(2000, 64, power=power)) for power in (0, 2))
    assert flat.plan_.ends[0] > steep.plan_.ends[0]
    assert flat.plan_.bits[0] < steep.plan_.bits[0]


def test_one_bit_is_the_sign_of_a_rotated_component():
    vectors = spectrum(300, 64)
    codec = MRQ(64, Metric.IP, 11, bits=1).fit(vectors)
    mean = vectors.mean(axis=0)
    turned = codec.quantizer_.values(codec.encode(vectors))
    assert np.array_equal(turned > 0, (vectors - mean).astype(np.float64) @ codec.plan_.matrix >= 0)


def test_distances_keep_what_the_residual_adds():
    """The paper: without the residual's norm, distances would be short by all that is dropped."""
    vectors, queries = spectrum(2000, 64, power=0.3), spectrum(50, 64, seed=1, power=0.3)
    codec = MRQ(64, Metric.L2, 19, bits=4).fit(vectors)  # 32 of 64 components
    scores, ids = codec.searcher(codec.encode(vectors)).search(queries, 2000)
    exact = np.take_along_axis(((queries[:, None] - vectors[None]) ** 2).sum(axis=2), ids, 1)
    dropped = vectors.var(axis=0)[32:].sum()
    assert dropped > 0.3 * vectors.var(axis=0).sum()
    assert abs((scores - exact).mean()) < 0.05 * dropped


@pytest.mark.parametrize("bits", [0, 9, 2.5])
def test_bits_out_of_range_are_refused(bits):
    with pytest.raises(MethodError, match="1 to"):
        MRQ(64, "ip", 24, bits=bits)
