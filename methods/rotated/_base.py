"""What the randomized quantizers share: a random rotation in front of a faiss index whose quantizer is fixed.

A rotation spreads a vector evenly over the coordinates, which then look Gaussian whatever the data: that is what a
quantizer with fixed levels is made for. It changes neither inner products nor distances. What faiss does next has
absolute constants (a vector that is 3e-4 long has no direction), so that short vectors are scaled by a power of two.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from methods.base import Codec, Metric, Searcher
from methods.encoding.units import RescaledSearcher, unit_of
from methods.errors import MethodError
from methods.faiss_tools import linear_transform, set_vector, taking_queries, with_codes
from methods.fitting.outliers import Spread
from methods.vectors import random_rotation

ROTATIONS = ("random", "none")


class RotatedCodec(Codec):
    """Codes of rotated vectors, made by a faiss index that learns at most their mean.

    Parameters
    ----------
    dim, metric
        As for every codec.
    rotation : {"random", "none"}
        Drawn under the seed of the fit, or left out: for data whose coordinates have equal distributions already.

    Attributes
    ----------
    center_ : (dim,) float32 or None
        Mean of the rotated vectors over the unit; outliers count as vectors of typical distance.
    rotation_ : (dim, dim) float32 or None
    unit_ : float
        A power of two that vectors are divided by: 1, unless they, or what is quantized of them, are
        extremely short or long.
    """

    family = "rotated"
    offers_center = True
    renamed_parts: ClassVar[dict[str, str]] = {"center": "mean"}
    index_: Any  # a faiss index: the stubs do not know its fields
    rotation_: np.ndarray | None
    center_: np.ndarray | None
    unit_: float

    def __init__(self, dim: int, metric: Metric = Metric.IP, *, rotation: str = "random") -> None:
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

    def _restored(self, rotated: np.ndarray) -> np.ndarray:
        """Vectors (n, dim) of rotated ones over the unit."""
        vectors = rotated if self.rotation_ is None else rotated @ self.rotation_.T
        return vectors * np.float32(self.unit_)

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        self.rotation_ = random_rotation(self.dim, seed) if self.rotation == "random" else None
        spread = Spread.of(vectors)
        unit = unit_of(self._size(vectors, spread))
        mean = spread.pulled(vectors).mean(axis=0, dtype=np.float64).astype(np.float32)
        self._load(self.rotation_, self._rotate(mean[None] / np.float32(unit))[0], unit)

    def _size(self, vectors: np.ndarray, spread: Spread) -> float:
        """What should be of ordinary size for the quantizer: the centered vectors."""
        return spread.typical

    def _load(self, rotation: np.ndarray | None, center: np.ndarray | None, unit: float) -> None:
        self.rotation_, self.center_, self.unit_ = rotation, center, unit
        self.index_ = self._index_at(center)

    def _codebooks(self, bits: int) -> np.ndarray:
        """Levels (dim, 2^bits, 1) float32 of each rotated dimension: the same for all."""
        return np.tile(self._one_of_each(bits)[None, :, None], (self.dim, 1, 1))

    def _one_of_each(self, bits: int) -> np.ndarray:
        """Every level (2^bits,) float32, in the order of the indices that stand for them."""
        codes = np.zeros((1 << bits, self.index_.sa_code_size()), np.uint8)
        codes[:, 0] = np.arange(1 << bits)
        return self.index_.sa_decode(codes)[:, 0]

    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        return self._quantized(vectors / np.float32(self.unit_))

    def _quantized(self, vectors: np.ndarray) -> np.ndarray:
        """faiss's codes of vectors (n, dim) over the unit."""
        return self.index_.sa_encode(np.ascontiguousarray(self._rotate(vectors)))

    def _faiss_index(self, codes: np.ndarray) -> Any:
        """The index with ``codes``, that rotates queries; under l2 its scores are over the square of the unit."""
        rotation = np.eye(self.dim, dtype=np.float32) if self.rotation_ is None else self.rotation_
        before = linear_transform(rotation / np.float32(self.unit_))
        return taking_queries(self, with_codes(self._index_at(self.center_), codes), before)

    def _rescaled(self, searcher: Searcher) -> Searcher:
        """``searcher`` of vectors over the unit, for queries of any size."""
        return RescaledSearcher(searcher, self.unit_)

    def parts(self) -> dict[str, np.ndarray]:
        """``mean`` (dim,), rotated, subtracted after the rotation; ``rotation`` (dim, dim), applied as x @ R; ``unit``
        (1,), by which vectors are divided before, where it is not 1; float32."""
        self._check_fitted()
        unit = None if self.unit_ == 1 else np.array([self.unit_], np.float32)
        named = {"mean": self.center_, "rotation": self.rotation_, "unit": unit}
        return {name: part for name, part in named.items() if part is not None}

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        unit = float(parts["unit"][0]) if "unit" in parts else 1.0
        self._load(parts.get("rotation"), parts.get("mean"), unit)
