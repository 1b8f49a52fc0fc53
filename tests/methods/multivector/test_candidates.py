"""Candidates are scored exactly, and each document is decoded once however many queries name it."""

from __future__ import annotations

import numpy as np
import pytest

from methods.kernels.sets.chamfer import chamfer_reference
from methods.multivector.candidates import best_candidates, score_candidates
from methods.multivector.checks import base, queries


@pytest.mark.parametrize("block_bytes", [1, 20_000, 1 << 30])
def test_scores_are_chamfer_and_a_document_is_decoded_once(block_bytes):
    rng = np.random.default_rng(0)
    candidates = np.sort([rng.choice(len(base()), 40, replace=False) for _ in range(len(queries()))], axis=1)
    candidates[3, :5] = -1
    gathered = []

    def gather(ids):
        gathered.extend(ids.tolist())
        return base().take(ids)

    scores = score_candidates(gather, queries(), candidates, base().lengths.mean(), block_bytes)
    assert sorted(gathered) == np.unique(candidates[candidates >= 0]).tolist()
    assert np.isneginf(scores[3, :5]).all()
    for i, j in ((0, 0), (3, 5), (24, 39)):
        expected = chamfer_reference(queries().set(i), base().set(candidates[i, j]))
        assert scores[i, j] == pytest.approx(expected, rel=1e-5)


def test_the_best_come_first_and_what_is_missing_is_padded():
    scores, ids = best_candidates(np.array([[1.0, 3.0, 3.0]], np.float32), np.array([[4, 5, 9]]), 4)
    assert ids.tolist() == [[5, 9, 4, -1]]
    assert scores.tolist() == [[3, 3, 1, -np.inf]]
