"""Binary codes: what sign, simhash, ITQ and spectral hashing share, and the two ways of searching their codes.

``scoring="hamming"`` compares the query's code with the stored codes, bit by bit. ``scoring="asymmetric"`` keeps the
query in floats and takes its inner product with codes of -1 and +1 (Gordo & Perronnin 2011, "Asymmetric distances for
binary embeddings"): slower, and several points of recall better. Both scan by the project's own kernels; the second
rounds the query to int8.

Codes about a center depend on a query's length, inner products do not: a short query lies where the center is, and has
the code of what lies there. So under ``ip`` queries are coded at the length that vectors have.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import faiss
import numpy as np

from methods.base import Codec, Metric, Searcher, largest_fit
from methods.encoding.units import NEAR_ONE, length_of_parts, length_parts, lengths_of, one_or_length, typical_length
from methods.errors import MethodError, NotInFaiss
from methods.kernels.scanning.adc import ADCScanner
from methods.kernels.scanning.hamming import LONGEST
from methods.kind_losses import NO_LENGTHS
from methods.search.scanners import HammingSearcher, SymbolSearcher

SCORINGS = ("hamming", "asymmetric")


def pack_signs(values: np.ndarray) -> np.ndarray:
    """Codes (n, ceil(bits / 8)) uint8 of (n, bits) values: bit 7 - j % 8 of byte j // 8 is set where value j >= 0."""
    return np.packbits(values >= 0, axis=1)


class BinaryCodec(Codec):
    """A code is the signs of :attr:`bits` real values (0 counts as positive); the last byte is filled up with zeros.

    Parameters
    ----------
    scoring : {"hamming", "asymmetric"}
        How codes are searched; the codes are the same.

    Attributes
    ----------
    length_ : float
        At which queries are coded under ``ip``: the median of the training vectors' lengths, 1 where that is nearly 1.
    """

    family = "binary"
    decodable = False
    compared_singly = False
    copies_codes = True
    kind_exceptions: ClassVar[dict[str, str]] = NO_LENGTHS
    scoring: str
    bits: int
    length_: float = 1.0

    @classmethod
    def _sized(cls, dim: int, code_bytes: int, metric: Metric) -> dict[str, Any]:
        """Eight bits a byte: all of the budget is used, up to what can be scanned."""
        largest_fit(cls.name, code_bytes, {1: 1})
        return {"bits": 8 * min(code_bytes, LONGEST)}

    @property
    def code_size(self) -> int:
        return -(-self.bits // 8)

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        self.length_ = one_or_length(typical_length(vectors)) if self.metric is Metric.IP else 1.0

    def parts(self) -> dict[str, np.ndarray]:
        """``length`` (1,) float32, where it is not 1."""
        self._check_fitted()
        return length_parts(self.length_)

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        self.length_ = length_of_parts(parts)

    @abstractmethod
    def _values(self, vectors: np.ndarray) -> np.ndarray:
        """The real values (n, bits) float32 whose signs are the code."""

    def _query_values(self, queries: np.ndarray) -> np.ndarray:
        """What asymmetric scoring multiplies with the signs (nq, bits) float32; by default as for vectors.

        A linear method leaves the center out under ip: <q, x> - <q, center> = <q, x - center>, so the same query
        meets centered vectors, and the term left out is equal for all codes.
        """
        return self._values(self._of_typical_length(queries))

    def _of_typical_length(self, queries: np.ndarray) -> np.ndarray:
        """Queries (nq, dim) float32; under ``ip`` at :attr:`length_`, which leaves their order of vectors as it is."""
        if self.metric is not Metric.IP:
            return queries
        lengths = lengths_of(queries)
        factors = np.divide(self.length_, lengths, out=np.ones_like(lengths), where=lengths > 0)
        factors[np.abs(factors - 1) < NEAR_ONE] = 1
        return (queries * factors).astype(np.float32)

    def _weighed_queries(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._query_values(queries), np.ones(len(queries), np.float32)

    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        return pack_signs(self._values(vectors))

    def _searcher(self, codes: np.ndarray) -> Searcher:
        if self.scoring == "asymmetric":
            return AsymmetricSearcher(self, codes)
        return HammingSearcher(self.dim, self.metric, codes, self._encode_queries, self.bits)

    def _to_faiss(self, codes: np.ndarray) -> Any:
        if self.scoring != "hamming" or self.metric is Metric.IP:
            raise NotInFaiss(
                f"faiss compares bits with bits, and {self._label()} with scoring={self.scoring} under {self.metric} "
                "does not encode queries as it does vectors; use scoring=hamming and metric=cosine or l2"
            )
        index = faiss.IndexBinaryFlat(8 * self.code_size)
        if len(codes):
            index.add(codes)
        return index

    def _encode_queries(self, queries: np.ndarray) -> np.ndarray:
        return self._encode(self._of_typical_length(queries))

    def _check_shape(self) -> None:
        super()._check_shape()
        if self.scoring not in SCORINGS:
            raise MethodError(f"scoring={self.scoring!r} is unknown; use one of {', '.join(SCORINGS)}")
        if int(self.bits) != self.bits or self.bits < 1:
            raise MethodError(f"bits={self.bits} is not a number of bits; use an integer of at least 1")
        if self.bits > 8 * LONGEST:
            raise MethodError(f"bits={self.bits} is more than can be scanned; use at most {8 * LONGEST:,}")


class AsymmetricSearcher(SymbolSearcher):
    """Exhaustive search by the inner product of float queries with codes of -1 and +1; larger is nearer."""

    estimates_metric = False

    def __init__(self, codec: BinaryCodec, codes: np.ndarray) -> None:
        super().__init__(codec.dim, codec.metric, ADCScanner(codes, codec.bits, 1), codec._weighed_queries)
        self.descending = True
