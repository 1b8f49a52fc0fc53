"""A small residual network on frozen vectors, in NumPy: ``x -> |x| normalize(u + W2 gelu(W1 u + b1) + b2)``, u = x/|x|.

Without an inner layer it is linear: ``u + W2 u + b2``. It starts as the identity (``W2`` and ``b2`` are zero) and is
trained with :mod:`methods.fitting.query_training`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from methods.encoding.units import lengths_of
from methods.vectors import normalized

__all__ = ["ResidualMap"]

_BLOCK = 8_192  # vectors mapped at a time


@dataclass(frozen=True)
class ResidualMap:
    """Weights of one map; a map without weights is the identity.

    Attributes
    ----------
    weights : dict
        ``inner`` (dim, hidden), ``inner_bias`` (hidden,), ``outer`` (hidden, dim), ``outer_bias`` (dim,); float32. Of a
        linear map ``outer`` (dim, dim) and ``outer_bias``.
    """

    weights: Mapping[str, np.ndarray]

    @classmethod
    def start(cls, dim: int, hidden: int, seed: int) -> ResidualMap:
        """The identity, ready to be trained: inner weights as He et al. 2015 draw them."""
        inner = np.random.default_rng(seed).standard_normal((dim, hidden)) * np.sqrt(2 / dim)
        weights = {
            "inner": inner.astype(np.float32),
            "inner_bias": np.zeros(hidden, np.float32),
            "outer": np.zeros((hidden, dim), np.float32),
            "outer_bias": np.zeros(dim, np.float32),
        }
        return cls(weights)

    @classmethod
    def linear(cls, dim: int) -> ResidualMap:
        """The identity without an inner layer, ready to be trained."""
        return cls({"outer": np.zeros((dim, dim), np.float32), "outer_bias": np.zeros(dim, np.float32)})

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """(n, dim) -> (n, dim) float32; lengths stay as they are."""
        if not self.weights:
            return vectors
        mapped = np.empty(vectors.shape, np.float32)
        for start in range(0, len(vectors), _BLOCK):
            block = vectors[start : start + _BLOCK]
            unit = normalized(block)
            inner = unit
            if "inner" in self.weights:
                inner = gelu(unit @ self.weights["inner"] + self.weights["inner_bias"])
            outer = unit + inner @ self.weights["outer"] + self.weights["outer_bias"]
            mapped[start : start + _BLOCK] = normalized(outer) * lengths_of(block)
        return mapped


def gelu(values: np.ndarray) -> np.ndarray:
    """The Gaussian error linear unit in its approximation by tanh, as ``torch.nn.functional.gelu`` has it."""
    return values * 0.5 * (1 + np.tanh(np.float32(np.sqrt(2 / np.pi)) * (values + np.float32(0.044715) * values**3)))
