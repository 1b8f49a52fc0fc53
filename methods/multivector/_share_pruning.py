"""What methods share that keep the same part of every document's vectors, those of least cost."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from methods.errors import MethodError
from methods.multivector.ragged import Ragged
from methods.multivector.token_store import PrunedStoreCodec

__all__ = ["SharePruning"]

_STEPS = 1024  # shares are multiples of 1 / 1024


class SharePruning(PrunedStoreCodec):
    """Keeps the vectors of a document that cost least, in their order; vectors of zeros after all others.

    Parameters
    ----------
    dim : int
    share : float
        Part of a document's vectors that is kept, rounded, at least one.
    codec, codec_params
        The dense method for what is kept.
    """

    def __init__(
        self, dim: int, share: float = 0.5, codec: str = "int8", codec_params: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(dim, codec, codec_params)
        if not 0 < share <= 1:
            raise MethodError(f"share={share} is out of range; use a number above 0 and at most 1")
        self.share = float(share)

    @classmethod
    def _parts_of(cls, lengths: np.ndarray) -> tuple[str, Sequence[float]]:
        return "share", [step / _STEPS for step in range(1, _STEPS + 1)]

    @staticmethod
    def _kept_at(lengths: np.ndarray, value: float) -> np.ndarray:
        return np.maximum(1, np.floor(np.asarray(lengths) * value + 0.5)).astype(np.int64)

    def _kept(self, lengths: np.ndarray) -> np.ndarray:
        return self._kept_at(lengths, self.share)

    @abstractmethod
    def _costs(self, documents: Ragged) -> np.ndarray:
        """(total,) floats of the vectors of float32 ``documents``; those of zeros may have any."""

    def _reduce(self, documents: Ragged) -> Ragged:
        costs = np.where(documents.zeros(), np.inf, self._costs(documents))
        return documents.first(costs, self._kept(documents.lengths))
