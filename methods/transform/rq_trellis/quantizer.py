"""Residual stages and a trellis code of their residuals, as one quantizer."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import faiss
import numpy as np

from methods.encoding.factor_byte import at_steps
from methods.transform.rq_trellis.stages import CentroidFinder, search_root
from methods.transform.transform_coding import scales
from methods.transform.trellis.quantizer import TrellisQuantizer


def lengths(vectors: np.ndarray) -> np.ndarray:
    """Lengths (n,) float32 of vectors (n, dim), 1 where they are 0."""
    norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
    return np.where(norms > 0, norms, 1).astype(np.float32)


@dataclass(frozen=True)
class StagedQuantizer:
    """A vector as the sum of a centroid of each stage and of levels along axes.

    Attributes
    ----------
    mean : (dim,) float32
        What vectors are to be centered about.
    coarse : faiss index
        Of the stages (:func:`methods.fitting.residual.residual_encoder`).
    fine : TrellisQuantizer
        Of the residual.
    scales_sum : bool
        Whether a factor multiplies the sum of both, not the levels alone. Then both are of vectors brought to unit
        length, since the factor restores it.
    candidates : int
        Sums of centroids, of the nearest by beam search, whose residuals are all coded; the code that leaves least is
        kept. Of as many, the nearest sum is not always the one whose residual the levels say best.
    sizes : (count,) float32, optional
        Ascending; where ``scales_sum``. Codes begin with a byte that says which of them multiplies the levels: some
        vectors lie near their centroid and others far from it, of which a factor of the sum says nothing.
    gain : float
        What levels are multiplied with when they are read, besides their size: they are shorter than the residual they
        stand for.
    power : float, optional
        Of :func:`.stages.search_root`, by whose distances the nearest centroids are found; None: by plain ones.
    has_factor : bool
        Whether a factor multiplies what codes say: stored, or such that all are of one length. Without, which is for
        squared distances only, values are coded at their own size.
    steps : (count,) float32, optional
        Factors of sums; the nearest stands in for a vector's length (:func:`~methods.encoding.factor_byte.at_steps`).
    """

    mean: np.ndarray
    coarse: faiss.IndexResidualQuantizer
    fine: TrellisQuantizer
    scales_sum: bool
    candidates: int = 1
    sizes: np.ndarray | None = None
    gain: float = 1.0
    power: float | None = None
    has_factor: bool = True
    steps: np.ndarray | None = None

    @functools.cached_property
    def finder(self) -> CentroidFinder:
        """Of the nearest centroids."""
        root = None if self.power is None else search_root(self.fine, self.power, not self.scales_sum)
        return CentroidFinder(self.codebooks, root)

    @property
    def stages(self) -> int:
        return self.coarse.rq.M

    @property
    def codebooks(self) -> np.ndarray:
        """Centroids of the stages (stages, 2^bits, dim) float32."""
        codebooks = faiss.vector_to_array(self.coarse.rq.codebooks)
        return codebooks.reshape(self.stages, 1 << self._bits, self.coarse.d)

    @property
    def _bits(self) -> int:
        """Of a stage's number: faiss packs those of fewer than eight, codes here give each a byte."""
        return int(self.coarse.rq.nbits.at(0))

    def mapped(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors (n, dim) in the coordinates of :meth:`decode`: themselves."""
        return vectors

    def encode(self, centered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Codes (n, stages + symbols) uint8 of centered vectors, after their size's place if there are sizes, and
        products (n, 3) for their factors."""
        sizes = at_steps(lengths(centered), self.steps) if self.scales_sum else np.ones(len(centered), np.float32)
        shapes = centered / sizes[:, None]
        if self.candidates == 1:
            packed = self.finder.nearest(shapes)
            return self._with_levels(centered, shapes, self._unpacked(packed), self.coarse.sa_decode(packed))
        best: tuple[np.ndarray, np.ndarray] | None = None
        for stages in self.finder.nearest_sums(shapes, self.candidates).swapaxes(0, 1):
            codes, products = self._with_levels(centered, shapes, stages, self._centroids(stages))
            if best is None:
                best = codes, products
                continue
            better = unsaid(products, self.has_factor) < unsaid(best[1], self.has_factor)
            best[0][better], best[1][better] = codes[better], products[better]
        assert best is not None
        return best

    def _with_levels(
        self, centered: np.ndarray, shapes: np.ndarray, stages: np.ndarray, coarse: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Codes and products of :meth:`encode` with these centroids (n, stages), whose sums are ``coarse``."""
        if self.sizes is None:
            equalize = self.has_factor and not self.scales_sum
            symbols, products = self.fine.encode(shapes - coarse, equalize=equalize)
            codes = np.concatenate([stages, symbols], axis=1)
            if not self.scales_sum:
                return codes, products
        else:
            symbols, places = self.fine.encode_sized(shapes - coarse, self.sizes)
            codes = np.concatenate([places[:, None], stages, symbols], axis=1)
        decoded = coarse + self._fine(codes)
        return codes, scales.products(centered, decoded)

    def _unpacked(self, packed: np.ndarray) -> np.ndarray:
        """Numbers of centroids (n, stages) uint8 of faiss's codes."""
        bits = self._bits
        return packed if bits == 8 else faiss.unpack_bitstrings(packed, self.stages, bits).astype(np.uint8)

    def decode(self, codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
        """Vectors (n, dim) float32 of codes (n, >= stages + symbols) uint8 and their factors (n,)."""
        coarse, fine = self._centroids(codes[:, self._first :]), self._fine(codes)
        return (coarse + fine) * factors[:, None] if self.scales_sum else coarse + fine * factors[:, None]

    def vectors(self, codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
        """As :meth:`decode`, whose coordinates are those of centered vectors."""
        return self.decode(codes, factors)

    def products(self, codes: np.ndarray) -> np.ndarray:
        """``<c, h> / |c|`` (n,) float32 of codes' centroids c and levels h; 0 where the centroid is 0."""
        centroids = self._centroids(codes)
        sizes = lengths(centroids)
        levels = self.fine.levels(codes[:, self.stages :])
        # In float64: a float32 product changes with the number of rows, and the byte that holds it with its last bit.
        along = centroids.astype(np.float64) @ self.fine.matrix.astype(np.float64)
        return (np.einsum("ij,ij->i", along, levels) / sizes).astype(np.float32)

    def _centroids(self, codes: np.ndarray) -> np.ndarray:
        stages = np.ascontiguousarray(codes[:, : self.stages])
        packed = stages if self._bits == 8 else faiss.pack_bitstrings(stages.astype(np.int32), self._bits)
        return self.coarse.sa_decode(packed)

    @property
    def _first(self) -> int:
        """The column of a code's first stage."""
        return 0 if self.sizes is None else 1

    def _fine(self, codes: np.ndarray) -> np.ndarray:
        """What the levels of whole codes stand for (n, dim)."""
        fine = self.fine.levels(codes[:, self._first + self.stages :]) @ self.fine.matrix.T
        if self.sizes is not None:
            return fine * (np.float32(self.gain) * self.sizes[codes[:, 0]])[:, None]
        return fine if self.gain == 1 else fine * np.float32(self.gain)


def unsaid(products: np.ndarray, has_factor: bool = True) -> np.ndarray:
    """Squared error (n,) of codes with the best factor or with none, of products (n, 3): <y, h>, <h, h> and <y, y>."""
    cross, square, own = products.T
    if not has_factor:
        return own - 2 * cross + square
    return own - np.where(square > 0, np.maximum(cross, 0) ** 2 / np.where(square > 0, square, 1), 0)
