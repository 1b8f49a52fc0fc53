"""Features of single vectors, a hidden layer as LEMUR has it, in NumPy: what a query needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from methods.multivector.stretch import Stretch
from methods.part_names import behind, under

__all__ = ["EPSILON", "LAYER", "TokenFeatures", "unit_tokens"]

EPSILON = 1e-5  # added to the variance of a layer's values, as torch does
LAYER = ("weights", "bias", "gain", "shift")
_ROOT = 0.7978845608028654  # sqrt(2 / pi), of the approximate GELU
_PARTIAL = 0.7  # of the tokens lose a random share of a common direction


@dataclass(frozen=True)
class TokenFeatures:
    """``|x| gelu(gain * norm(W x / |x| + bias) + shift)`` and ``|x|`` itself: width + 1 features of a vector x.

    A term of Chamfer grows with a vector as these do, so that their linear functions are right at any length once they
    are at one. ``norm`` is that of a layer: mean 0 and variance 1 over the features. What vectors have along a
    direction that documents share is shrunk first, as :class:`~methods.multivector.stretch.Stretch` does for queries.

    Attributes
    ----------
    weights : (dim, width) float32
    bias, gain, shift : (width,) float32
    stretch : Stretch
    """

    weights: np.ndarray
    bias: np.ndarray
    gain: np.ndarray
    shift: np.ndarray
    stretch: Stretch

    @classmethod
    def random(cls, dim: int, width: int, stretch: Stretch, rng: np.random.Generator) -> Self:
        """Gaussian weights, no bias, and a norm without gain or shift."""
        ones, zeros = np.ones(width, np.float32), np.zeros(width, np.float32)
        return cls(rng.standard_normal((dim, width), np.float32), zeros, ones, zeros, stretch)

    def directions(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the layer takes of vectors (n, dim) float32, of unit length, and their lengths (n, 1) float32."""
        shrunk = self.stretch.queries(vectors)
        lengths = np.linalg.norm(shrunk.astype(np.float64), axis=1, keepdims=True)
        return (shrunk / np.where(lengths > 0, lengths, 1)).astype(np.float32), lengths.astype(np.float32)

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """(n, dim) float32 -> (n, width + 1) float32; vectors of zeros have features of zeros."""
        directions, lengths = self.directions(vectors)
        values = directions @ self.weights
        values += self.bias
        values -= values.mean(axis=1, keepdims=True)
        values /= np.sqrt(np.square(values).mean(axis=1, keepdims=True) + np.float32(EPSILON))
        values *= self.gain
        values += self.shift
        bent = np.tanh(_ROOT * (values + 0.044715 * values * values * values))
        return np.hstack([lengths * (0.5 * values * (1 + bent)), lengths])

    def parts(self) -> dict[str, np.ndarray]:
        """What must be stored, by name."""
        return behind("features.", {name: getattr(self, name) for name in LAYER} | self.stretch.parts())

    @classmethod
    def from_parts(cls, parts: Mapping[str, np.ndarray]) -> Self:
        """The features again, from :meth:`parts` among others."""
        own = under("features.", dict(parts))
        stretch = Stretch.from_parts(len(own["weights"]), own)
        return cls(own["weights"], own["bias"], own["gain"], own["shift"], stretch)


def unit_tokens(vectors: np.ndarray, stretch: Stretch, rng: np.random.Generator) -> np.ndarray:
    """Vectors (n, dim) float32 made like those of queries: float16 of unit length.

    Queries may lack a direction that all vectors share: some vectors keep only a part of it.
    """
    if not stretch.is_identity:
        share = np.where(rng.random(len(vectors)) < _PARTIAL, rng.random(len(vectors)), 1)[:, None]
        apart = stretch.project(vectors)
        vectors = apart + share * (vectors - apart)
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float16)
