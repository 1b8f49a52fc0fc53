"""What the product quantizers share: subspaces, codebooks trained by faiss, codes of packed indices, ADC search.

Jégou, Douze, Schmid 2011, *Product quantization for nearest neighbor search*, sections 2 and 3.
"""

from __future__ import annotations

from typing import Any, ClassVar

import faiss
import numpy as np

from methods.base import Codec, Metric, Searcher
from methods.encoding.subspaces import Subspaces
from methods.encoding.units import FOR_FOURTH_POWERS, over, typical_length, unit_of
from methods.errors import BudgetError, NotInFaiss
from methods.faiss_tools import faiss_metric, linear_transform, set_vector, taking_queries, training_sample, with_codes
from methods.fitting.kmeans import learn_codebooks, nearest_on_a_line
from methods.kernels.scanning.byte_tables import COSINE, ByteTableScan, Scoring, byte_tables
from methods.kind_losses import OFFSET_KEEPS_IT, along_mean
from methods.parameters import check_integer, check_renormalize
from methods.search.lookup_tables import TableSearcher
from methods.search.table_ranges import TableRanges, in_tables


class ProductCodec(Codec):
    """A vector is cut into subvectors, and each is replaced by the index of the nearest of its 2^bits centroids.

    Where the number of subquantizers does not divide the dimension, subvectors differ by one dimension (see
    :class:`~methods.encoding.subspaces.Subspaces`), so that every budget is used whole. No polysemous training: it
    serves another kind of search and takes 30 times as long.

    Parameters
    ----------
    dim, metric
        As for every codec.
    subquantizers : int
        Number of subvectors, 1 to ``dim``; a code takes ``ceil(subquantizers * bits / 8)`` bytes.
    bits : int
        Bits of one index, 1 to 12.
    renormalize : bool
        Divide inner products by the norm of the decoded vector: for unit vectors under ip or cosine.
    iterations : int
        k-means iterations.
    max_points_per_centroid : int
        Training vectors used, as a multiple of 2^bits; more are sampled. With fewer vectors than centroids, the
        vectors themselves (some repeated) are the centroids.
    """

    family = "product"
    offers_center = True
    kind_exceptions: ClassVar[dict[str, str]] = along_mean(OFFSET_KEEPS_IT)

    index_: faiss.IndexPQ
    max_bits: ClassVar[int] = 12

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        subquantizers: int = 1,
        *,
        bits: int = 8,
        renormalize: bool = False,
        iterations: int = 25,
        max_points_per_centroid: int = 256,
    ) -> None:
        super().__init__(dim, metric)
        self.subquantizers = check_integer("subquantizers", subquantizers, 1, dim)
        self.bits = check_integer("bits", bits, 1, self.max_bits)
        self.iterations = check_integer("iterations", iterations, 1, 10_000)
        self.max_points_per_centroid = check_integer("max_points_per_centroid", max_points_per_centroid, 1, 2**20)
        self.renormalize = bool(renormalize)
        check_renormalize(self.renormalize, self.metric)
        self._subspaces = Subspaces(dim, self.subquantizers)

    @classmethod
    def _sized(cls, dim: int, code_bytes: int, metric: Metric, *, bits: int) -> dict[str, Any]:
        """As many ``bits``-bit subquantizers as ``code_bytes`` hold, at most one a dimension."""
        bits = check_integer("bits", bits, 1, cls.max_bits)
        if 8 * code_bytes < bits:
            raise BudgetError(cls._label(), code_bytes, -(-bits // 8))
        return {"subquantizers": min(dim, 8 * code_bytes // bits)}

    @property
    def code_size(self) -> int:
        return -(-self.subquantizers * self.bits // 8)

    # --- between vectors and what the quantizer sees ---------------------------------------------------------

    def _to_product(self, vectors: np.ndarray) -> np.ndarray:
        """(n, dim) -> (n, padded dim): padding here, a rotation too in subclasses."""
        return self._subspaces.spread(vectors)

    def _query_to_product(self, queries: np.ndarray) -> np.ndarray:
        """As :meth:`_to_product`, for queries that are compared with codes."""
        return self._to_product(queries)

    def _from_product(self, decoded: np.ndarray) -> np.ndarray:
        """The inverse of :meth:`_to_product`."""
        return self._subspaces.gather(decoded)

    # --- hooks ---------------------------------------------------------------------------------------------------

    def _empty_index(self) -> faiss.IndexPQ:
        index: Any = faiss.IndexPQ(
            self._subspaces.padded_dim, self.subquantizers, self.bits, faiss_metric(self.metric.inner)
        )
        index.do_polysemous_training = False
        return index

    def _index_of(self, codebooks: np.ndarray) -> faiss.IndexPQ:
        index = self._empty_index()
        set_vector(index.pq.centroids, codebooks)
        index.is_trained = True
        return index

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        unit = unit_of(typical_length(vectors), FOR_FOURTH_POWERS)
        self._learn(over(unit, vectors), seed)
        if unit != 1:
            self.index_ = self._index_of(self._codebooks() * np.float32(unit))

    def _learn(self, vectors: np.ndarray, seed: int) -> None:
        """As ``_fit``, of vectors (n, dim) whose squares float32 holds."""
        self._train(self._to_product(vectors), seed)

    def _train(self, vectors: np.ndarray, seed: int, start: np.ndarray | None = None) -> None:
        """Codebooks of (n, padded dim) float32, going on from ``start`` if given."""
        centroids = 2**self.bits
        sample = training_sample(vectors, centroids, self.max_points_per_centroid * centroids, seed)
        codebooks = learn_codebooks(sample, self.subquantizers, self.bits, self.iterations, seed, start)
        self.index_ = self._index_of(codebooks)

    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        codebooks = self._codebooks()
        unit = unit_of(_length(codebooks), FOR_FOURTH_POWERS)
        return self._codes_by(over(unit, codebooks), self._to_product(over(unit, vectors)))

    def _codes_by(self, codebooks: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """Codes (n, code_size) uint8 of (n, padded dim) float32: the nearest centroid in each subspace."""
        if self._subspaces.width > 1 or self.bits != 8:
            return self._index_of(codebooks).sa_encode(vectors)
        columns = np.ascontiguousarray(vectors.T)
        nearest = [nearest_on_a_line(column, own[:, 0]) for column, own in zip(columns, codebooks, strict=True)]
        return np.stack(nearest, axis=1).astype(np.uint8)

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        return self._from_product(self.index_.sa_decode(codes))

    def _searcher(self, codes: np.ndarray) -> Searcher:
        codebooks = self._codebooks()
        index = self._index_of(codebooks)
        tables = codebooks if self.renormalize and self.bits == 8 else None
        return TableSearcher(
            self, index, codes, self._query_to_product, self.renormalize, tables, lambda: self._ranges(codes)
        )

    def _ranges(self, codes: np.ndarray) -> TableRanges | None:
        """The search of some of the codes."""
        if not in_tables(self.bits):
            return None
        codebooks, scoring = self._codebooks(), None
        if self.renormalize:
            squares = np.einsum("mcw,mcw->mc", codebooks, codebooks)
            scoring = Scoring(COSINE, squares=byte_tables(np.ones((1, len(squares)), np.float32), squares[:, None])[0])
        scan = ByteTableScan(codes, [(0, self.code_size)], scoring)
        return TableRanges(scan, codebooks, self.metric, distances=self.metric is Metric.L2)

    def _to_faiss(self, codes: np.ndarray) -> Any:
        if self.renormalize:
            raise NotInFaiss("faiss does not divide products by norms; use renormalize=false")
        matrix = self._to_product(np.eye(self.dim, dtype=np.float32))
        before = [] if np.array_equal(matrix, np.eye(self.dim)) else [linear_transform(matrix)]
        return taking_queries(self, self._index_holding(codes), *before)

    def _index_holding(self, codes: np.ndarray) -> Any:
        """A faiss index of padded vectors, with ``codes``."""
        return with_codes(self._index_of(self._codebooks()), codes)

    def _codebooks(self) -> np.ndarray:
        shape = (self.subquantizers, 2**self.bits, self._subspaces.width)
        return faiss.vector_to_array(self.index_.pq.centroids).reshape(shape)

    def row_codebooks(self) -> np.ndarray | None:
        """Centroids (subquantizers, 256, width) of which a code's, side by side, are what it decodes to.

        In the coordinates of :meth:`row_queries`; None where an index is not a byte.
        """
        return self._codebooks() if self.bits == 8 else None

    def row_queries(self, queries: np.ndarray) -> np.ndarray:
        """Queries (nq, dim) whose products with those rows are the ones with what codes decode to."""
        return self._to_product(queries)

    def parts(self) -> dict[str, np.ndarray]:
        """``codebooks`` (subquantizers, 2^bits, width) float32."""
        self._check_fitted()
        return {"codebooks": self._codebooks()}

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        self.index_ = self._index_of(parts["codebooks"])


def _length(codebooks: np.ndarray) -> float:
    """Root mean square length of vectors that have a centroid of each of (subquantizers, 2^bits, width)."""
    return float(np.sqrt(np.einsum("mcw,mcw->", codebooks, codebooks, dtype=np.float64) / codebooks.shape[1]))
