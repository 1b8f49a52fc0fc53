"""Every vector of a document in the code of a dense method."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from methods.errors import BudgetError, MethodError
from methods.multivector.base import Codes, SetSearcher
from methods.multivector.candidate_stage import NUMBER_BYTES, CandidateSetSearcher, centroid_count, numbers_of
from methods.multivector.centroid_tree import CentroidTree
from methods.multivector.ragged import Ragged
from methods.multivector.stretch import sample_of
from methods.multivector.token_store import TokenStoreCodec
from methods.registry import register


@register("token_codec")
class TokenCodec(TokenStoreCodec):
    """Late interaction on compressed vectors: all of them are kept, each in as many bytes as the budget leaves it.

    Codes that decode are scored as what they decode to, against float queries; codes of levels (``trellis``,
    ``rq_trellis``, ``transform_coding``) and on grids (``saq``, ``mrq``, ``ash``) after a scan of them all that finds
    which to decode. Binary codes (``sign``, ``simhash``, ``itq``) are compared with the query's by our Hamming kernel:
    the least distance for the largest product. Recurrent binary codes (``bebr``) and signs scored asymmetrically are
    scanned by our SDC and ADC kernels.

    Parameters
    ----------
    dim : int
    codec, codec_params
        The dense method.
    candidates : int
        Documents whose codes are searched for each requested one; 0 searches all. They are those of the best scores by
        centroids alone, as PLAID's (Santhanam et al., CIKM 2022), of which each vector's code names one in two bytes.

    Attributes
    ----------
    tree_ : CentroidTree
        ColBERTv2's number of centroids, where there are candidates.
    """

    family = "token codes"
    _scans_binary = True
    summary = "every vector in any dense method's code, scored by MaxSim on what the codes stand for"
    source = "late interaction: Khattab & Zaharia, ColBERT, SIGIR 2020; the codec's own source"
    tree_: CentroidTree

    def __init__(
        self,
        dim: int,
        codec: str = "int8",
        codec_params: Mapping[str, Any] | None = None,
        *,
        candidates: int = 0,
    ) -> None:
        super().__init__(dim, codec, codec_params)
        if isinstance(candidates, bool) or int(candidates) != candidates or candidates < 0:
            raise MethodError(f"candidates={candidates} is out of range; use an integer of at least 0")
        self.candidates = int(candidates)

    @classmethod
    def _sized(  # type: ignore[override]
        cls,
        dim: int,
        code_bytes: int,
        lengths: np.ndarray,
        *,
        codec: str = "pq",
        codec_params: Mapping[str, Any] | None = None,
        candidates: int,
    ) -> dict[str, Any]:
        """Every vector in as many bytes as the budget, and a centroid's number, leave it."""
        taken = int(np.ceil(NUMBER_BYTES * float(np.mean(lengths)))) if candidates else 0
        try:
            return super()._sized(dim, max(0, code_bytes - taken), lengths, codec=codec, codec_params=codec_params)
        except BudgetError as error:
            raise BudgetError(f"{cls.name} with {codec}", code_bytes, error.smallest + taken) from None

    def code_sizes(self, lengths: np.ndarray) -> np.ndarray:
        return super().code_sizes(lengths) + self._number_bytes * np.asarray(lengths, np.int64)

    def parts(self) -> dict[str, np.ndarray]:
        return super().parts() | (self.tree_.parts() if self.candidates else {})

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        super()._load_parts(parts)
        if self.candidates:
            self.tree_ = CentroidTree.from_parts(parts)

    @property
    def _number_bytes(self) -> int:
        return NUMBER_BYTES if self.candidates else 0

    def _fit(self, documents: Ragged, seed: int) -> None:
        super()._fit(documents, seed)
        if self.candidates:
            self.tree_ = CentroidTree.fit(sample_of(documents, seed), centroid_count(documents.total), seed)

    def _encode(self, documents: Ragged) -> np.ndarray:
        codes = super()._encode(documents)
        if not self.candidates:
            return codes
        return np.hstack([numbers_of(documents, self.tree_).astype("<u2")[:, None].view(np.uint8), codes])

    def _decode(self, codes: Codes) -> Ragged:
        return super()._decode(self._split(codes)[1] if self.candidates else codes)

    def _split(self, codes: Codes) -> tuple[np.ndarray, Codes]:
        """The numbers (total,) uint16, and the codes of the dense method alone."""
        size = self.codec_.code_size
        rows = codes.rows(NUMBER_BYTES + size)
        numbers = np.ascontiguousarray(rows[:, :NUMBER_BYTES]).view("<u2")[:, 0]
        return numbers, Codes(rows[:, NUMBER_BYTES:].ravel(), codes.offsets // rows.shape[1] * size, codes.fixed)

    def _searcher(self, codes: Codes) -> SetSearcher:
        if not self.candidates:
            return super()._searcher(codes)
        numbers, others = self._split(codes)
        if numbers.max(initial=0) > len(self.tree_):
            raise MethodError("a code names a centroid that is none of these: it is another codec's")
        alone = copy.copy(self)
        alone.candidates = 0
        size = self.codec_.code_size
        return CandidateSetSearcher(self.tree_, numbers, others, size, alone._searcher, self.candidates)
