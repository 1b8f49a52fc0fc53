"""The scalar types of usearch: bfloat16, int8 and single bits, scanned by its exact search.

Vardanian, "USearch by Unum Cloud", 2023, and the kernels of NumKong that it calls; an optional dependency.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from methods.base import Codec, Metric, Searcher, largest_fit
from methods.encoding.units import RescaledSearcher
from methods.errors import MethodError
from methods.fitting.outliers import without_outliers
from methods.fitting.ranges import learned_ranges
from methods.kind_losses import along_mean
from methods.registry import register
from methods.vectors import from_bfloat16, to_bfloat16

BITS = {"bf16": 16, "i8": 8, "b1": 1}  # of a dimension, the finest first


@register("usearch")
class USearch(Codec):
    """Every value as ``bf16``, ``i8`` or ``b1``, queries too, compared by usearch.

    ``bf16`` rounds to 8 bits of precision. ``i8`` multiplies with 127 over the greatest magnitude in training, and a
    query with 127 over its own: usearch's cast wants unit vectors and keeps no length. Where lengths vary much, the
    greatest magnitude is that with which a search of training vectors finds most
    (:func:`~methods.fitting.ranges.learned_ranges`). ``b1`` keeps signs, compared by Hamming distance; it decodes to
    signs times the mean magnitude.

    A few dimensions of large values leave ``i8`` few levels for the others, and a direction that all vectors share
    leaves ``b1`` few signs that differ: the formats know neither ranges of a dimension nor a center.

    Parameters
    ----------
    dim, metric
        As for :class:`~methods.base.Codec`.
    type : {"bf16", "i8", "b1"}
        Of a value; a budget takes the finest that fits.
    """

    family = "scalar"
    summary = "brain floats, bytes or signs as usearch compares them, queries rounded the same way"
    source = "usearch (Unum Cloud 2023)"
    trains = False
    version = "2"  # 1: i8 over the greatest magnitude, however much lengths vary
    estimator = True  # queries are rounded
    requires = ("usearch",)
    kind_exceptions: ClassVar[dict[str, str]] = along_mean(
        "the formats know no center, and queries are rounded in one unit for all dimensions",
        "average cosine .75",
        "average cosine .9, cosine",
        "constant dimension, cosine",
    )

    def __init__(self, dim: int, metric: Metric = Metric.IP, type: str = "i8") -> None:
        super().__init__(dim, metric)
        self.type = type
        if type not in BITS:
            raise MethodError(f"usearch has no type={type!r} here; use one of {', '.join(BITS)}")

    @classmethod
    def _sized(cls, dim: int, code_bytes: int, metric: Metric, *, type: str | None = None) -> dict[str, Any]:
        """The finest type that fits, or the given one."""
        sizes = {each: cls(dim, metric, each).code_size for each in (BITS if type is None else [type])}
        return {"type": largest_fit("usearch", code_bytes, sizes)}

    @property
    def code_size(self) -> int:
        return -(-self.dim * BITS[self.type] // 8)

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        greatest = learned_ranges(vectors, self.metric.inner, 8, seed, "symmetric")[1][0] / 2
        vectors = without_outliers(vectors)
        blocks = [np.abs(vectors[at : at + 4096]) for at in range(0, len(vectors), 4096)]
        mean = sum(float(block.sum(dtype=np.float64)) for block in blocks) / vectors.size
        self.scales_ = np.array([greatest or 1.0, mean], np.float32)

    def parts(self) -> dict[str, np.ndarray]:
        """``scales`` (2,) float32: greatest and mean magnitude of a value in training, outliers aside."""
        return {"scales": self.scales_}

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        self.scales_ = parts["scales"]

    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        if self.type == "bf16":
            return to_bfloat16(vectors).view(np.uint8)
        if self.type == "b1":
            return np.packbits(vectors > 0, axis=1)
        return _to_int8(vectors, self.scales_[0]).view(np.uint8)

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        if self.type == "bf16":
            return from_bfloat16(codes)
        if self.type == "b1":
            return (np.unpackbits(codes, axis=1, count=self.dim) * np.float32(2) - 1) * self.scales_[1]
        return codes.view(np.int8) * (self.scales_[0] / np.float32(127))

    def _searcher(self, codes: np.ndarray) -> Searcher:
        searcher = USearchSearcher(self, codes)
        if self.type != "bf16":
            return searcher
        # usearch gives products as 1 - product, which hides small ones: queries bring them to about 1.
        length = 1.25 * float(self.scales_[1]) * self.dim**0.5  # of a vector of Gaussian values
        return RescaledSearcher(searcher, 1.0, 1 / (length or 1.0))


def _to_int8(values: np.ndarray, greatest: np.ndarray | float) -> np.ndarray:
    return np.clip(np.rint(values * (np.float32(127) / greatest)), -127, 127).astype(np.int8)


class USearchSearcher(Searcher):
    """Exhaustive search by usearch over codes as they are.

    Parameters
    ----------
    codec : USearch
        Fitted.
    codes : (n, code_size) uint8
    """

    def __init__(self, codec: USearch, codes: np.ndarray) -> None:
        super().__init__(codec.dim, codec.metric, len(codes))
        self.codec, self.codes = codec, codes
        if codec.type == "b1":
            self.estimates_metric = self.descending = False

    @property
    def nbytes(self) -> int:
        return self.codes.nbytes

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        from usearch.index import MetricKind, ScalarKind

        kind, l2 = self.codec.type, self.metric is Metric.L2
        measure = MetricKind.L2sq if l2 else MetricKind.IP
        if kind == "b1":
            return self._exact(self.codes, np.packbits(queries > 0, axis=1), k, MetricKind.Hamming)
        if kind == "bf16":
            stored, rounded = self.codes.view(np.uint16), to_bfloat16(queries)
            scores, ids = self._exact(stored, rounded, k, measure, dtype=ScalarKind.BF16)
            return (scores if l2 else 1 - scores), ids
        scale = self.codec.scales_[0]
        own = np.full((len(queries), 1), scale) if l2 else np.abs(queries).max(axis=1, keepdims=True)
        own = np.where(own > 0, own, np.float32(1))
        scores, ids = self._exact(self.codes.view(np.int8), _to_int8(queries, own), k, measure)
        unit = (own * scale / np.float32(127**2)).astype(np.float32)
        return (scores if l2 else 1 - scores) * unit, ids

    @staticmethod
    def _exact(stored: np.ndarray, queries: np.ndarray, k: int, measure: Any, **kinds: Any) -> tuple:
        """usearch's distances (nq, k) float32, ascending, and ids (nq, k) int64; IP distances are 1 - product."""
        import faiss
        from usearch.index import search

        matches = search(stored, queries, k, measure, exact=True, threads=faiss.omp_get_max_threads(), **kinds)
        shape = (len(queries), k)
        return matches.distances.reshape(shape).astype(np.float32), matches.keys.reshape(shape).astype(np.int64)
