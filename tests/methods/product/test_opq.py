"""OPQ: a rotation that is one, that helps, and that does not fall behind faiss's."""

from __future__ import annotations

import faiss
import numpy as np
import pytest

from methods import Metric
from methods.checks import data
from methods.product.opq import OPQ
from methods.product.pq import PQ


def error(codec):
    base = data.base()
    return float(((codec.decode(codec.encode(base)) - base) ** 2).sum())


@pytest.mark.parametrize("code_bytes", [4, 5, 16])
def test_the_rotation_is_orthogonal_and_counted(code_bytes):
    codec = OPQ.for_budget(32, code_bytes, Metric.L2, bits=4).fit(data.train())
    rotation = codec.parts()["rotation"]
    assert rotation.shape == (32, 32)
    assert np.allclose(rotation @ rotation.T, np.eye(32), atol=1e-5)


@pytest.mark.parametrize("code_bytes", [2, 4])
def test_rotating_lowers_the_error_of_pq(code_bytes):
    rotated = OPQ.for_budget(32, code_bytes, Metric.L2, bits=4).fit(data.train())
    plain = PQ.for_budget(32, code_bytes, Metric.L2, bits=4).fit(data.train())
    assert error(rotated) < 0.98 * error(plain)


def test_error_is_no_more_than_that_of_faiss():
    matrix, pq = faiss.OPQMatrix(32, 8), faiss.ProductQuantizer(32, 8, 4)
    pq.cp.min_points_per_centroid = 1
    matrix.pq = pq
    index = faiss.IndexPQ(32, 8, 4)
    index.do_polysemous_training = False
    index.pq.cp.min_points_per_centroid = 1
    whole = faiss.IndexPreTransform(matrix, index)
    whole.train(data.train())
    theirs = float(((whole.sa_decode(whole.sa_encode(data.base())) - data.base()) ** 2).sum())
    assert error(OPQ(32, Metric.L2, 8, bits=4).fit(data.train())) <= 1.02 * theirs


def test_turns_of_rotation_do_not_raise_the_training_error():
    def training_error(turns):
        codec = OPQ(32, Metric.L2, 8, bits=4, rotation_iterations=turns).fit(data.train())
        return float(((codec.decode(codec.encode(data.train())) - data.train()) ** 2).sum())

    assert training_error(10) <= 1.01 * training_error(0)


def test_axes_without_variance_are_dealt_out_too():
    flat = np.zeros((300, 32), np.float32)
    flat[:, :3] = data.train()[:300, :3]
    codec = OPQ.for_budget(32, 8, Metric.L2, bits=4).fit(flat)
    assert np.allclose(codec.decode(codec.encode(flat))[:, 3:], 0, atol=1e-5)
