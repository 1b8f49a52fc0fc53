"""What an exact search of any track returns: the true neighbors of every query."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["MARGIN", "GroundTruth"]

MARGIN = 16  # candidates beyond k, so that the order in float32 has the true k among them


@dataclass(frozen=True)
class GroundTruth:
    """The exact ``k`` nearest of every query, best first; ties go to the smaller id.

    Attributes
    ----------
    scores : (nq, k) float64, read-only
        Inner product, cosine, or squared Euclidean distance. Padded with -inf (+inf for l2).
    ids : (nq, k) int64, read-only
        Rows of the base; padded with -1 where ``k`` exceeds their number.
    """

    scores: np.ndarray
    ids: np.ndarray
