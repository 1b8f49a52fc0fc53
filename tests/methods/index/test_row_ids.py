"""Ids of codes in the order of lists."""

import numpy as np
import pytest

from methods import MethodError
from methods.index import WIDTHS, RowIds


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("n", [1, 2, 3, 1000, 262_145])
def test_ids_are_what_was_stored(n, width):
    ids = np.random.default_rng(0).permutation(n)
    rows = np.random.default_rng(1).integers(-1, n, (5, 7))
    expected = np.where(rows < 0, -1, ids[rows])
    assert np.array_equal(RowIds(ids, width)[rows], expected)


@pytest.mark.parametrize(
    ("n", "width", "nbytes"),
    [
        (1000, "packed", 1250),
        (1024, "packed", 1280),
        (1025, "packed", 1410),
        (1000, "int32", 4000),
        (1000, "int64", 8000),
    ],
)
def test_bytes_are_those_of_the_width(n, width, nbytes):
    assert RowIds(np.arange(n), width).nbytes == nbytes


def test_the_order_of_the_rows_costs_nothing():
    assert RowIds(np.arange(1000), "none").nbytes == 0


def test_an_unknown_width_is_told():
    with pytest.raises(MethodError, match=r"ids='int8' is unknown; use one of packed, int32, int64, none"):
        RowIds(np.arange(3), "int8")
