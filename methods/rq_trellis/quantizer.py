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
    """

    mean: np.ndarray
    coarse: faiss.IndexResidualQuantizer
    fine: TrellisQuantizer

    @property
    def stages(self) -> int:
        return self.coarse.rq.M

    def mapped(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors (n, dim) in the coordinates of :meth:`decode`: themselves."""
        return vectors

    def encode(self, centred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Codes (n, stages + symbols) uint8 of centred vectors y, and (n, 2) float64: <y, h> and <h, h>."""
        stages = self.coarse.sa_encode(centred)
        coarse = self.coarse.sa_decode(stages)
        symbols, _ = self.fine.encode(centred - coarse)
        found = coarse + self._fine(symbols)
        products = [np.einsum("ij,ij->i", other, found, dtype=np.float64) for other in (centred, found)]
        return np.concatenate([stages, symbols], axis=1), np.stack(products, axis=1)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """h (n, dim) float32 of codes (n, >= stages + symbols) uint8."""
        stages = np.ascontiguousarray(codes[:, : self.stages])
        return self.coarse.sa_decode(stages) + self._fine(codes[:, self.stages :])

    def _fine(self, symbols: np.ndarray) -> np.ndarray:
        return self.fine.decode(symbols) @ self.fine.matrix.T
