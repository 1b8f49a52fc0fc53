"""QUIPS: product quantization whose codebooks keep inner products rather than vectors.

Guo, Kumar, Choromanski, Simcha, "Quantization based fast inner product search", AISTATS 2016 (arXiv 1509.01469).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from methods.base import Codec, Metric, Searcher
from methods.fitting.outliers import without_outliers
from methods.kind_losses import along_mean
from methods.product._base import ProductCodec
from methods.registry import register
from methods.search.lookup_tables import TableSearcher

_FLOOR = 1e-4  # of the largest eigenvalue of a subspace: directions in which almost nothing varies
_ROWS = 4096  # vectors mapped at a time in float64


@register("quips")
class QUIPS(ProductCodec):
    """Codebooks of least squared error of inner products with queries whose second moments are known.

    In a subspace the expected squared error of a product is ``(x - u)' S (x - u)`` with ``S = E[q q']``, so
    that k-means and the choice of a centroid go by that distance. S is the training vectors' (QUIP-cov(x)): queries
    are never used in training, and the constrained variants, which need examples of them, are left out. Dimensions are
    shuffled first, which balances the variance of subspaces.

    The paper's figures are of recommendation data that are not available here. What it proves, that the error of
    products is less than with codebooks of product quantization, is tested.

    Parameters
    ----------
    dim, metric, subquantizers, bits, iterations, max_points_per_centroid
        See :class:`~methods.product._base.ProductCodec`.
    shuffle : bool
        Shuffle dimensions under the seed of the fit.
    """

    summary = "product quantization by the squared error of inner products"
    source = "Guo et al., AISTATS 2016"
    kind_exceptions: ClassVar[dict[str, str]] = along_mean(
        "second moments are mostly those of the direction that all vectors share, so that codebooks tell little else; "
        "center=offset keeps that direction apart"
    )
    metrics = frozenset({Metric.IP, Metric.COSINE})
    order_: np.ndarray
    roots_: np.ndarray
    inverses_: np.ndarray

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        subquantizers: int = 1,
        *,
        bits: int = 8,
        iterations: int = 25,
        max_points_per_centroid: int = 256,
        shuffle: bool = True,
    ) -> None:
        self.shuffle = bool(shuffle)
        super().__init__(
            dim,
            metric,
            subquantizers,
            bits=bits,
            iterations=iterations,
            max_points_per_centroid=max_points_per_centroid,
        )

    def _learn(self, vectors: np.ndarray, seed: int) -> None:
        order = np.random.default_rng(seed).permutation(self.dim) if self.shuffle else np.arange(self.dim)
        self.order_ = order.astype(np.int32)
        moments = np.zeros((self.subquantizers, self._subspaces.width, self._subspaces.width))
        near = without_outliers(vectors)  # a vector far too long would make the direction that it has the only one
        for at in range(0, len(vectors), _ROWS):
            blocks = self._blocks(near[at : at + _ROWS])
            moments += np.matmul(blocks.transpose(1, 2, 0), blocks.transpose(1, 0, 2))
        self._set_roots(_square_roots(moments / len(vectors)))
        super()._learn(vectors, seed)

    def _set_roots(self, roots: np.ndarray) -> None:
        self.roots_ = roots
        self.inverses_ = np.linalg.inv(roots.astype(np.float64)).astype(np.float32)

    # --- between vectors and what the quantizer sees ---------------------------------------------------------

    def _blocks(self, vectors: np.ndarray) -> np.ndarray:
        """(n, dim) -> (n, subquantizers, width) float64, shuffled and padded."""
        spread = self._subspaces.spread(np.ascontiguousarray(vectors[:, self.order_]))
        return spread.reshape(len(vectors), self.subquantizers, self._subspaces.width).astype(np.float64)

    def _mapped(self, vectors: np.ndarray, maps: np.ndarray) -> np.ndarray:
        """(n, dim) -> (n, padded dim) float32, each subspace multiplied by its map."""
        parts = [
            np.einsum("nmw,mwv->nmv", self._blocks(vectors[at : at + _ROWS]), maps.astype(np.float64))
            for at in range(0, len(vectors), _ROWS)
        ]
        mapped = np.concatenate(parts) if parts else np.empty((0, self.subquantizers, self._subspaces.width))
        return mapped.reshape(len(vectors), self._subspaces.padded_dim).astype(np.float32)

    def row_codebooks(self) -> None:
        """None: decoded vectors are another map of the rows."""

    def _to_product(self, vectors: np.ndarray) -> np.ndarray:
        return self._mapped(vectors, self.roots_)

    def _from_product(self, decoded: np.ndarray) -> np.ndarray:
        blocks = decoded.reshape(len(decoded), self.subquantizers, self._subspaces.width)
        mapped_back = np.einsum("nmw,mwv->nmv", blocks, self.inverses_).reshape(decoded.shape)
        vectors = np.empty((len(decoded), self.dim), np.float32)
        vectors[:, self.order_] = self._subspaces.gather(mapped_back)
        return vectors

    def _to_queries(self, queries: np.ndarray) -> np.ndarray:
        """Queries whose products with the quantizer's centroids are those of the queries with decoded vectors."""
        return self._mapped(queries, self.inverses_)

    # --- contract ------------------------------------------------------------------------------------------------

    def _searcher(self, codes: np.ndarray) -> Searcher:
        index = self._index_of(self._codebooks())
        return TableSearcher(self, index, codes, self._to_queries, ranges=lambda: self._ranges(codes))

    _to_faiss = Codec._to_faiss  # queries are mapped by another matrix than vectors

    def parts(self) -> dict[str, np.ndarray]:
        """``codebooks`` (subquantizers, 2^bits, width) behind the maps ``roots`` (subquantizers, width, width);
        ``order`` (dim,) of the dimensions."""
        return super().parts() | {"roots": self.roots_, "order": self.order_}

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        self.order_ = parts["order"]
        self._set_roots(parts["roots"])
        super()._load_parts(parts)


def _square_roots(moments: np.ndarray) -> np.ndarray:
    """Symmetric square roots (m, w, w) float32 of second moments (m, w, w), of which the largest is scaled to 1."""
    values, axes = np.linalg.eigh(moments)
    largest = values[:, -1:]
    scaled = np.divide(values, largest, out=np.ones_like(values), where=largest > 1e-30)
    roots = np.sqrt(np.maximum(scaled, _FLOOR))
    return np.matmul(axes * roots[:, None, :], axes.transpose(0, 2, 1)).astype(np.float32)
