"""Linear recurrent binarization: a decoder, its grid, coordinate descent on top, and how both are fitted."""

from __future__ import annotations

import numpy as np

from methods.binary.bebr import descent

_BLOCK = 4096  # vectors at a time: their projections stay in the cache
_RIDGE, _RIDGE_ROWS = 1e-3, 20.0  # weight of the decoder before, relative to the training vectors and in vectors


class LinearEncoder:
    """Turns unit vectors into odd levels for a decoder.

    With linear maps the recurrence of the paper (b = sign(W x), then r = sign(R (x - B b)) in each loop) cuts every
    projection at the thresholds of a uniform grid, so all loops are one rounding. What a grid leaves out, that the
    rows of a learned decoder are not orthogonal, coordinate descent takes into account.

    Parameters
    ----------
    decoder : (m, dim) float32
        A unit vector is about the sum of its levels times these rows.
    lead : (m,) bool
        True at the first digit of a dimension (see :mod:`methods.binary.bebr.grid`).
    bits : int
        Bits of a symbol; levels are odd numbers up to 2^bits - 1.
    sweeps : int
        Most passes of coordinate descent.
    finer : int
        Additional bits of each level: a grid 2^finer times as fine, for queries.
    """

    def __init__(self, decoder: np.ndarray, lead: np.ndarray, bits: int, sweeps: int, finer: int = 0) -> None:
        self.decoder = decoder if not finer else decoder * np.float32(0.5**finer)
        self.lead, self.bits, self.sweeps = lead, bits, sweeps
        self.base, self.top = 2**bits, 2 ** (bits + finer) - 1
        self.gram = self.decoder @ self.decoder.T
        self.inverse = (1 / np.maximum(np.diag(self.gram), np.finfo(np.float32).tiny)).astype(np.float32)

    @property
    def orthogonal(self) -> bool:
        """Whether the rows are orthogonal and of one length: then codes compare as the vectors that they decode to."""
        length = float(self.gram[0, 0])
        return bool(np.abs(self.gram - length * np.eye(len(self.gram), dtype=np.float32)).max() <= 1e-4 * length)

    def encode(self, vectors: np.ndarray, levels: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Levels (n, m) float32 of ``vectors`` (n, dim), and the norm (n,) float32 of what they decode to.

        ``levels``, if given, are improved in place instead of starting from the grid.
        """
        given = levels is not None
        if levels is None:
            levels = np.empty((len(vectors), len(self.decoder)), np.float32)
        norms = np.empty(len(vectors), np.float32)
        for start in range(0, len(vectors), _BLOCK):
            rows = slice(start, start + _BLOCK)
            projections = vectors[rows] @ self.decoder.T
            if not given:
                descent.grid_levels(projections, self.inverse, self.lead, self.base, self.top, levels[rows])
            residuals = projections - levels[rows] @ self.gram
            if self.sweeps:
                descent.descend(levels[rows], residuals, self.gram, self.inverse, self.top, self.sweeps)
            squares = np.einsum("nm,nm->n", levels[rows], projections - residuals)  # l' G l
            norms[rows] = np.sqrt(np.maximum(squares, 0))
        return levels, norms


def alternate(encoder: LinearEncoder, vectors: np.ndarray, rounds: int) -> LinearEncoder:
    """The encoder after ``rounds`` of fitting codes to the decoder and the decoder to the codes, from its start.

    Both steps lower the squared error on the unit ``vectors`` (n, dim). The decoder's is ridge regression towards the
    decoder before, so that few vectors cannot ruin the start.
    """
    levels: np.ndarray | None = None
    for _ in range(rounds):
        levels, _ = encoder.encode(vectors, levels)
        scatter = levels.T @ levels
        ridge = np.float32(_RIDGE * len(vectors) + _RIDGE_ROWS)
        scatter[np.diag_indices_from(scatter)] += ridge
        target = levels.T @ vectors + ridge * encoder.decoder
        decoder = np.ascontiguousarray(np.linalg.solve(scatter, target), np.float32)
        encoder = LinearEncoder(decoder, encoder.lead, encoder.bits, encoder.sweeps)
    return encoder
