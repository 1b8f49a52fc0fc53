"""Residual stages and a trellis code of what they leave over, as one quantizer."""

from __future__ import annotations

from dataclasses import dataclass

import faiss
import numpy as np

from methods.faiss_index import set_vector
from methods.residual import configure, residual_index
from methods.trellis.quantizer import TrellisQuantizer

BEAM = 4


def coarse_index(codebooks: np.ndarray) -> faiss.IndexResidualQuantizer:
    """The stages (stages, 256, dim) as a faiss index that encodes by beam search."""
    index = residual_index(codebooks.shape[2], len(codebooks))
    set_vector(index.rq.codebooks, codebooks)
    configure(index.rq, BEAM)
    index.is_trained = True
    return index


@dataclass(frozen=True)
class StagedQuantizer:
    """A vector as the sum of a centroid of each stage and of levels along axes.

    Attributes
    ----------
    mean : (dim,) float32
        What vectors are to be centred about.
    coarse : faiss index
        Of the stages (:func:`coarse_index`).
    fine : TrellisQuantizer
        Of the residual.
    whole : bool
        Whether a factor multiplies the sum of both, not the levels alone.
    """

    mean: np.ndarray
    coarse: faiss.IndexResidualQuantizer
    fine: TrellisQuantizer
    whole: bool

    @property
    def stages(self) -> int:
        return self.coarse.rq.M

    def mapped(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors (n, dim) in the coordinates of :meth:`decode`: themselves."""
        return vectors

    def encode(self, centred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Codes (n, stages + symbols) uint8 of centred vectors, and products (n, 3) for their factors."""
        stages = self.coarse.sa_encode(centred)
        coarse = self.coarse.sa_decode(stages)
        symbols, products = self.fine.encode(centred - coarse)
        if self.whole:
            found = coarse + self._fine(symbols)
            pairs = ((centred, found), (found, found), (centred, centred))
            products = np.stack([np.einsum("ij,ij->i", a, b, dtype=np.float64) for a, b in pairs], axis=1)
        return np.concatenate([stages, symbols], axis=1), products

    def decode(self, codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
        """Vectors (n, dim) float32 of codes (n, >= stages + symbols) uint8 and their factors (n,)."""
        coarse = self.coarse.sa_decode(np.ascontiguousarray(codes[:, : self.stages]))
        fine = self._fine(codes[:, self.stages :])
        return (coarse + fine) * factors[:, None] if self.whole else coarse + fine * factors[:, None]

    def _fine(self, symbols: np.ndarray) -> np.ndarray:
        return self.fine.levels(symbols) @ self.fine.matrix.T
