"""Bounds by tables of stages: what is looked up for 64 documents at once is what the tables say."""

import numpy as np
import pytest
from numba import njit

from methods.kernels.machine.cpu import NATIVE, supported_paths
from methods.kernels.machine.path import choose
from methods.kernels.scanning.stage_bounds import bound_tables
from methods.kernels.simd.planar_tile import BLOCK
from methods.kernels.simd.stage_bound import raise_sums


@njit
def _raised(path, stages, steps, own, line, sums, row):
    raised = np.empty(BLOCK, np.int32)
    raise_sums(path, stages.ravel(), 0, len(stages), steps, own, line[0], line[1], sums, row, raised)
    return raised


@pytest.mark.parametrize("name", [path for path in supported_paths() if path in NATIVE])
@pytest.mark.parametrize("count", [1, 3])
def test_sums_are_raised_by_the_entries_of_the_stages(name, count):
    rng, path = np.random.default_rng(count), choose(name)
    tables = rng.standard_normal((2, count, 256)).astype(np.float32)
    units = np.full(2, 0.004, np.float32)
    sums = rng.integers(-9999, 9999, (4, BLOCK)).astype(np.int32)
    steps, lines, margins = bound_tables(path, tables, units)
    for first in range(0, 256, BLOCK):  # so that every entry is looked up
        stages = np.stack([np.roll(np.arange(first, first + BLOCK), stage).astype(np.uint8) for stage in range(count)])
        for query in range(2):
            raised = _raised(path, stages, steps, query * count, lines[query], sums, query)
            added = 2 * units[query] * (raised - sums[query])
            exact = sum(table[stage] for table, stage in zip(tables[query], stages))
            step = 2 * units[query] * (1 + count * lines[query, 1])
            assert (added >= exact - margins[query]).all()
            assert (added <= exact + margins[query] + step).all()
