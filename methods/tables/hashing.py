"""Universal hashing of row numbers, the same in NumPy and in torch.

A row number is below 2^31 and so are the factors: a product fits 64 bits. (A known implementation multiplies 32-bit
integers, whose products overflow.)
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np

PRIME = 2**31 - 1
Integers = TypeVar("Integers")  # an int64 array or tensor


def draw(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """(2, *shape) int64: factors and shifts of independent hash functions."""
    return np.stack([rng.integers(1, PRIME, shape), rng.integers(0, PRIME, shape)]).astype(np.int64)


def buckets(functions: Integers, numbers: Integers, size: int) -> Integers:
    """``((a x + b) mod p) mod size`` (Carter and Wegman 1979), broadcast over ``functions[0]`` and ``functions[1]``."""
    return (functions[0] * numbers + functions[1]) % PRIME % size  # type: ignore[index]
