"""The first k vectors of a document: truncation, the simplest way to keep fewer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from methods.kind_losses import PRUNED
from methods.multivector._fixed_count import FixedCount
from methods.multivector.ragged import Ragged
from methods.registry import register


@register("first_k_tokens")
class FirstKTokens(FixedCount):
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
        super().__init__(dim, kept, codec, codec_params)

    def _reduce(self, documents: Ragged) -> Ragged:
        return documents.first(documents.zeros(), self._kept(documents.lengths))
