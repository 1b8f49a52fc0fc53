"""What methods share that keep several vectors of a document, each in the code of a dense method."""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from methods import registry
from methods.base import Codec, Metric, Searcher
from methods.errors import BudgetError, MethodError
from methods.kernels.sets.chamfer import chamfer_search
from methods.kernels.sets.maxsim import largest_products, least_distances
from methods.multivector.base import OFFSET_BYTES, Codes, MultiVectorCodec, SetSearcher
from methods.multivector.common_length import CommonLength
from methods.multivector.product_rows import ProductSetSearcher
from methods.multivector.ragged import Ragged
from methods.multivector.scanned_levels import LevelSetSearcher
from methods.multivector.stretch import Stretch
from methods.multivector.zero_vectors import Places, ZeroCode, split_zeros
from methods.part_names import behind, under
from methods.search.products import HasRowCodebooks, ProductSearcher
from methods.search.scanners import HammingSearcher, SymbolSearcher

__all__ = ["DecodingSetSearcher", "PrunedStoreCodec", "TokenStoreCodec"]

_BLOCK_BYTES = 16 << 20  # decoded float32 vectors at a time: bounds the memory of a search
_FIT_VECTORS = 1 << 17  # that a dense codec is fitted on, before the reduction: bounds memory and time of a fit


