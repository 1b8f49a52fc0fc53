"""How many bytes a code by distance spends on its factor and on the product of centroid and levels, if any.

Without both, short codes have a byte more of levels, and are decoded to be searched.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import faiss
import numpy as np

from methods.encoding.factor_and_product import FactorAndProduct
from methods.metric import Metric
from methods.transform.rq_trellis.quantizer import StagedQuantizer
from methods.transform.rq_trellis.search import StagedSearcher
from methods.transform.transform_coding.choice import held_out, largest_of_equals, overlap
from methods.transform.transform_coding.quantizer import encode_scaled

__all__ = ["LastBytes", "last_bytes", "leave_out", "recalls_without"]

_MOST_DIM = 256  # beyond, a byte is so small a part of what levels take that a product in part of a byte loses
_MOST_BITS = 4  # a dimension: from here on levels are finer than such a product
_FINEST = 3
_LEAST = 2000  # training vectors below which those held out are too few to tell
_GAINS = (1.0, 1.1, 1.2, 1.3)  # of levels without factors
_CLEARLY = 0.01  # of recall, for which codes are decoded in each search


class LastBytes(NamedTuple):
    """Bytes of factor and product, and what levels are multiplied with where there are none."""

    size: int
    gain: float = 1.0


def last_bytes(
    dim: int,
    level_bytes: int,
    quantizer: Callable[[int], StagedQuantizer],
    rule: str,
    vectors: np.ndarray,
    seed: int,
    small: bool,
) -> LastBytes:
    """1 where factor and product share a byte, 2 or 3 where the product has one or two of its own, 0 without both.

    That with which some training vectors find most neighbors among others; 0 only if clearly more. Of few, which cannot
    tell: the most precise that leaves levels three quarters of the bytes.

    Parameters
    ----------
    dim : int
    level_bytes : int
        Bytes of a code for levels and the product.
    quantizer : callable
        The quantizer that leaves so many of these bytes to others; -1: that has the factor's as well, and no factor.
    rule : str
        Of the factor.
    vectors : (n, dim) float32
        Training vectors.
    small : bool
        Whether codes have few bits a dimension: only those may have neither.
    """
    most = min(_FINEST, level_bytes)
    least = 2 if dim > _MOST_DIM or 8 * level_bytes >= _MOST_BITS * dim else 1
    least = min(least, most)  # a byte is left to levels
    if len(vectors) < _LEAST or (most == least and not small):
        size = max(least, min(most, 1 + level_bytes // 4))
        return LastBytes(size)
    samples = held_out(vectors, Metric.L2, seed)
    recalls = {size: _recall(quantizer(size - 1), size, rule, *samples) for size in range(least, most + 1)}
    size = max(recalls, key=lambda size: recalls[size])
    if small and leave_out(of_gains := recalls_without(quantizer(-1), *samples), recalls[size]):
        return LastBytes(0, largest_of_equals(of_gains))
    return LastBytes(size)


def recalls_without(
    quantizer: StagedQuantizer, queries: np.ndarray, base: np.ndarray, truth: np.ndarray
) -> dict[float, float]:
    """Recall for each gain of codes without factor and product."""
    codes = quantizer.encode(base - quantizer.mean)[0]
    ones, recalls = np.ones(len(codes), np.float32), {}
    for gain in _GAINS:
        decoded = dataclasses.replace(quantizer, gain=gain).decode(codes, ones)
        recalls[gain] = overlap(faiss.knn(queries - quantizer.mean, decoded, truth.shape[1])[1], truth)
    return recalls


def leave_out(without: dict[float, float], recall: float) -> bool:
    """Whether codes without factor and product find clearly more, by some gain, than the ``recall`` of those with."""
    return max(without.values()) > recall + _CLEARLY


def _recall(
    quantizer: StagedQuantizer, size: int, rule: str, queries: np.ndarray, base: np.ndarray, truth: np.ndarray
) -> float:
    codes, factors = encode_scaled(quantizer, rule, base - quantizer.mean)
    products = quantizer.products(codes)
    pair = FactorAndProduct.fit(factors, products, size)
    codes = np.concatenate([codes, pair.encode(factors, products)], axis=1)
    searcher = StagedSearcher(queries.shape[1], Metric.L2, quantizer, codes, pair)
    ids = searcher.search(queries, truth.shape[1])[1]
    return overlap(ids, truth)
