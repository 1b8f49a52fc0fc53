"""Where a base is cut into shards."""

from __future__ import annotations

import numpy as np

BLOCK = 16_384  # rows read at a time, by one machine and by shards: codecs divide them, and products round equally


def cuts(rows: int, shards: int) -> np.ndarray:
    """First row of each of at most ``rows`` shards, and ``rows`` (shards + 1,) int64.

    Shards are of nearly one size, and of whole blocks where each has at least one, so that none is encoded twice.
    """
    edges = np.arange(shards + 1) * rows // shards
    if rows >= shards * BLOCK:
        edges[:-1] = (edges[:-1] + BLOCK // 2) // BLOCK * BLOCK
    return edges
