"""What methods share that keep the same number of vectors of every document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from methods.errors import MethodError
from methods.multivector.token_store import PrunedStoreCodec

__all__ = ["FixedCount"]


class FixedCount(PrunedStoreCodec):
    """Keeps ``kept`` vectors of a document that has as many, and all of one that has fewer."""

    def __init__(self, dim: int, kept: int, codec: str, codec_params: Mapping[str, Any] | None) -> None:
        super().__init__(dim, codec, codec_params)
        if isinstance(kept, bool) or int(kept) != kept or kept < 1:
            raise MethodError(f"kept={kept} is not a number of vectors; use an integer of at least 1")
        self.kept = int(kept)

    @classmethod
    def _parts_of(cls, lengths: np.ndarray) -> tuple[str, Sequence[float]]:
        return "kept", range(1, int(np.max(lengths)) + 1)

    @staticmethod
    def _kept_at(lengths: np.ndarray, value: float) -> np.ndarray:
        return np.minimum(lengths, value).astype(np.int64)

    def _kept(self, lengths: np.ndarray) -> np.ndarray:
        return self._kept_at(lengths, self.kept)
