"""How codes by inner product store the size of their levels, and what the levels are multiplied with besides."""

from __future__ import annotations

import dataclasses

import faiss
import numpy as np

from methods.encoding.offset import split
from methods.metric import Metric
from methods.transform.rq_trellis.quantizer import StagedQuantizer, lengths
from methods.transform.transform_coding.choice import LEAST, held_out, overlap

__all__ = ["chosen_gain", "size_bytes"]

_SIMILAR, _VARIED = 0.05, 0.3  # standard deviations of logarithms of lengths
_FEW = 2000  # training vectors: those of fewer lie nearer to their centroids than new vectors do
_LARGE = 24  # bytes of levels from which a byte for sizes alone costs less than a coarse factor does


def size_bytes(centered: np.ndarray, level_bytes: int) -> int:
    """1 where size and factor share a byte, 2 where each has its own, 0 where only the factor is kept.

    0 also of fewer than 2000 vectors. A shared byte has 20 factors: enough for vectors ``centered`` (n, dim) of similar
    lengths. Of wordllama's sentences at 16 bytes a shared byte finds .485 where a factor alone has .467, at 32 bytes
    .690 and .668; of word vectors whose lengths vary (50 bytes) a byte for each finds .920, a shared one .896, a factor
    alone .906.
    """
    if len(centered) < _FEW:
        return 0
    norms = np.linalg.norm(centered, axis=1)
    logs = np.log(norms[norms > 0], dtype=np.float64)
    varied = float(logs.std()) if len(logs) else 0.0
    if varied <= _SIMILAR:
        return 1
    if level_bytes >= _LARGE:
        return 2
    return 1 if varied <= _VARIED else 0


def chosen_gain(quantizer: StagedQuantizer, vectors: np.ndarray, direction: np.ndarray, seed: int) -> float:
    """The ``gain`` with which held-out training vectors find most of their neighbors, among the others, by ip.

    Tried are 1, by which levels are nearest to what they stand for, what makes them as long as that, and the geometric
    mean of both. The first finds most of word vectors in 6 bytes (.257; .226 by the second), the last of sentences in
    16 (.485; .473 by the first).

    Parameters
    ----------
    quantizer : StagedQuantizer
        With sizes.
    vectors : (n, dim) float32
        Training vectors.
    direction : (dim,) float32
        Along which an offset is kept, or zero.
    """
    if len(vectors) < LEAST:
        return 1.0
    queries, base, truth = held_out(vectors, Metric.IP, seed)
    offsets, rests = split(base - quantizer.mean, np.zeros_like(direction), direction)
    codes, norms = quantizer.encode(rests)[0], lengths(rests)
    ones = np.ones(len(codes), np.float32)
    centroids, sums = (dataclasses.replace(quantizer, gain=gain).decode(codes, ones) for gain in (0.0, 1.0))
    levels = sums - centroids
    wanted, own = (np.einsum("ij,ij->i", each, each) for each in (rests / norms[:, None] - centroids, levels))
    telling = (wanted > 0) & (own > 0)
    full = float(np.sqrt(np.median(wanted[telling] / own[telling]))) if telling.any() else 1.0
    recalls = {}
    for gain in (1.0, np.sqrt(full), full):
        decoded = centroids + np.float32(gain) * levels
        decoded *= (norms / lengths(decoded))[:, None]
        decoded += offsets[:, None] * direction
        recalls[float(gain)] = overlap(
            faiss.knn(queries, decoded, truth.shape[1], faiss.METRIC_INNER_PRODUCT)[1], truth
        )
    return max(recalls, key=lambda gain: recalls[gain])
