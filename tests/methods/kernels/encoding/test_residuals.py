"""Decoded residuals equal the plain formula, whatever the bits and the dimension."""

from __future__ import annotations

import numpy as np
import pytest

from methods.kernels.encoding.residuals import decode_residuals, decode_residuals_reference
from methods.kernels.errors import KernelError
from methods.kernels.sets.centroid_scores import centroid_chamfer


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("dim", [1, 13, 128])
def test_decoding_equals_the_reference(bits, dim):
    rng = np.random.default_rng(bits)
    centroids = rng.standard_normal((300, dim), np.float32)
    weights = np.sort(rng.standard_normal(1 << bits).astype(np.float32))
    codes = rng.integers(256, size=(50, 4 + -(-dim * bits // 8)), dtype=np.uint8)
    codes[:, :4] = rng.integers(300, size=50).astype("<u4")[:, None].view(np.uint8)
    found = decode_residuals(codes, centroids, weights)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, decode_residuals_reference(codes, centroids, weights), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)


def test_a_centroid_that_its_residual_cancels_stays_zero():
    codes = np.zeros((1, 5), np.uint8)
    found = decode_residuals(codes, np.ones((1, 8), np.float32), np.array([-1, 1], np.float32))
    assert not found.any()


@pytest.mark.parametrize("number", [3, 4_000_000_000])
def test_a_code_of_another_codec_is_refused(number):
    codes = np.zeros((2, 5), np.uint8)
    codes[1, :4] = np.array([number], "<u4").view(np.uint8)
    with pytest.raises(KernelError, match="a code names a centroid that is none of these"):
        decode_residuals(codes, np.ones((2, 8), np.float32), np.array([-1, 1], np.float32))
    with pytest.raises(KernelError, match="a code names a centroid that is none of these"):
        centroid_chamfer(codes, np.array([0, 2]), np.ones((3, 1), np.float32))
