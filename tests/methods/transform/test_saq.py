"""SAQ: the plan of segments and bits, its use of a budget, and what segments gain."""

from __future__ import annotations

import numpy as np
import pytest

from methods import BudgetError, MethodError, Metric
from methods.transform._grid.segments import segment
from methods.transform.saq import SAQ


def spectrum(n, dim, seed=0):
    """Vectors whose standard deviations fall as 1 / (1 + j / 8), rotated."""
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(np.random.default_rng(99).standard_normal((dim, dim)))[0]
    return ((rng.standard_normal((n, dim)) / (1 + np.arange(dim) / 8)) @ rotation).astype(np.float32)


def plans(units, room):
    """Every plan: lists of (end in units, bits) that fit ``room`` bytes with a byte a segment."""

    def grow(start, room):
        yield []
        for end in range(start + 1, units + 1):
            for bits in range(1, 9):
                cost = (end - start) * bits + 1
                if cost <= room:
                    for rest in grow(end, room - cost):
                        yield [(end, bits), *rest]

    return [plan for plan in grow(0, room) if plan]


def error(plan, sums):
    total, start = sums[-1], 0
    for end, bits in plan:
        total -= (sums[end] - sums[start]) * (1 - 2.0**-bits)
        start = end
    return total


@pytest.mark.parametrize("room", [2, 7, 12])
def test_the_plan_is_the_best_of_all(room):
    variances = 1 / (1 + np.arange(32.0)) ** 1.5
    sums = np.concatenate([[0], np.cumsum(variances.reshape(4, 8).sum(axis=1))])
    found = [(end // 8, bits) for end, bits in segment(variances, 8, room)]
    assert sum((end - start) * bits + 1 for (end, bits), start in zip(found, [0, *[e for e, _ in found]])) <= room
    assert error(found, sums) == pytest.approx(min(error(plan, sums) for plan in plans(4, room)))


def test_leading_segments_get_more_bits():
    codec = SAQ.for_budget(64, 24, Metric.IP).fit(spectrum(2000, 64))
    assert len(codec.plan_.bits) > 1
    assert (np.diff(codec.plan_.bits) < 0).all()
    assert codec.plan_.symbol_bytes + len(codec.plan_.bits) + 2 <= 24


@pytest.mark.parametrize(("code_bytes", "size"), [(4, 4), (48, 48), (192, 192), (1000, 387)])
def test_every_budget_is_used_up_to_8_bits_a_dimension(code_bytes, size):
    assert SAQ.for_budget(384, code_bytes, Metric.IP).code_size == size


def test_the_smallest_code_is_named():
    with pytest.raises(BudgetError, match="4 B"):
        SAQ.for_budget(384, 3, Metric.IP)


@pytest.mark.parametrize("unit", [0, 4, 12])
def test_a_unit_that_eight_does_not_divide_is_refused(unit):
    with pytest.raises(MethodError, match="multiple of 8"):
        SAQ(64, "ip", 24, unit=unit)


def test_segments_lower_the_error_at_equal_bytes():
    """The paper: bits by variance against the same codes with one segment (the paper: up to 80% less error)."""
    vectors = spectrum(3000, 128)
    errors = {}
    for unit in (8, 128):
        codec = SAQ(128, Metric.IP, 51, unit=unit).fit(vectors)
        errors[unit] = ((codec.decode(codec.encode(vectors)) - vectors) ** 2).sum()
    assert errors[8] < 0.5 * errors[128]


def test_estimates_of_distances_have_no_bias():
    vectors, queries = spectrum(2000, 64), spectrum(50, 64, seed=1)
    codec = SAQ.for_budget(64, 24, Metric.L2).fit(vectors)
    scores, ids = codec.searcher(codec.encode(vectors)).search(queries, 2000)
    exact = ((queries[:, None] - vectors[None]) ** 2).sum(axis=2)
    relative = scores / np.take_along_axis(exact, ids, 1) - 1
    assert abs(relative.mean()) < 0.005
    assert np.abs(relative).mean() < 0.05
