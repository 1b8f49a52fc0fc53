"""Local search for the codes of an additive quantizer: iterated conditional modes, restarted from perturbed codes.

Martinez, Clement, Hoos, Little 2016, *Revisiting additive quantization*, ECCV, section 3.2. The squared error of a
code is, up to ||x||^2, a sum of a unary term for each index and a binary term for each pair of indices.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["local_search", "objective_reference"]


def objective_reference(codes: np.ndarray, unary: np.ndarray, binary: np.ndarray) -> np.ndarray:
    """Squared error less ||x||^2 (n,) of codes (n, M), as :func:`local_search` minimizes it."""
    n, m = codes.shape
    total = np.zeros(n)
    for i in range(n):
        for a in range(m):
            total[i] += unary[i, a, codes[i, a]]
            for b in range(a):
                total[i] += binary[b, a, codes[i, b], codes[i, a]]
    return total


@njit(cache=True, nogil=True)
def local_search(
    codes: np.ndarray, unary: np.ndarray, binary: np.ndarray, places: np.ndarray, values: np.ndarray, sweeps: int
) -> None:
    """Lower the squared error of each code, in place; each row on its own.

    Parameters
    ----------
    codes : (n, M) uint8
        Where the search starts, and its best result.
    unary : (n, M, 256) float32
        ``||c||^2 - 2 <x, c>`` for the centroids c of each codebook.
    binary : (M, M, 256, 256) float32
        ``2 <c, c'>`` for centroids of two codebooks.
    places, values : (restarts, p) int64 and uint8
        At each restart, these indices are overwritten by these values, the same for every row.
    sweeps : int
        At most so many passes over the indices after each restart.
    """
    n, m = codes.shape
    scores = np.empty(256, np.float32)
    trial = np.empty(m, np.uint8)
    for i in range(n):
        best = codes[i]
        least = np.inf
        for restart in range(-1, len(places)):  # first from the given code as it is
            trial[:] = best
            if restart >= 0:
                for p in range(places.shape[1]):
                    trial[places[restart, p]] = values[restart, p]
            _descend(trial, unary[i], binary, sweeps, scores)
            objective = _objective(trial, unary[i], binary)
            if objective < least:
                least = objective
                best[:] = trial


@njit(cache=True, inline="always")
def _descend(code: np.ndarray, unary: np.ndarray, binary: np.ndarray, sweeps: int, scores: np.ndarray) -> None:
    """Set each index to the best one given the others, until none changes."""
    m = len(code)
    for _ in range(sweeps):
        changed = False
        for a in range(m):
            row = unary[a]
            for c in range(256):
                scores[c] = row[c]
            for b in range(m):
                if b != a:
                    pair = binary[b, a, code[b]]
                    for c in range(256):
                        scores[c] += pair[c]
            best, least = 0, scores[0]
            for c in range(1, 256):
                if scores[c] < least:
                    best, least = c, scores[c]
            if best != code[a]:
                code[a] = best
                changed = True
        if not changed:
            break


@njit(cache=True, inline="always")
def _objective(code: np.ndarray, unary: np.ndarray, binary: np.ndarray) -> float:
    total = 0.0
    for a in range(len(code)):
        total += unary[a, code[a]]
        for b in range(a):
            total += binary[b, a, code[b], code[a]]
    return total
