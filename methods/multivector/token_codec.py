"""Every vector of a document in the code of a dense method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from methods import registry
from methods.errors import BudgetError, MethodError
from methods.multivector.base import Codes, SetSearcher
from methods.multivector.candidate_stage import (
    NUMBER_BYTES,
    CandidateSetSearcher,
    behind_numbers,
    centroid_count,
    joined,
    numbers_of,
)
from methods.multivector.centroid_tree import CentroidTree
from methods.multivector.common_length import CommonLength
from methods.multivector.product_rows import ProductSetSearcher
from methods.multivector.ragged import Ragged
from methods.multivector.stretch import sample_of
from methods.multivector.token_store import DecodingSetSearcher, TokenStoreCodec
from methods.multivector.zero_vectors import ZeroCode
from methods.part_names import behind, under
from methods.registry import register
from methods.search.products import HasRowCodebooks


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
        Documents that are scored by their codes for each requested one; 0 scores all. They are those of the best
        scores by centroids alone, as PLAID's (Santhanam et al., CIKM 2022), of which each vector's code names one in
        two bytes. Codes that decode are then of what a vector has beyond its centroid.

    Attributes
    ----------
    tree_ : CentroidTree
        ColBERTv2's number of centroids, where there are candidates.
    whole_ : CommonLength
        That decoded vectors are given once their centroids are added.
    """

    family = "token codes"
    _scans_binary = True
    summary = "every vector in any dense method's code, scored by MaxSim on what the codes stand for"
    source = "late interaction: Khattab & Zaharia, ColBERT, SIGIR 2020; the codec's own source"
    tree_: CentroidTree
    whole_: CommonLength

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
        own = super().parts()
        return own | self.tree_.parts() | behind("whole.", self.whole_.parts()) if self.candidates else own

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        super()._load_parts(parts)
        if self.candidates:
            self.tree_, self.whole_ = CentroidTree.from_parts(parts), CommonLength.from_parts(under("whole.", parts))

    @property
    def _number_bytes(self) -> int:
        return NUMBER_BYTES if self.candidates else 0

    @property
    def _codes_residuals(self) -> bool:
        return bool(self.candidates) and registry.get(self.codec).decodable

    def _fit_reduction(self, documents: Ragged, seed: int) -> None:
        if self.candidates:
            self.tree_ = CentroidTree.fit(sample_of(documents, seed), centroid_count(documents.total), seed)

    def _reduce(self, documents: Ragged) -> Ragged:
        """The residuals, where these are coded."""
        if not self._codes_residuals:
            return documents
        return Ragged(documents.vectors - self.tree_.named(numbers_of(documents, self.tree_)), documents.offsets)

    def _fit(self, documents: Ragged, seed: int) -> None:
        super()._fit(documents, seed)
        self.whole_ = CommonLength()
        if self._codes_residuals:
            # A vector of zeros has a number of its own, and residuals of no length.
            self.zero_, self.length_ = ZeroCode.own(self.codec_), CommonLength()
            self.whole_ = CommonLength.fit(sample_of(documents, seed), self._approximated, seed, self.codec_.estimator)

    def _approximated(self, vectors: np.ndarray) -> np.ndarray:
        """What the residuals' codes and the centroids of (n, dim) float32 vectors add up to."""
        near = self.tree_.named(self.tree_.assign(vectors))
        return near + self._vectors_of(self._codes_of(vectors - near))

    def _encode(self, documents: Ragged) -> np.ndarray:
        if not self.candidates:
            return super()._encode(documents)
        numbers = numbers_of(documents, self.tree_)
        if self._codes_residuals:
            codes = self._codes_of(documents.vectors - self.tree_.named(numbers))
        else:
            codes = self.zero_.encode(self._codes_of, documents.vectors)
        return behind_numbers(numbers, codes)

    def _decode(self, codes: Codes) -> Ragged:
        if not self.candidates:
            return super()._decode(codes)
        numbers, rest = self._split(codes)
        vectors = self._vectors_of(rest.rows(self.codec_.code_size)) + self.tree_.named(numbers)
        vectors = self.whole_.apply(vectors)
        vectors[numbers == len(self.tree_)] = 0
        return Ragged(vectors, rest.offsets // self.codec_.code_size)

    def _split(self, codes: Codes) -> tuple[np.ndarray, Codes]:
        """The numbers (total,) uint16, and the codes of the dense method alone."""
        size = self.codec_.code_size
        rows = codes.rows(NUMBER_BYTES + size)
        numbers = np.ascontiguousarray(rows[:, :NUMBER_BYTES]).view("<u2")[:, 0]
        if numbers.max(initial=0) > len(self.tree_):
            raise MethodError("a code names a centroid that is none of these: it is another codec's")
        return numbers, Codes(rows[:, NUMBER_BYTES:].ravel(), codes.offsets // rows.shape[1] * size, codes.fixed)

    def _searcher(self, codes: Codes) -> SetSearcher:
        if not self.candidates:
            return super()._searcher(codes)
        size, parts = self.codec_.code_size, self._split(codes)
        return CandidateSetSearcher(self.tree_, *parts, size, self._search_of_all(), self.candidates)

    def _search_of_all(self) -> Callable[[np.ndarray, Codes], SetSearcher]:
        """Makes a searcher over numbers and codes that scores all of their documents."""
        if not self._codes_residuals:
            return lambda numbers, codes: TokenStoreCodec._searcher(self, codes)
        codec, leaves = self.codec_, self.tree_.leaves
        codebooks = codec.row_codebooks() if isinstance(codec, HasRowCodebooks) else None
        if codebooks is not None and isinstance(codec, HasRowCodebooks) and self.stretch_.is_identity:
            length, own, mapped = self.whole_, codec, codec.row_queries(leaves)
            return lambda numbers, codes: ProductSetSearcher(own, codebooks, codes, length, numbers, mapped)
        return lambda numbers, codes: DecodingSetSearcher(
            self, joined(numbers, codes, codec.code_size), NUMBER_BYTES + codec.code_size
        )
