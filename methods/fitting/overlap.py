"""Agreement of two lists of neighbors, which decides most choices that are tried on held-out vectors."""

from __future__ import annotations

import numpy as np

_MOST = 1 << 22  # comparisons at once


def average_overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Share of the ids in a row of ``first`` (n, k) that are in the same row of ``second`` (n, m), mean over rows."""
    rows = max(1, _MOST // max(1, first.shape[1] * second.shape[1]))
    shares = [
        (first[start : start + rows, :, None] == second[start : start + rows, None, :]).any(axis=2).mean(axis=1)
        for start in range(0, len(first), rows)
    ]
    return float(np.concatenate(shares).mean())
