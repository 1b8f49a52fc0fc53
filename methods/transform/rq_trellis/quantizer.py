"""Residual stages and a trellis code of their residuals, as one quantizer."""

from __future__ import annotations

from dataclasses import dataclass

import faiss
import numpy as np

from methods.fitting.residual import residual_encoder
from methods.transform.trellis.quantizer import TrellisQuantizer

BEAM = 4


def coarse_index(codebooks: np.ndarray) -> faiss.IndexResidualQuantizer:
    """The stages (stages, 2^bits, dim) as a faiss index that encodes by beam search."""
    return residual_encoder(codebooks, BEAM)


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
        Of the stages (:func:`coarse_index`).
    fine : TrellisQuantizer
        Of the residual.
    scales_sum : bool
        Whether a factor multiplies the sum of both, not the levels alone. Then both are of vectors brought to unit
        length, since the factor restores it.
    """

    mean: np.ndarray
    coarse: faiss.IndexResidualQuantizer
    fine: TrellisQuantizer
    scales_sum: bool

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
        """Codes (n, stages + symbols) uint8 of centered vectors, and products (n, 3) for their factors."""
        sizes = lengths(centered) if self.scales_sum else np.ones(len(centered), np.float32)
        shapes = centered / sizes[:, None]
        packed = self.coarse.sa_encode(shapes)
        coarse, bits = self.coarse.sa_decode(packed), self._bits
        stages = packed if bits == 8 else faiss.unpack_bitstrings(packed, self.stages, bits).astype(np.uint8)
        symbols, products = self.fine.encode(shapes - coarse, equalize=not self.scales_sum)
        if self.scales_sum:
            decoded = coarse + self._fine(symbols)
            pairs = ((centered, decoded), (decoded, decoded), (centered, centered))
            products = np.stack([np.einsum("ij,ij->i", a, b, dtype=np.float64) for a, b in pairs], axis=1)
        return np.concatenate([stages, symbols], axis=1), products

    def decode(self, codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
        """Vectors (n, dim) float32 of codes (n, >= stages + symbols) uint8 and their factors (n,)."""
        coarse, fine = self._centroids(codes), self._fine(codes[:, self.stages :])
        return (coarse + fine) * factors[:, None] if self.scales_sum else coarse + fine * factors[:, None]

    def vectors(self, codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
        """As :meth:`decode`, whose coordinates are those of centered vectors."""
        return self.decode(codes, factors)

    def products(self, codes: np.ndarray) -> np.ndarray:
        """``<c, h> / |c|`` (n,) float32 of codes' centroids c and levels h; 0 where the centroid is 0."""
        centroids = self._centroids(codes)
        sizes = lengths(centroids)
        levels = self.fine.levels(codes[:, self.stages :])
        return (np.einsum("ij,ij->i", centroids @ self.fine.matrix, levels) / sizes).astype(np.float32)

    def _centroids(self, codes: np.ndarray) -> np.ndarray:
        stages = np.ascontiguousarray(codes[:, : self.stages])
        packed = stages if self._bits == 8 else faiss.pack_bitstrings(stages.astype(np.int32), self._bits)
        return self.coarse.sa_decode(packed)

    def _fine(self, symbols: np.ndarray) -> np.ndarray:
        return self.fine.levels(symbols) @ self.fine.matrix.T
