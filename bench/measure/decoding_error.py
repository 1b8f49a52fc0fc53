"""How far decoded vectors are from the vectors: of those that a codec was fitted for, and of new ones.

Their ratio says that vectors have changed, before any query does. ``compress --append`` and ``scenario=drift`` both
take it from here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from methods import Codec, Metric
from methods.vectors import normalized

WARNED_RATIO = 1.5  # from here on new vectors are too unlike the first ones, and the codec should be fitted again
_SAMPLE, _FEWEST = 4_096, 32  # the most and the fewest vectors that an error is averaged over
_ENOUGH = 256  # vectors give a good mean: up to so many, a tenth of the first is kept for it; of more, a twentieth
_BLOCK = 16_384  # vectors that are decoded at a time


def most_trained(rows: int, most: int) -> int:
    """How many of the first ``rows`` vectors a codec is fitted on, of at most ``most``: some are kept to compare with.

    Codecs fit their training vectors better than others of the same kind: after 4,000 training vectors, errors on
    others are 1.3 times as large for a product quantizer at 16x, and 1.9 times for int8. Fewer than 320 are all trained
    on.
    """
    kept = min(_SAMPLE, max(rows // 20, min(_ENOUGH, rows // 10)))
    return min(most, rows - kept if kept >= _FEWEST else rows)


def reference_rows(rows: int, trained: np.ndarray, seed: int) -> np.ndarray:
    """Rows whose error that of new vectors is compared with: rows not trained on, where there are enough, since a codec
    may overfit those."""
    others = rows - len(trained)
    return without(trained, sampled(others, seed)) if others >= _FEWEST else trained[sampled(len(trained), seed)]


def without(left_out: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Rows at ``places`` among all but the rows ``left_out`` (ascending), in the memory of both, not of all rows."""
    return places + np.searchsorted(left_out - np.arange(len(left_out)), places, side="right")


def sampled(count: int, seed: int) -> np.ndarray:
    """At most 4,096 of the numbers below ``count``, ascending."""
    if count <= _SAMPLE:
        return np.arange(count)
    return np.sort(np.random.default_rng([seed, 1]).choice(count, _SAMPLE, replace=False))


def decoding_error(codec: Codec, vectors: np.ndarray) -> float | None:
    """Mean squared error of decoded vectors (under cosine, of normalized ones); None for codes that do not decode."""
    if not codec.decodable:
        return None
    total = 0.0
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK]
        exact = normalized(block) if codec.metric is Metric.COSINE else block
        difference = exact.astype(np.float64) - codec.decode(codec.encode(block))
        total += float(np.square(difference).sum())
    return total / max(1, len(vectors))


def error_ratio(
    codec: Codec, rows: int, take: Callable[[np.ndarray], np.ndarray], reference: float | None, seed: int
) -> float | None:
    """Error of a sample of new vectors over that of the first ones; None for codes that do not decode.

    Parameters
    ----------
    codec : Codec
        Fitted.
    rows : int
        How many new vectors there are.
    take : callable
        Of ascending rows (m,) below ``rows``: their vectors (m, dim).
    reference : float or None
        :func:`decoding_error` of the first vectors at :func:`reference_rows`.
    seed : int
        Of the sample.
    """
    if reference is None:
        return None
    new = decoding_error(codec, take(sampled(rows, seed)))
    if new is None or new == reference:
        return None if new is None else 1.0
    return new / reference if reference > 0 else float("inf")
