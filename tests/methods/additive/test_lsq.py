"""LSQ: better codes than a residual quantizer's, each vector on its own, codebooks of least squared error."""

from __future__ import annotations

import numpy as np
import pytest

from methods import Metric
from methods.additive.lsq import LSQ
from methods.additive.rq import RQ
from methods.checks import data

TRAIN = data.vectors("train", 2000)


@pytest.fixture(scope="module")
def fitted():
    return LSQ.for_budget(32, 4, Metric.L2).fit(TRAIN)


def error(codec, vectors):
    return float(((codec.decode(codec.encode(vectors)) - vectors) ** 2).sum())


@pytest.mark.parametrize(("code_bytes", "size"), [(1, 1), (6, 6), (192, 8)])
def test_one_codebook_a_byte_up_to_the_bound(code_bytes, size):
    assert LSQ.for_budget(384, code_bytes, Metric.IP).code_size == size


@pytest.mark.thorough
def test_error_is_below_that_of_residual_quantization(fitted):
    residual = RQ.for_budget(32, 4, Metric.L2).fit(TRAIN)
    assert error(fitted, TRAIN) < 0.98 * error(residual, TRAIN)


def test_a_code_does_not_depend_on_its_neighbors(fitted):
    whole = fitted.encode(data.base())
    assert np.array_equal(whole[123:124], fitted.encode(data.base()[123:124]))


def test_more_restarts_never_raise_the_error(fitted):
    errors = []
    for restarts in (0, 2, 16):
        codec = LSQ.from_parts({**fitted.params(), "restarts": restarts}, fitted.parts())
        errors.append(error(codec, data.base()))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0]


def test_codebooks_are_solved_for_by_least_squares(fitted):
    codes = fitted.encode(TRAIN)
    indicators = np.zeros((len(TRAIN), 4, 256))
    for m in range(4):
        indicators[np.arange(len(TRAIN)), m, codes[:, m]] = 1
    indicators = indicators.reshape(len(TRAIN), -1)
    normal = indicators.T @ indicators + 1e-2 * np.eye(1024)
    expected = np.linalg.solve(normal, indicators.T @ TRAIN).reshape(4, 256, 32)
    assert np.allclose(fitted._solve(TRAIN, codes), expected, atol=1e-4)
