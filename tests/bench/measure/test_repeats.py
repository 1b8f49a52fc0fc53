"""Queries that repeat each other are numbered, the same way in every process."""

import numpy as np
import pytest

from bench.measure import repeats
from bench.measure.repeats import groups_of
from methods import Metric
from methods.multivector import Ragged


def test_groups_are_numbered_as_they_first_come():
    vectors = np.eye(5, dtype=np.float32)
    rows = [3, 0, 3, 4, 1, 0, 2]
    assert groups_of(vectors[rows], Metric.IP).tolist() == [0, 1, 0, 2, 3, 1, 4]


@pytest.mark.parametrize("keys", [[9, 5, 9, 1], [1, 5, 1, 9], [-5, 9, -5, 1]])
def test_groups_do_not_depend_on_the_order_of_hashes(keys, monkeypatch):
    monkeypatch.setattr(repeats, "keys", lambda _: np.array(keys, np.int64))
    assert groups_of(np.zeros((4, 2), np.float32), Metric.IP).tolist() == [0, 1, 0, 2]


def test_sets_are_numbered_as_they_first_come():
    tokens = np.array([[3], [1], [3], [2], [1]], np.float32)
    assert groups_of(Ragged(tokens, np.arange(6)), None).tolist() == [0, 1, 0, 2, 1]


def test_distinct_queries_have_no_groups():
    assert groups_of(np.eye(3, dtype=np.float32), Metric.IP) is None
