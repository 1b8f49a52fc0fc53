"""Ties: which scores are one as good as the other, so that ids that have them are interchangeable.

A window relative to the score alone would be wrong wherever a constant is in all scores: with one dimension of 1,000
in every vector all cosines are .999999, and 1e-6 of that is more than the differences of all vectors. How much vectors
differ is how far the scores of the true neighbors lie from each other, so the window is a small part of that too.
"""

from __future__ import annotations

import numpy as np

_OF_SCORE = 1e-6  # an absolute 1e-3 turns a recall of 0.98 into 0.9996 on unit vectors
_OF_SPREAD = 1e-5  # 100 neighbors lie a hundredth of their spread apart: one in a thousand is as near by chance
_ROUNDING = 2.0**-46  # of the largest score: 64 units in the last place of float64, in which all of them are computed


def tie_tolerance(scores: np.ndarray, k: int) -> np.ndarray:
    """How far a score may be from the k-th best and still tie with it.

    A millionth of the k-th score, or a hundred-thousandth of the spread of the true neighbors' scores where that is
    less. Where all neighbors are equal that is nothing, and what float64 rounds when the same value is summed in
    another order remains, so that equal vectors always tie; what is nearer than that cannot be distinguished at all.

    Parameters
    ----------
    scores : (nq, K) float64
        Of the true neighbors, best first, all finite. The spread is that from the best tenth of them to the last: a
        single neighbor of another size (one row a thousand times too long) says nothing of the others.
    k : int
        From 1 to K.

    Returns
    -------
    tolerance : (nq,) float64
    """
    spread = np.abs(scores[:, scores.shape[1] // 10] - scores[:, -1])
    near = np.minimum(_OF_SPREAD * spread, _OF_SCORE * np.abs(scores[:, k - 1]))
    return np.maximum(near, _ROUNDING * np.abs(scores).max(axis=1))


def ties_at(scores: np.ndarray, k: int) -> np.ndarray:
    """Where the k-th neighbor is one as good as the next, so that the first k could be others: (nq,) bool.

    Parameters
    ----------
    scores : (nq, K) float64
        As for :func:`tie_tolerance`; with K = k nothing is next, and nothing ties.
    """
    if k >= scores.shape[1]:
        return np.zeros(len(scores), bool)
    return np.abs(scores[:, k - 1] - scores[:, k]) <= tie_tolerance(scores, k)
