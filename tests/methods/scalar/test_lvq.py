"""LVQ: the paper's definitions, the sizes of its codes, the budget's rule."""

from __future__ import annotations

import numpy as np
import pytest

from methods import BudgetError, MethodError, Metric, for_budget, get


@pytest.fixture
def vectors(gaussian):
    return gaussian(200, 24, seed=5)


def definition(x, mean, first, second):
    """Definitions 1 and 2 for one vector, with the bounds that a code can hold."""
    x = x - mean
    lower, upper = x.min(), x.max()
    step = (upper - lower) / (2**first - 1)
    decoded = lower + step * np.rint((x - lower) / step)
    if second:
        fine = step / (2**second - 1)
        decoded += fine * np.rint((x - decoded + step / 2) / fine) - step / 2
    return decoded + mean


@pytest.mark.parametrize(("levels", "first", "second"), [("4", 4, 0), ("8", 8, 0), ("4x4", 4, 4), ("4x8", 4, 8)])
def test_decodes_as_the_paper_defines(vectors, levels, first, second):
    codec = get("lvq")(24, levels=levels).fit(vectors)
    expected = np.stack([definition(x, vectors.mean(axis=0), first, second) for x in vectors])
    steps = np.ptp(vectors - vectors.mean(axis=0), axis=1, keepdims=True) / (2**first - 1)
    error = np.abs(codec.decode(codec.encode(vectors)) - vectors)
    # float16 bounds move a grid by a fraction of its step: no further from the vector than the definition, nearly.
    allowed = np.abs(expected - vectors).max(axis=1, keepdims=True) + 1e-3 * np.ptp(vectors, axis=1, keepdims=True)
    assert (error <= allowed).all()
    if not second:
        assert (error <= 0.5 * steps + 1e-3 * np.ptp(vectors, axis=1, keepdims=True)).all()


@pytest.mark.parametrize(
    ("code_bytes", "levels", "size"),
    [(196, "4", 196), (387, "4", 196), (388, "8", 388), (579, "8", 388), (580, "4x8", 580), (9999, "4x8", 580)],
)
def test_budget_takes_the_largest_that_fits(code_bytes, levels, size):
    codec = for_budget("lvq", 384, code_bytes, Metric.IP)
    assert (codec.levels, codec.code_size) == (levels, size)


def test_levels_may_be_given():
    assert for_budget("lvq", 384, 400, Metric.IP, levels="4x4").code_size == 388
    assert for_budget("lvq", 384, 400, Metric.IP, levels=4).code_size == 196  # a number, as YAML reads it


def test_errors_name_what_would_be_right():
    with pytest.raises(BudgetError, match="smallest code is 196 B"):
        for_budget("lvq", 384, 192, Metric.IP)
    with pytest.raises(BudgetError, match="smallest code is 388 B"):
        for_budget("lvq", 384, 300, Metric.IP, levels="8")
    with pytest.raises(MethodError, match="no levels='6'; use one of 8, 4, 4x4, 4x8"):
        for_budget("lvq", 384, 300, Metric.IP, levels="6")


def test_a_second_level_lowers_the_error(vectors):
    errors = []
    for levels in ("4", "4x4", "4x8"):
        codec = get("lvq")(24, levels=levels).fit(vectors)
        errors.append(float(np.abs(codec.decode(codec.encode(vectors)) - vectors).mean()))
    assert errors[1] < errors[0] / 10
    assert errors[2] < errors[1] / 3
