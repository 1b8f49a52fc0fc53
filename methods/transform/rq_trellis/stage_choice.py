"""How many stages a short code has."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from methods.base import Codec
from methods.fitting.trial import trial_recalls
from methods.metric import Metric
from methods.transform.transform_coding.choice import length_deviation

__all__ = ["MOST_STAGES", "chosen_stages"]

MOST_STAGES = 8
_MANY_VECTORS = 16_384  # of training, from which a stage has 256 centroids; with fewer a part of its byte is lost
_FEW_VECTORS = 4096
_STAGES, _LARGE = 4, 7  # stages, from so many bytes for stages and levels on
_VARIED = 0.1  # standard deviation of logarithms of lengths from which two stages find more by inner product


def chosen_stages(codec: Callable[[int], Codec], room: int, metric: Metric, vectors: np.ndarray, seed: int) -> int:
    """How many of the bytes for stages and levels are stages.

    Four, in codes of fewer than 8 bytes two, if there are training vectors for 256 centroids. Recall@10 of version 15
    with 2 and 4, fitted on other vectors than the base: sentences in 24 bytes .667 and .675, those of wordllama in 16
    .527 and .533, word vectors in 12 .479 and .483, in 6 .240 and .229. Fitted on the base: .670 and .678, .537 and
    .541 (three), .452 and .458; of 331,479 word vectors in 12 bytes (version 16) .413 and .408. Eight find .010 to .017
    more where codes have 24 bytes and more, or nothing (sentences in 48), and train three times as long. Of fewer
    training vectors two stages, or one. By inner product of vectors of varied lengths two (raw word vectors in 12 bytes
    .445, four .424). Under l2 lengths may vary, and then levels and their factor find more (raw word vectors in 6 bytes
    .288 with one stage and .259 with 4, photo descriptors in 8 .482 and .531): a trial decides between one and as many
    (:mod:`methods.fitting.trial`).

    Parameters
    ----------
    codec : callable
        The codec, not fitted, with so many stages.
    room : int
        Bytes of stages and levels, at least 2.
    metric : Metric
    vectors : (n, dim) float32
        Training vectors.
    seed : int
    """
    if len(vectors) < _FEW_VECTORS:
        return 1
    if len(vectors) < _MANY_VECTORS:
        return min(2, room - 1)
    most = min(_STAGES if room >= _LARGE else 2, room - 1)
    if metric is not Metric.L2:
        return min(most, 2) if length_deviation(vectors) > _VARIED else most
    one, more = trial_recalls([codec(1), codec(most)], vectors, seed)
    return 1 if one > more else most
