"""The first k vectors of a document: truncation, the honest simple rival."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from methods import registry
from methods.base import Metric
from methods.errors import MethodError
from methods.kind_losses import PRUNED
from methods.multivector.base import OFFSET_BYTES
from methods.multivector.ragged import Ragged
from methods.multivector.token_store import TokenStoreCodec, largest_kept
from methods.registry import register


@register("first_k_tokens")
class FirstKTokens(TokenStoreCodec):
    """The first ``kept`` vectors of a document, each in the code of a dense method; as many as the budget holds.

    Vectors of zeros come after all others, so that a document padded at its beginning keeps its first vectors too.

    Parameters
    ----------
    dim : int
    kept : int
        Vectors kept of a document that has as many.
    codec, codec_params
        The dense method.
    """

    family = "token pruning"
    summary = "the first vectors of a document, as many as fit, each in a dense method's code"
    source = "truncation, the usual limit of an encoder's input"
    trains = False
    kind_exceptions: ClassVar[dict[str, str]] = {
        "rogue dimensions": PRUNED,
        "one vector x 100": "int8 has ranges for the others, and what is far beyond them is cut off",
    }

    def __init__(
        self, dim: int, kept: int = 1, codec: str = "int8", codec_params: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(dim, codec, codec_params)
        if isinstance(kept, bool) or int(kept) != kept or kept < 1:
            raise MethodError(f"kept={kept} is not a number of vectors; use an integer of at least 1")
        self.kept = kept

    @classmethod
    def for_budget(
        cls,
        dim: int,
        code_bytes: int,
        lengths: np.ndarray,
        *,
        codec: str = "int8",
        codec_params: Mapping[str, Any] | None = None,
    ) -> FirstKTokens:
        """``codec_params`` are keywords of the codec's ``for_budget``; a vector may take what a float32 one does."""
        found = registry.for_budget(codec, dim, 4 * dim, Metric.IP, **(codec_params or {}))
        kept = largest_kept(
            f"first_k_tokens with {codec}",
            code_bytes,
            int(np.max(lengths)),
            lambda m: float(np.minimum(lengths, m).mean()) * found.code_size + OFFSET_BYTES,
        )
        return cls(dim, kept, codec, found.params())

    def _kept(self, lengths: np.ndarray) -> np.ndarray:
        return np.minimum(lengths, self.kept).astype(np.int64)

    def _reduce(self, documents: Ragged) -> Ragged:
        return documents.first(documents.zeros(), self._kept(documents.lengths))
