"""Many hashes of a number at once: the features of deep hash embeddings."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["hashed_features"]

_BITS = 31
_PRIME = (1 << _BITS) - 1  # a Mersenne prime: the remainder is a sum of digits, no 64-bit division


@njit(cache=True, nogil=True, error_model="numpy")
def hashed_features(functions: np.ndarray, numbers: np.ndarray, size: int, features: np.ndarray) -> None:
    """``((a x + b) mod (2^31 - 1)) mod size`` of each function and number, scaled from 0 .. size - 1 to [-1, 1].

    Parameters
    ----------
    functions : (2, hashes) int64
        Factors and shifts, below 2^31 - 1.
    numbers : (n,) int64
        Below 2^31.
    size : int
        2 to 2^31 - 1.
    features : (n, hashes) float32
        Filled.
    """
    prime, scale = np.int64(_PRIME), np.float32(2 / (size - 1))
    divisor = np.float64(size)
    for i in range(len(numbers)):
        number, row = numbers[i], features[i]
        for j in range(functions.shape[1]):
            value = functions[0, j] * number + functions[1, j]
            value = (value & prime) + (value >> _BITS)
            value = (value & prime) + (value >> _BITS)
            if value >= prime:
                value -= prime
            exact = np.float64(value)  # below 2^31, so that the quotient rounds down to the right integer
            row[j] = np.float32(exact - np.floor(exact / divisor) * divisor) * scale - np.float32(1)
