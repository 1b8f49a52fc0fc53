"""ColBERTv2's compression: a centroid's number and a residual of a few bits a dimension for every vector."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from methods.errors import BudgetError, MethodError
from methods.kernels.encoding.residuals import decode_residuals
from methods.kernels.sets.centroid_scores import centroid_chamfer
from methods.multivector.base import OFFSET_BYTES, Codes, MultiVectorCodec, SetSearcher
from methods.multivector.candidates import best_candidates, score_candidates
from methods.multivector.centroids import (
    centroid_products,
    learn_centroids,
    nearest_centroids,
    typical_length,
    usual_count,
)
from methods.multivector.ragged import Ragged
from methods.multivector.stretch import sample_of
from methods.multivector.token_store import DecodingSetSearcher
from methods.registry import register

_BITS = (4, 2, 1)
_ID_BYTES = 4
_TOLERANCE = 0.01  # of the length that all vectors have
_HELD_OUT = 8  # no centroid is learned from one document in so many


@register("colbert_residual")
class ColbertResidual(MultiVectorCodec):
    """Santhanam et al., ColBERTv2, NAACL 2022, section 3.3: centroid and quantized residual, decoded to unit norm.

    For vectors of one length only, unit vectors as late-interaction models make them: what decodes has that length.
    Vectors of zeros, which documents are padded with, have a number of their own, behind the last centroid's: they
    decode to zeros and take no part in training.

    The bits of a residual are buckets between global quantiles of residual values; a bucket decodes to the quantile in
    its middle. The quantiles are of an eighth of the documents, from which no centroid is learned: vectors that
    centroids were learned from have short residuals, and buckets made for them would cut off those of new documents.
    Search is PLAID's (Santhanam et al., CIKM 2022) without inverted lists: every document is scored by its centroids
    alone, and the best ``candidates * k`` are decoded and scored by MaxSim.

    Parameters
    ----------
    dim : int
    bits : {1, 2, 4}
        Of a dimension of the residual.
    candidates : int
        Documents decoded for each requested one; 0 decodes all.

    Attributes
    ----------
    centroids_ : (K, dim) float32
        ColBERTv2's number of them, of unit norm.
    cutoffs_ : (2^bits - 1,) float32
    weights_ : (2^bits,) float32
    length_ : (1,) float32
        Of vectors; 1 where that is within 1%.
    """

    family = "token codes"
    summary = "every vector as a centroid's number and a residual of 1, 2 or 4 bits a dimension"
    source = "Santhanam et al., ColBERTv2, NAACL 2022; PLAID, CIKM 2022"
    decodable = True
    # 1: vectors of zeros were trained on, and decoded to unit vectors; 2: buckets were those of vectors that centroids
    # were learned from, and search decoded 16 documents for each requested one
    version = "3"
    reads_versions = frozenset({"2"})  # whose buckets are others, in the same format
    kind_exceptions: ClassVar[dict[str, str]] = {
        "one vector x 100": "vectors decode to one length, so others are refused",
        "rogue dimensions": "buckets of residuals are those of all dimensions together",
    }

    centroids_: np.ndarray
    cutoffs_: np.ndarray
    weights_: np.ndarray
    length_: np.ndarray

    def __init__(self, dim: int, bits: int = 2, *, candidates: int = 8) -> None:
        super().__init__(dim)
        if bits not in _BITS:
            raise MethodError(f"bits={bits} is not possible; use one of {', '.join(map(str, sorted(_BITS)))}")
        if isinstance(candidates, bool) or int(candidates) != candidates or candidates < 0:
            raise MethodError(f"candidates={candidates} is out of range; use an integer of at least 0")
        self.bits, self.candidates = bits, candidates

    @classmethod
    def _sized(
        cls, dim: int, code_bytes: int, lengths: np.ndarray, *, bits: int | None = None, candidates: int
    ) -> dict[str, Any]:
        """The most bits whose codes fit."""
        for chosen in _BITS if bits is None else (bits,):
            size = float(cls(dim, chosen, candidates=candidates).code_sizes(lengths).mean())
            if size <= code_bytes:
                return {"bits": chosen}
        raise BudgetError("colbert_residual", code_bytes, int(np.ceil(size)))

    @property
    def vector_size(self) -> int:
        """Bytes of a vector's code: four of the centroid's number, and the residual."""
        return _ID_BYTES + -(-self.dim * self.bits // 8)

    def code_sizes(self, lengths: np.ndarray) -> np.ndarray:
        return np.asarray(lengths, np.int64) * self.vector_size + OFFSET_BYTES

    def parts(self) -> dict[str, np.ndarray]:
        own = {"centroids": self.centroids_, "cutoffs": self.cutoffs_, "weights": self.weights_}
        return own | {"length": self.length_}

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        self.centroids_, self.cutoffs_, self.weights_ = parts["centroids"], parts["cutoffs"], parts["weights"]
        self.length_ = parts["length"]

    def _fit(self, documents: Ragged, seed: int) -> None:
        self.length_ = np.array([self._only_length(sample_of(documents, seed))], np.float32)
        shuffled = np.random.default_rng(seed).permutation(len(documents))
        few = len(documents) // _HELD_OUT
        others, held_out = (documents.take(np.sort(rows)) for rows in (shuffled[few:], shuffled[:few]))
        self.centroids_ = learn_centroids(others, usual_count(documents.total), seed)
        residuals = self._residuals(sample_of(held_out if few else documents, seed))[1]
        count = 1 << self.bits
        self.cutoffs_ = np.quantile(residuals, np.arange(1, count) / count).astype(np.float32)
        self.weights_ = np.quantile(residuals, (np.arange(count) + 0.5) / count).astype(np.float32)

    def _only_length(self, vectors: np.ndarray) -> float:
        """The length that all of ``vectors`` (n, dim) have."""
        typical = typical_length(vectors)
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
        if (np.abs(lengths[lengths > 0] / typical - 1) > _TOLERANCE).any():
            raise MethodError(
                f"{self._label()} decodes to unit vectors, and these have lengths up to {lengths.max():.3g} where the "
                f"median is {typical:.3g}; divide each vector by its length, or use token_codec"
            )
        return typical if abs(typical - 1) > _TOLERANCE else 1.0

    def _residuals(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The nearest centroid (n,) int64 of each of (n, dim) vectors, and what is left (n, dim), at unit length."""
        vectors = vectors / self.length_ if self.length_[0] != 1 else vectors
        nearest = nearest_centroids(vectors, self.centroids_)
        return nearest, vectors - self.centroids_[nearest]

    def _encode(self, documents: Ragged) -> np.ndarray:
        nearest, residuals = self._residuals(documents.vectors)
        buckets = np.searchsorted(self.cutoffs_, residuals).astype(np.uint8)
        zeros = documents.zeros()
        nearest[zeros], buckets[zeros] = len(self.centroids_), 0
        bits = np.unpackbits(buckets[:, :, None], axis=2)[:, :, -self.bits :].reshape(len(buckets), -1)
        return np.hstack([nearest.astype("<u4")[:, None].view(np.uint8), np.packbits(bits, axis=1)])

    def _decode(self, codes: Codes) -> Ragged:
        vectors = decode_residuals(codes.rows(self.vector_size), self.centroids_, self.weights_)
        if self.length_[0] != 1:
            vectors *= self.length_
        return Ragged(vectors, codes.offsets // self.vector_size)

    def _searcher(self, codes: Codes) -> SetSearcher:
        return _CentroidSearcher(self, codes) if self.candidates else DecodingSetSearcher(self, codes, self.vector_size)


class _CentroidSearcher(SetSearcher):
    """Candidates by centroids, their order by MaxSim on decoded vectors; keeps only the codes."""

    def __init__(self, codec: ColbertResidual, codes: Codes) -> None:
        super().__init__(codec.dim, len(codes))
        self.codec, self.codes = codec, codes
        self.offsets = codes.offsets // codec.vector_size

    @property
    def nbytes(self) -> int:
        return self.codes.nbytes

    def _search(self, queries: Ragged, k: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self.codes.rows(self.codec.vector_size)
        count = min(self.size, k * self.codec.candidates)
        candidates = np.empty((len(queries), count), np.int64)
        for i in range(len(queries)):
            if count == self.size:
                candidates[i] = np.arange(count)
                continue
            rough = centroid_chamfer(rows, self.offsets, centroid_products(self.codec.centroids_, queries.set(i)))
            candidates[i] = np.sort(np.argpartition(-rough, count - 1)[:count])
        mean = float(self.offsets[-1]) / self.size
        scores = score_candidates(self._gather, queries, candidates, mean)
        return best_candidates(scores, candidates, k)

    def _gather(self, ids: np.ndarray) -> Ragged:
        return self.codec._decode(self.codes.take(ids))
