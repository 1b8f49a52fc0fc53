"""Binary codes: what sign, simhash, ITQ and spectral hashing share, and the two ways of searching their codes.

``scoring="hamming"`` compares the query's code with the stored codes, bit by bit. ``scoring="asymmetric"`` keeps the
query in floats and takes its inner product with codes of -1 and +1 (Gordo & Perronnin 2011, "Asymmetric distances for
binary embeddings"): slower, and several points of recall better.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import faiss
import numpy as np

from methods.base import Codec, Metric, Searcher
from methods.errors import MethodError
from methods.kernels.bits import asymmetric_scan

SCORINGS = ("hamming", "asymmetric")


def pack_signs(values: np.ndarray) -> np.ndarray:
    """Codes (n, ceil(bits / 8)) uint8 of (n, bits) values: bit j % 8 of byte j // 8 is set where value j >= 0."""
    return np.packbits(values >= 0, axis=1, bitorder="little")


class BinaryCodec(Codec):
    """A code is the signs of :attr:`bits` real values (0 counts as positive); the last byte is filled up with zeros.

    Parameters
    ----------
    scoring : {"hamming", "asymmetric"}
        How codes are searched; the codes are the same.
    """

    family = "binary"
    decodable = False
    scoring: str
    bits: int

    @property
    def code_size(self) -> int:
        return -(-self.bits // 8)

    @abstractmethod
    def _values(self, vectors: np.ndarray) -> np.ndarray:
        """The real values (n, bits) float32 whose signs are the code."""

    def _query_values(self, queries: np.ndarray) -> np.ndarray:
        """What asymmetric scoring multiplies with the signs (nq, bits) float32; by default as for vectors.

        A linear method leaves the centre out under ip: <q, x> - <q, centre> = <q, x - centre>, so the same query
        meets centred vectors, and the term left out is equal for all codes.
        """
        return self._values(queries)

    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        return pack_signs(self._values(vectors))

    def _searcher(self, codes: np.ndarray) -> Searcher:
        if self.scoring == "asymmetric":
            return AsymmetricSearcher(self.dim, self.metric, codes, self._query_values)
        return HammingSearcher(self.dim, self.metric, codes, self._encode)

    def _check_shape(self) -> None:
        super()._check_shape()
        if self.scoring not in SCORINGS:
            raise MethodError(f"scoring={self.scoring!r} is unknown; use one of {', '.join(SCORINGS)}")
        if int(self.bits) != self.bits or self.bits < 1:
            raise MethodError(f"bits={self.bits} is not a number of bits; use an integer of at least 1")


class HammingSearcher(Searcher):
    """Exhaustive search by Hamming distance; equal distances are ordered by the smaller id.

    Parameters
    ----------
    dim, metric
        Of the queries.
    codes : (n, code_size) uint8
        Unused bits of the last byte are zero.
    encode_queries : callable
        (nq, dim) float32 -> (nq, code_size) uint8.
    """

    estimates_metric = False

    def __init__(
        self, dim: int, metric: Metric, codes: np.ndarray, encode_queries: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        super().__init__(dim, metric, len(codes))
        self.descending = False
        self.encode_queries = encode_queries
        self.index = faiss.IndexBinaryFlat(8 * codes.shape[1])
        # The index reads our array in place: a copy would double the memory of a large set of codes.
        nobody = faiss.MaybeOwnedVectorUInt8().owner  # type: ignore[attr-defined]
        self.index.xb = faiss.MaybeOwnedVectorUInt8.create_view(  # type: ignore[attr-defined]
            faiss.swig_ptr(codes), codes.size, nobody
        )
        self.index.ntotal = len(codes)
        self.codes = codes

    @property
    def nbytes(self) -> int:
        return self.codes.nbytes

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        distances, ids = self.index.search(self.encode_queries(queries), k)
        return distances.astype(np.float32), ids.astype(np.int64, copy=False)


class AsymmetricSearcher(Searcher):
    """Exhaustive search by the inner product of float queries with codes of -1 and +1; larger is nearer.

    Parameters
    ----------
    dim, metric
        Of the queries.
    codes : (n, code_size) uint8
        Kept as they are.
    query_values : callable
        (nq, dim) float32 -> (nq, bits) float32.
    """

    estimates_metric = False

    def __init__(
        self, dim: int, metric: Metric, codes: np.ndarray, query_values: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        super().__init__(dim, metric, len(codes))
        self.descending = True
        self.codes, self.query_values = codes, query_values

    @property
    def nbytes(self) -> int:
        return self.codes.nbytes

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        values = np.ascontiguousarray(self.query_values(queries), np.float32)
        keys = np.full((len(queries), k), np.inf, np.float32)
        ids = np.full((len(queries), k), -1, np.int64)
        for row in range(len(queries)):
            asymmetric_scan(self.codes, values[row], keys[row], ids[row])
        return -keys, ids
