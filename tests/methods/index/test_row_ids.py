"""Ids of codes in the order of lists."""

import numpy as np
import pytest

from methods import MethodError
from methods.index import WIDTHS, RowIds, id_bits


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("n", [1, 2, 3, 1000, 262_145])
@pytest.mark.parametrize("lists", [1, 7, 64, 4000])
def test_ids_are_what_was_stored(n, lists, width):
    rng = np.random.default_rng(0)
    assigned = np.minimum(rng.integers(0, lists, n), rng.integers(0, lists, n))  # unlike lists, some of them empty
    ids = np.argsort(assigned, kind="stable")
    offsets = np.append(0, np.cumsum(np.bincount(assigned, minlength=lists)))
    rows = np.concatenate([rng.integers(-1, n, (5, 7)), np.full((1, 7), n - 1)])
    expected = np.where(rows < 0, -1, ids[rows])
    stored = RowIds(ids, width, offsets)
    assert np.array_equal(stored[rows], expected)
    assert 8 * stored.nbytes <= n * id_bits(n, width, lists) + 7


def test_ids_of_a_million_vectors_in_lists_take_less_than_packed():
    n, lists = 1_000_000, 4096
    assigned = np.random.default_rng(0).integers(0, lists, n)
    ids = np.argsort(assigned, kind="stable")
    stored = RowIds(ids, "elias_fano", np.append(0, np.cumsum(np.bincount(assigned, minlength=lists))))
    assert stored.nbytes / n == pytest.approx((12 + 2 + 64 / 512) / 8, rel=1e-3)
    rows = np.arange(0, n, 997)[None]
    assert np.array_equal(stored[rows], ids[rows])


def test_ids_that_do_not_ascend_in_their_list_are_refused():
    with pytest.raises(MethodError, match="needs ids that ascend in every list"):
        RowIds(np.array([0, 2, 1]), "elias_fano", np.array([0, 1, 3]))


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
    with pytest.raises(MethodError, match=r"ids='int8' is unknown; use one of packed, int32, int64, elias_fano, none"):
        RowIds(np.arange(3), "int8")
