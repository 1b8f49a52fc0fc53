"""The container of sets: slices, choices, blocks, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from methods.errors import MethodError
from methods.multivector import Ragged


@pytest.fixture
def sets():
    vectors = np.arange(20, dtype=np.float32).reshape(10, 2)
    return Ragged(vectors, np.array([0, 3, 4, 8, 10]))


def test_sizes(sets):
    assert (len(sets), sets.dim, sets.total, sets.shape) == (4, 2, 10, (4, 2))
    assert sets.lengths.tolist() == [3, 1, 4, 2]
    assert repr(sets) == "Ragged(4 sets, 10 x 2 float32)"


def test_a_slice_is_a_view(sets):
    part = sets[1:3]
    assert part.lengths.tolist() == [1, 4]
    assert part.offsets.tolist() == [0, 1, 5]
    assert np.shares_memory(part.vectors, sets.vectors)
    assert len(sets[4:9]) == 0


def test_take_keeps_the_order_asked_for(sets):
    taken = sets.take(np.array([3, 0, 3]))
    assert taken.lengths.tolist() == [2, 3, 2]
    assert np.array_equal(taken.set(0), sets.set(3))
    assert np.array_equal(taken.set(1), sets.set(0))


def test_blocks_cover_all_sets_once(sets):
    found = list(sets.blocks(4))
    assert [start for start, _ in found] == [0, 2, 3]
    assert np.array_equal(np.concatenate([block.vectors for _, block in found]), sets.vectors)
    assert [len(block) for _, block in sets.blocks(1)] == [1, 1, 1, 1]


def test_from_list_and_floats():
    sets = Ragged.from_list([np.ones((2, 3), np.float16), np.zeros((1, 3), np.float16)])
    assert sets.lengths.tolist() == [2, 1]
    assert sets.floats().dtype == np.float32


@pytest.mark.parametrize(
    ("vectors", "offsets", "message"),
    [
        (np.ones((3, 2), np.float64), [0, 3], "float32 or float16"),
        (np.ones(3, np.float32), [0, 3], "float32 or float16"),
        (np.ones((3, 2), np.float32), [], "offsets of integers"),
        (np.ones((3, 2), np.float32), [0.0, 3.0], "offsets of integers"),
        (np.ones((3, 2), np.float32), [1, 3], "from 1 to 3; they must go from 0 to 3"),
        (np.ones((3, 2), np.float32), [0, 3, 1, 3], "out of order"),
        (np.ones((3, 2), np.float32), [0, 3, 3], "set 1 of sets is empty"),
    ],
)
def test_unsound_sets_are_refused(vectors, offsets, message):
    with pytest.raises(MethodError, match=message):
        Ragged(vectors, np.array(offsets))


def test_the_set_that_holds_nan_is_named(sets):
    broken = sets.vectors.copy()
    broken[6, 1] = np.inf
    with pytest.raises(MethodError, match="NaN or infinity in vector 2 of set 2"):
        Ragged(broken, sets.offsets).check(2, "documents")


def test_a_set_that_memory_does_not_hold_is_named_in_one_line(sets, monkeypatch):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr("methods.multivector.ragged.as_vectors", full)
    with pytest.raises(
        MethodError, match=r"10 vectors of 2 dimensions do not fit .*; split set 2 of 4 vectors"
    ) as error:
        sets.floats()
    assert "\n" not in str(error.value)
