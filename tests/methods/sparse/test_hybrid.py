"""Two ranked lists made one: by stretched scores, and by reciprocal ranks."""

from __future__ import annotations

import numpy as np
import pytest

from methods.kernels.fusion import stretched
from methods.sparse.hybrid import linear, reciprocal_rank


def ranked(seed, descending=True, padded=0):
    """Lists of 8 of 20 items for 30 queries, with scores that tie now and then."""
    rng = np.random.default_rng(seed)
    ids = np.stack([rng.permutation(20)[:8] for _ in range(30)])
    scores = np.sort(rng.integers(1, 12, (30, 8)), axis=1).astype(np.float32)
    scores = scores[:, ::-1].copy() if descending else scores
    if padded:
        ids[::2, -padded:], scores[::2, -padded:] = -1, 0
    return scores, ids


def by_loops(values, k):
    """``values``: per query two lists of (id, value)."""
    rows = []
    for lists in values:
        sums = {}
        for item, value in lists:
            sums[item] = np.float32(sums.get(item, np.float32(0)) + np.float32(value))
        best = sorted(sums, key=lambda item: (-sums[item], item))[:k]
        rows.append(best + [-1] * (k - len(best)))
    return np.array(rows)


def stretched_by_hand(scores, least=None):
    low = scores[-1] if least is None else least
    return [1.0 if scores[0] == low else (score - low) / (scores[0] - low) for score in scores]


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_linear_adds_stretched_scores(descending, weight):
    dense, sparse = ranked(0, descending), ranked(1, padded=3)
    expected = []
    for d, d_ids, s, s_ids in zip(*dense, *sparse):
        d, count = (d if descending else -d), int((s_ids >= 0).sum())
        of_dense = (1 - weight) * np.array(stretched_by_hand(d.astype(float)))
        of_sparse = weight * np.array(stretched_by_hand(s[:count].astype(float), 0.0 if count < 8 else None))
        expected.append([*zip(d_ids, of_dense), *zip(s_ids[:count], of_sparse)])
    _, ids = linear(dense, sparse, weight, 12, descending)
    np.testing.assert_array_equal(ids, by_loops(expected, 12))


def test_reciprocal_ranks_are_added():
    dense, sparse = ranked(2), ranked(3, padded=8)
    expected = [
        [(item, 1 / (61 + rank)) for ids in pair for rank, item in enumerate(ids) if item >= 0]
        for pair in zip(dense[1], sparse[1])
    ]
    scores, ids = reciprocal_rank(dense, sparse, 20)
    np.testing.assert_array_equal(ids, by_loops(expected, 20))
    assert (scores[ids < 0] == -np.inf).all()
    assert scores.max() < 2 / 61 + 1e-6


def test_an_empty_list_stretches_to_nothing():
    scores, ids = np.zeros((1, 3), np.float32), np.full((1, 3), -1)
    np.testing.assert_array_equal(stretched(scores, ids, 1, 0.0, 0.5), 0)
    values, items = linear((np.float32([[3, 2, 1]]), np.array([[5, 6, 7]])), (scores, ids), 0.5, 2)
    assert items.tolist() == [[5, 6]]
    assert values.tolist() == [[0.5, 0.25]]
