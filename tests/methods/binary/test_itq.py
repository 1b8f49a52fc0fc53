"""ITQ: the learned rotation lowers the quantization error and does not lose to faiss's."""

from __future__ import annotations

import faiss
import numpy as np
import pytest

from methods import MethodError, Metric
from methods.binary.itq import ITQ, learn_rotation
from methods.checks import data
from methods.fitting.principal_axes import principal_axes


def centered_components(bits):
    mean, axes, _ = principal_axes(data.train(), bits)
    return (data.train() - mean) @ axes


def quantization_error(values, rotation):
    rotated = values @ rotation
    return float(((np.sign(rotated) - rotated) ** 2).sum())


def test_every_iteration_lowers_the_distance_to_the_signs():
    values = centered_components(16)
    errors = [quantization_error(values, learn_rotation(values, iterations, 0)) for iterations in (0, 1, 3, 10, 50)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 1.0005 * errors[-1]


def test_the_learned_map_is_a_rotation_of_principal_axes():
    codec = ITQ(data.DIM, bits=16).fit(data.train())
    projection = codec.parts()["projection"]
    np.testing.assert_allclose(projection.T @ projection, np.eye(16), atol=1e-5)
    _, axes, _ = principal_axes(data.train(), 16)
    np.testing.assert_allclose(axes @ (axes.T @ projection), projection, atol=1e-5)


def test_recall_is_not_below_that_of_faiss():
    queries, bits = data.vectors("many queries", 1000), data.DIM
    values = data.metric_values(queries, data.base(), Metric.L2)
    truth = np.argsort(values, axis=1)[:, :10]

    def recall(ids):
        return np.mean([np.isin(row, found).mean() for row, found in zip(truth, ids)])

    ours = ITQ(data.DIM, Metric.L2, bits=bits).fit(data.train())
    transform = faiss.ITQTransform(data.DIM, bits, False)
    transform.train(data.train())
    index = faiss.IndexBinaryFlat(bits)
    index.add(np.packbits(transform.apply(data.base()) >= 0, axis=1))
    faiss_ids = index.search(np.packbits(transform.apply(queries) >= 0, axis=1), 10)[1]
    assert recall(ours.searcher(ours.encode(data.base())).search(queries, 10)[1]) > recall(faiss_ids) - 0.01


def test_bits_are_those_of_the_budget_up_to_the_dimension():
    assert [ITQ.for_budget(13, code_bytes, Metric.IP).bits for code_bytes in (1, 2, 3)] == [8, 13, 13]


def test_impossible_parameters_say_what_is_possible():
    with pytest.raises(MethodError, match="bits=64 exceeds the dimension 32"):
        ITQ(32, bits=64)
    with pytest.raises(MethodError, match="iterations=-1 is out of range"):
        ITQ.for_budget(32, 4, Metric.IP, iterations=-1)
