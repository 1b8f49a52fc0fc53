"""What the randomized quantizers share: a random rotation in front of a faiss index whose quantizer is fixed.

A rotation spreads a vector evenly over the coordinates, which then look Gaussian whatever the data: that is what a
quantizer with fixed levels is made for. It changes neither inner products nor distances.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from methods.base import Codec, Metric
from methods.errors import MethodError
from methods.faiss_index import set_vector
from methods.vectors import random_rotation

ROTATIONS = ("random", "none")


class RotatedCodec(Codec):
    """Codes of rotated vectors, made by a faiss index that learns their mean at most.

    Parameters
    ----------
    dim, metric
        As for every codec.
    rotation : {"random", "none"}
        Drawn under the seed of the fit, or left out: for data whose coordinates are alike already.
    """

    family = "rotated"
    index_: Any  # a faiss index: the stubs do not know its fields
    rotation_: np.ndarray | None
    center_: np.ndarray | None

    def __init__(self, dim: int, metric: Metric = Metric.IP, rotation: str = "random") -> None:
        self.rotation = rotation
        if rotation not in ROTATIONS:
            raise MethodError(f"rotation={rotation!r} is unknown; use one of {', '.join(ROTATIONS)}")
        super().__init__(dim, metric)

    @abstractmethod
    def _empty_index(self) -> Any:
        """A new index for rotated vectors."""

    def _index_at(self, center: np.ndarray | None) -> Any:
        """A trained and empty index that subtracts ``center`` (dim,) from rotated vectors."""
        index = self._empty_index()
        if center is not None:
            set_vector(index.center, center)
        index.is_trained = True
        return index

    def _rotate(self, vectors: np.ndarray) -> np.ndarray:
        return vectors if self.rotation_ is None else vectors @ self.rotation_

    def _rotate_back(self, vectors: np.ndarray) -> np.ndarray:
        return vectors if self.rotation_ is None else vectors @ self.rotation_.T

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        self.rotation_ = random_rotation(self.dim, seed) if self.rotation == "random" else None
        center = self._rotate(vectors.mean(axis=0, dtype=np.float64).astype(np.float32)[None])[0]
        self._load(self.rotation_, center)

    def _load(self, rotation: np.ndarray | None, center: np.ndarray | None) -> None:
        self.rotation_, self.center_ = rotation, center
        self.index_ = self._index_at(center)

    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        return self.index_.sa_encode(np.ascontiguousarray(self._rotate(vectors)))

    def parts(self) -> dict[str, np.ndarray]:
        """``center`` (dim,), subtracted after the rotation; ``rotation`` (dim, dim), applied as x @ R; float32."""
        self._check_fitted()
        named = {"center": self.center_, "rotation": self.rotation_}
        return {name: part for name, part in named.items() if part is not None}

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        self._load(parts.get("rotation"), parts.get("center"))
