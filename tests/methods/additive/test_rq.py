"""RQ: a bounded number of codebooks, no stored norm, no worse than faiss."""

from __future__ import annotations

import faiss
import numpy as np
import pytest

from methods import Metric
from methods.additive.rq import RQ
from methods.checks import data
from methods.fitting.residual import MANY_VECTORS, train_residual
from methods.vectors import normalized


def error(decoded):
    return float(((decoded - data.base()) ** 2).sum())


@pytest.mark.parametrize(("code_bytes", "size"), [(1, 1), (24, 24), (192, 32)])
def test_one_codebook_a_byte_up_to_the_bound(code_bytes, size):
    assert RQ.for_budget(384, code_bytes, Metric.L2).code_size == size


def test_decodes_as_well_as_faiss():
    index = faiss.IndexResidualQuantizer(32, 4, 8)
    index.rq.cp.min_points_per_centroid = 1
    index.rq.max_beam_size = 4
    index.rq.train_type = 0
    index.train(data.train())
    codec = RQ.for_budget(32, 4, Metric.L2, dim_steps=1).fit(data.train())
    assert error(codec.decode(codec.encode(data.base()))) <= 1.03 * error(index.sa_decode(index.sa_encode(data.base())))


def test_steps_of_dimensions_are_those_of_its_training(clustered):
    vectors = clustered(MANY_VECTORS, 16)
    made = [
        RQ.for_budget(16, 1, Metric.L2, **given).fit(vectors).parts()["codebooks"] for given in ({}, {"dim_steps": 1})
    ]
    for codebooks, dim_steps in zip(made, (4, 1)):
        np.testing.assert_array_equal(codebooks, train_residual(vectors, 1, 4, 10, 0, 65_536, dim_steps=dim_steps))
    assert (made[0] != made[1]).any()


def test_a_wider_beam_encodes_better():
    errors = []
    for beam_size in (1, 8):
        codec = RQ.for_budget(32, 4, Metric.L2, beam_size=8).fit(data.train())
        narrow = RQ.from_parts({**codec.params(), "beam_size": beam_size}, codec.parts())
        errors.append(error(codec.decode(narrow.encode(data.base()))))
    assert errors[1] < errors[0]


def test_a_vector_is_the_sum_of_its_centroids():
    codec = RQ.for_budget(32, 6, Metric.IP).fit(data.train())
    codes = codec.encode(data.base())
    total = sum(codec.parts()["codebooks"][m][codes[:, m]] for m in range(6))
    assert np.allclose(codec.decode(codes), total, atol=1e-5)


@pytest.mark.parametrize("queries", [3, 40])
def test_renormalized_scores_are_those_of_decoded_vectors_of_unit_norm(queries):
    base, asked = normalized(data.base()), normalized(data.queries())[:queries]
    codec = RQ.for_budget(32, 3, "ip", renormalize=True).fit(base)
    codes = codec.encode(base)
    scores, ids = codec.searcher(codes).search(asked, 10)
    exact = asked @ normalized(codec.decode(codes)).T
    assert np.allclose(scores, np.take_along_axis(exact, ids, 1), atol=1e-5)