class TokenStoreCodec(MultiVectorCodec):
    """Some vectors of a document (or vectors made of them), each coded by a dense method under the inner product.

    Vectors of zeros, which batches of documents are padded with, have a code kept for them, decode to zeros and take no
    part in training. A method that keeps only some vectors drops those of zeros first. Vectors that share a direction
    are stretched along it before they are coded (see :mod:`methods.multivector.stretch`), but for binary codes. Where
    all have one length, what codes decode to has it too, if that serves them (see
    :mod:`methods.multivector.common_length`).

    Parameters
    ----------
    dim : int
    codec : str
        Registered name of a dense method whose codes decode (or, for some, are binary).
    codec_params : dict, optional
        Keywords of its constructor; only dimension and metric if None.

    Attributes
    ----------
    codec_ : Codec
        Fitted on what is kept of the training documents, or of a sample of them.
    stretch_ : Stretch
        What vectors go through before they are coded, where they share a direction.
    length_ : CommonLength
        That decoded vectors are given.
    zero_ : ZeroCode
    """

    decodable = True
    # 1: vectors of zeros were trained on and coded as any other, and none were stretched;
    # 2: what decodes had whatever length it had
    version = "3"
    _scans_binary: ClassVar[bool] = False  # whether binary codes, which do not decode, are searched as they are
    codec_: Codec
    stretch_: Stretch
    length_: CommonLength
    zero_: ZeroCode

    def __init__(self, dim: int, codec: str = "int8", codec_params: Mapping[str, Any] | None = None) -> None:
        super().__init__(dim)
        self.codec = codec
        self.codec_params = dict(codec_params or {"dim": dim, "metric": str(Metric.IP)})
        if not registry.get(codec).decodable and not self._scans_binary:
            raise MethodError(f"{self._label()} needs codes that decode to vectors, and those of {codec} do not")

    @classmethod
    def _sized(
        cls,
        dim: int,
        code_bytes: int,
        lengths: np.ndarray,
        *,
        codec: str = "pq",
        codec_params: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Every vector in as many bytes as the budget leaves it; ``codec_params`` as a user of ``codec`` sets them."""
        mean = float(np.mean(lengths))
        per_vector = max(0, int((code_bytes - OFFSET_BYTES) / mean + 1e-9))
        try:
            inner = registry.for_budget(codec, dim, per_vector, Metric.IP, **(codec_params or {}))
        except BudgetError as error:
            smallest = int(np.ceil(error.smallest * mean + OFFSET_BYTES))
            raise BudgetError(f"{cls.name} with {codec}", code_bytes, smallest) from None
        return {"codec": codec, "codec_params": inner.params()}

    def _kept(self, lengths: np.ndarray) -> np.ndarray:
        """How many vectors are kept of documents with so many (n,) int64."""
        return np.asarray(lengths, np.int64)

    def _reduce(self, documents: Ragged) -> Ragged:
        """What is kept of float32 documents."""
        return documents

    def _fit_reduction(self, documents: Ragged, seed: int) -> None:
        """Learn what to keep, where there is something to learn."""

    def _new_codec(self) -> Codec:
        return registry.class_of(self.codec, self.codec_params)(**self.codec_params)

    def code_sizes(self, lengths: np.ndarray) -> np.ndarray:
        return self._kept(lengths) * self._new_codec().code_size + OFFSET_BYTES

    def parts(self) -> dict[str, np.ndarray]:
        own = {} if self.zero_.is_own else {"zero_code": np.stack([self.zero_.code, self.zero_.instead])}
        return own | self.stretch_.parts() | self.length_.parts() | behind("codec.", self.codec_.parts())

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        cls = registry.class_of(self.codec, self.codec_params)
        self.codec_ = cls.from_parts(self.codec_params, under("codec.", parts))
        self.stretch_, self.length_ = Stretch.from_parts(self.dim, parts), CommonLength.from_parts(parts)
        self.zero_ = ZeroCode(*parts["zero_code"]) if "zero_code" in parts else ZeroCode.own(self.codec_)

    def _fit(self, documents: Ragged, seed: int) -> None:
        self._fit_reduction(documents, seed)
        shuffled = np.random.default_rng(seed).permutation(len(documents))
        few = max(1, int(np.searchsorted(np.cumsum(documents.lengths[shuffled]), _FIT_VECTORS, side="right")))
        documents = documents if few >= len(documents) else documents.take(np.sort(shuffled[:few]))
        vectors = self._reduce(Ragged(documents.floats(), documents.offsets)).vectors
        codec = self._new_codec()
        self.stretch_ = Stretch.fit_for(codec, vectors)
        stretched = self.stretch_.apply(vectors)
        self.codec_ = codec.fit(stretched, seed)
        self.zero_ = ZeroCode.choose(self.codec_, stretched, seed, moved=not self.stretch_.is_identity)
        self.length_ = CommonLength()
        if self.codec_.decodable:
            self.length_ = CommonLength.fit(
                vectors, lambda some: self._vectors_of(self._codes_of(some)), seed, codec.estimator
            )

    def _encode(self, documents: Ragged) -> np.ndarray:
        return self.zero_.encode(self._codes_of, self._reduce(documents).vectors)

    def _decode(self, codes: Codes) -> Ragged:
        size = self.codec_.code_size
        vectors = self.zero_.decode(self._vectors_of, codes.rows(size), self.dim)
        return Ragged(vectors, codes.offsets // size)

    def _codes_of(self, vectors: np.ndarray) -> np.ndarray:
        """Codes (n, code_size) uint8 of (n, dim) float32 vectors other than zeros."""
        return self.codec_.encode(self.stretch_.apply(vectors))

    def _vectors_of(self, codes: np.ndarray) -> np.ndarray:
        """What the codes of :meth:`_codes_of` stand for."""
        return self.length_.apply(self.stretch_.restore(self.codec_.decode(codes)))

    def _searcher(self, codes: Codes) -> SetSearcher:
        laid_out = self.codec_.copies_codes or self.codec_.serves_sets
        may_scan = self.codec_.family == "binary" or (laid_out and self.codec_.metric is Metric.IP)
        if may_scan and (searcher := self._scanning_searcher(codes)) is not None:
            return searcher
        if not self.codec_.decodable:
            raise MethodError(f"{self._label()} can neither decode codes of {self.codec} nor compare them bit by bit")
        if (centroids := self._row_searcher(codes)) is not None:
            return centroids
        return DecodingSetSearcher(self, codes, self.codec_.code_size)

    def _row_searcher(self, codes: Codes) -> SetSearcher | None:
        """A searcher over product codes, where all of them stand for rows of centroids."""
        if not isinstance(self.codec_, HasRowCodebooks) or not self.stretch_.is_identity:
            return None
        codebooks, rows = self.codec_.row_codebooks(), codes.rows(self.codec_.code_size)
        if codebooks is None or self.zero_.among(rows).any():
            return None
        return ProductSetSearcher(self.codec_, codebooks, codes, self.length_)

    def _scanning_searcher(self, codes: Codes) -> SetSearcher | None:
        """A searcher over codes as they are, binary ones or levels, where there is one."""
        rows, places = self._without_zeros(codes)
        if not len(rows):  # vectors of zeros alone
            if self.codec_.decodable:
                return None
            # Kernels scan one code at least: let the first document have its own code of a vector of zeros.
            rows = self.codec_.encode(np.zeros((1, self.dim), np.float32))
            places = Places(np.minimum(np.arange(len(codes) + 1), 1), places.zeros)
        inner = self.codec_.searcher(rows)
        if isinstance(inner, SymbolSearcher):
            return SymbolSetSearcher(self.codec_, inner, places)
        if isinstance(inner, HammingSearcher) and not self.codec_.decodable:
            return HammingSetSearcher(self.codec_, inner, places)
        if isinstance(inner, ProductSearcher):
            return LevelSetSearcher(inner, places, self.stretch_, self._vectors_of, self.length_)
        return None

    def _without_zeros(self, codes: Codes) -> tuple[np.ndarray, Places]:
        """The codes (rows, code_size) uint8 of vectors other than zeros, and each document's place among them."""
        size = self.codec_.code_size
        rows = codes.rows(size)
        return split_zeros(rows, codes.offsets // size, self.zero_.among(rows))


class PrunedStoreCodec(TokenStoreCodec):
    """Base of methods that keep a part of a document, as much as fits: subclasses say which parts there are."""

    @classmethod
    @abstractmethod
    def _parts_of(cls, lengths: np.ndarray) -> tuple[str, Sequence[float]]:
        """The keyword that says how much is kept, and its values, from what keeps least to what keeps most."""

    @staticmethod
    @abstractmethod
    def _kept_at(lengths: np.ndarray, value: Any) -> np.ndarray:
        """How many vectors are kept at a value of that keyword, of documents with so many (n,) int64."""

    @classmethod
    def _sized(
        cls,
        dim: int,
        code_bytes: int,
        lengths: np.ndarray,
        *,
        codec: str = "int8",
        codec_params: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The most of each document that fits; a vector's code may be as large as the vector in float32.

        ``codec_params`` are as a user of ``codec`` sets them.
        """
        inner = registry.for_budget(codec, dim, 4 * dim, Metric.IP, **(codec_params or {}))
        keyword, values = cls._parts_of(lengths)

        def size(value: float) -> float:
            return float(cls._kept_at(lengths, value).mean()) * inner.code_size + OFFSET_BYTES

        if size(values[0]) > code_bytes:
            raise BudgetError(f"{cls.name} with {codec}", code_bytes, int(np.ceil(size(values[0]))))
        fitting = bisect_right(values, float(code_bytes), key=size)
        return {keyword: values[fitting - 1], "codec": codec, "codec_params": inner.params()}


class DecodingSetSearcher(SetSearcher):
    """Decodes documents block by block and scores them by Chamfer; keeps only the codes.

    Parameters
    ----------
    codec : MultiVectorCodec
        Fitted, decodable.
    codes : Codes
    vector_size : int
        Bytes of a vector's code.
    """

    def __init__(self, codec: MultiVectorCodec, codes: Codes, vector_size: int) -> None:
        super().__init__(codec.dim, len(codes))
        self.codec, self.codes = codec, codes
        most = int(np.diff(codes.offsets).max(initial=1)) // vector_size  # vectors of a document
        self._step = max(1, _BLOCK_BYTES // (4 * codec.dim * max(1, most)))

    @property
    def nbytes(self) -> int:
        return self.codes.nbytes

    def _search(self, queries: Ragged, k: int) -> tuple[np.ndarray, np.ndarray]:
        scores = np.full((len(queries), 0), -np.inf, np.float32)
        ids = np.full((len(queries), 0), -1, np.int64)
        for start in range(0, self.size, self._step):
            decoded = self.codec._decode(self.codes[start : start + self._step])
            block_best = chamfer_search(
                queries.vectors, queries.offsets, decoded.vectors, decoded.offsets, min(k, len(decoded))
            )
            places = np.where(block_best[1] < 0, -1, block_best[1] + start)
            scores, ids = np.hstack([scores, block_best[0]]), np.hstack([ids, places])
            if scores.shape[1] > k:
                best = np.argsort(-scores, axis=1, kind="stable")[:, :k]  # earlier blocks have the smaller ids
                scores, ids = np.take_along_axis(scores, best, axis=1), np.take_along_axis(ids, best, axis=1)
        return scores, ids


class ScanningSetSearcher(SetSearcher):
    """MaxSim over codes as they are: a kernel scores all documents for one query.

    Parameters
    ----------
    codec : Codec
        Whose codes are scanned.
    inner : HammingSearcher or SymbolSearcher
        Over the codes of all documents' vectors, but for zeros; its scanner's layout is what is kept.
    places : Places
        Of the documents among these codes.
    """

    estimates_metric = False

    def __init__(self, codec: Codec, inner: HammingSearcher | SymbolSearcher, places: Places) -> None:
        super().__init__(codec.dim, len(places))
        self.codec, self.inner, self.places, self.padding = codec, inner, places, inner.padding

    @property
    def nbytes(self) -> int:
        return self.inner.nbytes + self.places.nbytes

    def _scores(self, vectors: np.ndarray) -> np.ndarray:
        """Scores (n,) of all documents for one query's ``vectors`` (m, dim) float32."""
        raise NotImplementedError

    def _search(self, queries: Ragged, k: int) -> tuple[np.ndarray, np.ndarray]:
        scores, ids = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
        for i in range(len(queries)):
            row = self._scores(queries.vectors[queries.offsets[i] : queries.offsets[i + 1]])
            best = np.argsort(-row, kind="stable")[:k]
            scores[i], ids[i] = row[best], best
        return scores, ids


class HammingSetSearcher(ScanningSetSearcher):
    """MaxSim by Hamming distances: a pair of codes scores minus the bits in which they differ.

    A vector of zeros counts as half of the bits different: the product of two such codes of -1 and 1 is zero.
    """

    inner: HammingSearcher

    def _scores(self, vectors: np.ndarray) -> np.ndarray:
        bits = self.inner.bits
        most = np.where(self.places.zeros, bits // 2, bits) if self.places.any_zeros else None
        codes = self.inner.encode_queries(vectors)
        return -least_distances(self.inner.scanner, self.places.offsets, codes, most)


class SymbolSetSearcher(ScanningSetSearcher):
    """MaxSim by inner products with recurrent binary codes, symmetric or not as the dense searcher does them.

    The mean's part of a query's scores is the same for every document and is left out. So the product with a vector of
    zeros is not 0 here, but what the codec's own code of zeros scores.
    """

    inner: SymbolSearcher

    def __init__(self, codec: Codec, inner: SymbolSearcher, places: Places) -> None:
        super().__init__(codec, inner, places)
        self._zero: Searcher | None = None
        if places.any_zeros:
            self._zero = codec.searcher(codec.encode(np.zeros((1, codec.dim), np.float32)))

    def _scores(self, vectors: np.ndarray) -> np.ndarray:
        prepared, scales = self.inner.prepare(vectors)
        best = largest_products(self.inner.scanner, self.places.offsets, prepared)
        if isinstance(self._zero, SymbolSearcher):
            least = largest_products(self._zero.scanner, np.array([0, 1]), prepared)
            best = np.where(self.places.zeros, np.maximum(best, least), best)
        return scales @ best
