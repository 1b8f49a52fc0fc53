"""Float32: the vectors as they are, the uncompressed baseline."""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np

from methods.base import Codec, Searcher
from methods.faiss_tools import faiss_metric, taking_queries, with_codes
from methods.registry import register
from methods.search.flat_codes import FlatCodesSearcher


@register("float32")
class Float32(Codec):
    """The uncompressed vectors, 4 bytes a dimension; searched exactly by ``faiss.IndexFlat``."""

    family = "identity"
    summary = "uncompressed vectors, exact search"
    source = "faiss IndexFlat"
    trains = False

    @property
    def code_size(self) -> int:
        return 4 * self.dim

    def parts(self) -> dict[str, np.ndarray]:
        return {}

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        pass

    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        return vectors.view(np.uint8)

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        return codes.view(np.float32)

    def _searcher(self, codes: np.ndarray) -> Searcher:
        return FlatCodesSearcher(self, faiss.IndexFlat(self.dim, faiss_metric(self.metric)), codes)

    def _to_faiss(self, codes: np.ndarray) -> Any:
        index = faiss.IndexFlat(self.dim, faiss_metric(self.metric))
        return taking_queries(self, with_codes(index, codes))
