"""What the additive quantizers share: a vector is the sum of one centroid of each codebook.

The quantizers of faiss's ``AdditiveQuantizer`` family store no norm here: inner products need none, and under l2 the
norm of the decoded vector is recomputed by decoding, so that the whole budget goes into codebooks.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import faiss
import numpy as np

from methods.base import Codec, Metric, Searcher
from methods.encoding.subspaces import Subspaces
from methods.encoding.units import FOR_FOURTH_POWERS, over, typical_length, unit_of
from methods.errors import NotInFaiss
from methods.faiss_tools import linear_transform, taking_queries, with_codes
from methods.kernels.scanning.byte_tables import ByteTableScan
from methods.kind_losses import OFFSET_KEEPS_IT, along_mean
from methods.parameters import check_integer, check_renormalize
from methods.search.decoding import DecodingSearcher
from methods.search.lookup_tables import TableSearcher
from methods.search.table_ranges import TableRanges


class AdditiveCodec(Codec):
    """Sums of 8-bit centroids over the whole vector, or over each of ``splits`` subvectors.

    Parameters
    ----------
    dim, metric
        As for every codec.
    codebooks : int
        Codebooks of one subvector; a code takes ``splits * codebooks`` bytes.
    splits : int
        Subvectors, 1 to ``dim``; of almost equal length (see :class:`~methods.encoding.subspaces.Subspaces`).
    renormalize : bool
        Divide inner products by the norm of the decoded vector: for unit vectors under ip or cosine. Norms are not
        sums here, so that codes are always decoded.
    """

    family = "additive"
    offers_center = True
    kind_exceptions: ClassVar[dict[str, str]] = along_mean(OFFSET_KEEPS_IT)
    index_: faiss.IndexFlatCodes

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        codebooks: int = 1,
        splits: int = 1,
        *,
        renormalize: bool = False,
    ) -> None:
        super().__init__(dim, metric)
        self.codebooks = check_integer("codebooks", codebooks, 1, 1024)
        self.splits, self.renormalize = check_integer("splits", splits, 1, dim), bool(renormalize)
        check_renormalize(self.renormalize, self.metric)
        self._subspaces = Subspaces(dim, self.splits)

    @property
    def code_size(self) -> int:
        return self.splits * self.codebooks

    @abstractmethod
    def _learn(self, vectors: np.ndarray, seed: int) -> np.ndarray:
        """Codebooks (splits * codebooks, 256, width) float32 of padded vectors (n, splits * width)."""

    @abstractmethod
    def _index_of(self, codebooks: np.ndarray) -> faiss.IndexFlatCodes:
        """A faiss index of the padded dimension with these codebooks, trained and empty, for inner products."""

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        unit = unit_of(typical_length(vectors), FOR_FOURTH_POWERS)
        learned = self._learn(self._subspaces.spread(over(unit, vectors)), seed)
        self._take(learned if unit == 1 else learned * np.float32(unit))

    def _take(self, codebooks: np.ndarray) -> None:
        """What encodes is of centroids over a unit, for squares that float32 holds."""
        self.codebooks_ = codebooks
        longest = np.einsum("mcw,mcw->mc", codebooks, codebooks, dtype=np.float64).mean(axis=1).max()
        self.unit_ = unit_of(float(np.sqrt(longest)), FOR_FOURTH_POWERS)
        self.index_ = self._index_of(over(self.unit_, codebooks))

    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        return self.index_.sa_encode(self._subspaces.spread(over(self.unit_, vectors)))

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        decoded = self._subspaces.gather(self.index_.sa_decode(codes))
        return decoded if self.unit_ == 1 else decoded * np.float32(self.unit_)

    def _searcher(self, codes: np.ndarray) -> Searcher:
        if self.metric is Metric.L2:
            return DecodingSearcher(self, codes)
        index = self._index_of(self.codebooks_)
        spread, renormalize = self._subspaces.spread, self.renormalize
        return TableSearcher(self, index, codes, spread, renormalize, ranges=lambda: self._ranges(codes))

    def _ranges(self, codes: np.ndarray) -> TableRanges | None:
        """The search of some of the codes by inner products."""
        if self.renormalize:
            return None
        scan = ByteTableScan(codes, [(0, self.code_size)])
        return TableRanges(scan, self.codebooks_, self.metric, shared=self.codebooks)

    def _to_faiss(self, codes: np.ndarray) -> Any:
        if self.renormalize:
            raise NotInFaiss("faiss does not divide products by norms; use renormalize=false")
        index: Any = self._index_of(self.codebooks_)
        if self.metric is Metric.L2:  # codes hold no norms, which tables would need
            index.metric_type, index.aq.search_type = faiss.METRIC_L2, faiss.AdditiveQuantizer.ST_decompress
        before = [] if self._subspaces.padded_dim == self.dim else [linear_transform(self._subspaces.matrix())]
        return taking_queries(self, with_codes(index, codes), *before)

    def parts(self) -> dict[str, np.ndarray]:
        """``codebooks`` (splits * codebooks, 256, width) float32."""
        self._check_fitted()
        return {"codebooks": self.codebooks_}

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        self._take(np.asarray(parts["codebooks"], np.float32))
