"""How many bytes a code by distance spends on its factor and on the product of centroid and levels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from methods.encoding.factor_and_product import FactorAndProduct
from methods.metric import Metric
from methods.transform.rq_trellis.quantizer import StagedQuantizer
from methods.transform.rq_trellis.search import StagedSearcher
from methods.transform.transform_coding.choice import held_out, overlap
from methods.transform.transform_coding.quantizer import encode_scaled

__all__ = ["product_bytes"]

_MOST_DIM = 256  # beyond, a byte is so small a part of what levels take that a product in part of a byte loses
_MOST_BITS = 4  # a dimension: from here on levels are finer than such a product
_FINEST = 3
_LEAST = 2000  # training vectors below which those held out are too few to tell


def product_bytes(
    dim: int,
    level_bytes: int,
    quantizer: Callable[[int], StagedQuantizer],
    rule: str,
    vectors: np.ndarray,
    seed: int,
) -> int:
    """1 where factor and product share a byte, 2 or 3 where the product has one or two of its own.

    That with which some training vectors find most neighbors among others. Of few, which cannot tell: the most precise
    that leaves levels three quarters of the bytes.

    Parameters
    ----------
    dim : int
    level_bytes : int
        Bytes of a code for levels and the product.
    quantizer : callable
        The quantizer that leaves so many of these bytes to others.
    rule : str
        Of the factor.
    vectors : (n, dim) float32
        Training vectors.
    """
    most = min(_FINEST, level_bytes)
    least = 2 if dim > _MOST_DIM or 8 * level_bytes >= _MOST_BITS * dim else 1
    least = min(least, most)  # a byte is left to levels
    if len(vectors) < _LEAST or most <= least:
        return max(least, min(most, 1 + level_bytes // 4))
    queries, base, truth = held_out(vectors, Metric.L2, seed)
    recalls = {size: _recall(quantizer(size - 1), size, rule, queries, base, truth) for size in range(least, most + 1)}
    return max(recalls, key=lambda size: recalls[size])


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
