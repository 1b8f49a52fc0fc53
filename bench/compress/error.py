"""How far decoded vectors are from the vectors: of those that the codec was made for, and of new ones."""

from __future__ import annotations

import numpy as np

from bench.compress.source import BLOCK, Source, without
from methods import Codec, Metric
from methods.vectors import normalized

WARNED_RATIO = 1.5  # from here on new vectors are too unlike the training vectors
_SAMPLE, _FEWEST = 4_096, 256


def reference_rows(rows: int, trained: np.ndarray, seed: int) -> np.ndarray:
    """Rows that the error of new vectors is compared with: not trained on where there are enough, since a codec may
    have learned training vectors by heart."""
    others = rows - len(trained)
    return without(trained, sampled(others, seed)) if others >= _FEWEST else trained[sampled(len(trained), seed)]


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
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK]
        exact = normalized(block) if codec.metric is Metric.COSINE else block
        difference = exact.astype(np.float64) - codec.decode(codec.encode(block))
        total += float(np.square(difference).sum())
    return total / max(1, len(vectors))


def error_ratio(codec: Codec, source: Source, reference: float | None, seed: int) -> float | None:
    """Error of a sample of new vectors over that of the first ones; None for codes that do not decode."""
    if reference is None:
        return None
    new = decoding_error(codec, source.take(sampled(source.rows, seed)))
    if new is None or new == reference:
        return None if new is None else 1.0
    return new / reference if reference > 0 else float("inf")
