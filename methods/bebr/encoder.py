"""Linear recurrent binarization: one decoder, its grid, and coordinate descent on top."""

from __future__ import annotations

import numpy as np

from methods.bebr import descent

_BLOCK = 4096  # vectors at a time: their projections stay in the cache


class Encoder:
    """Turns unit vectors into odd levels for a decoder.

    With linear maps the recurrence of the paper (b = sign(W x), then r = sign(R (x - B b)) for each loop) cuts every
    projection at the thresholds of a uniform grid, so all loops are one rounding; what the dimensions have in common
    is then taken into account by coordinate descent (:mod:`methods.bebr.descent`).

    Parameters
    ----------
    decoder : (m, dim) float32
    lead : (m,) bool
        True at the first digit of a dimension.
    bits, sweeps : int
        Bits of a symbol; most passes of coordinate descent.
    """

    def __init__(self, decoder: np.ndarray, lead: np.ndarray, bits: int, sweeps: int) -> None:
        self.decoder, self.lead = decoder, lead
        self.top, self.sweeps = 2**bits - 1, sweeps
        self.gram = decoder @ decoder.T
        self.inverse = (1 / np.maximum(np.diag(self.gram), np.finfo(np.float32).tiny)).astype(np.float32)

    def encode(self, vectors: np.ndarray, levels: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Levels (n, m) float32 of ``vectors`` (n, dim), and the norm (n,) float32 of what they decode to.

        ``levels``, if given, are improved in place instead of starting from the grid.
        """
        started = levels is not None
        if levels is None:
            levels = np.empty((len(vectors), len(self.decoder)), np.float32)
        norms = np.empty(len(vectors), np.float32)
        for start in range(0, len(vectors), _BLOCK):
            rows = slice(start, start + _BLOCK)
            projections = vectors[rows] @ self.decoder.T
            if not started:
                descent.grid_levels(projections, self.inverse, self.lead, self.top, levels[rows])
            residuals = projections - levels[rows] @ self.gram
            if self.sweeps:
                descent.descend(levels[rows], residuals, self.gram, self.inverse, self.top, self.sweeps)
            decoded = np.einsum("nm,nm->n", levels[rows], projections - residuals)  # l' G l
            norms[rows] = np.sqrt(np.maximum(decoded, 0))
        return levels, norms


def alternate(encoder: Encoder, vectors: np.ndarray, bits: int, rounds: int) -> Encoder:
    """Fit the decoder to the codes and the codes to the decoder in turn, from ``encoder``'s start.

    The decoder's step is ridge regression towards the decoder before, so that few vectors cannot spoil the start.
    """
    levels: np.ndarray | None = None
    for _ in range(rounds):
        levels, _ = encoder.encode(vectors, levels)
        scatter = levels.T @ levels
        ridge = _RIDGE * len(vectors) + _RIDGE_ROWS
        scatter[np.diag_indices_from(scatter)] += ridge
        target = levels.T @ vectors + ridge * encoder.decoder
        decoder = np.linalg.solve(scatter, target).astype(np.float32)
        encoder = Encoder(np.ascontiguousarray(decoder), encoder.lead, bits, encoder.sweeps)
    return encoder


_RIDGE = 1e-3
_RIDGE_ROWS = 20.0
