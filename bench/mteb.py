"""MTEB's tasks by compressed embeddings: an encoder whose vectors go through any dense codec (extra ``[mteb]``).

MTEB's own ``CompressionWrapper`` quantizes queries and documents by ranges of their own, so that one vector has two
codes. Here one codec is fitted, on the documents, and makes all codes; what these take is counted.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.errors import UsageError
from methods import Codec, create

__all__ = ["CompressedEncoder", "Size"]

_METRICS = {"cosine": "cosine", "dot": "ip", "euclidean": "l2"}  # of MTEB's names
_MOST_TRAINED = 100_000  # vectors


@dataclass(frozen=True)
class Size:
    """Bytes of the codes of one corpus.

    Attributes
    ----------
    task, split, subset : str
        As MTEB calls them.
    documents, dim : int
    code : int
        Bytes of a document.
    parts : int
        Bytes of what is stored once: codebooks, rotations.
    searcher : int
        Bytes that the searcher keeps for all documents.
    """

    task: str
    split: str
    subset: str
    documents: int
    dim: int
    code: int
    parts: int
    searcher: int

    @property
    def ratio(self) -> float:
        """Bytes of the vectors as float32 over those of their codes."""
        return 4 * self.dim / self.code


class CompressedEncoder:
    """An encoder as ``mteb.evaluate`` takes it, whose documents are searched as codes.

    Parameters
    ----------
    encoder : mteb.EncoderProtocol or SentenceTransformer
    method : str
        A dense method, as ``python -m bench methods`` lists them.
    budget : str or int
        The most bytes of a code: ``"16x"``, ``"48B"``, ``"2bit"``, or bytes.
    compress_queries : bool
        Queries become codes too, of the same codec, and are searched as what these decode to. False: as they are, as in
        this benchmark's other runs. Codes that do not decode have searches that encode queries by themselves.
    train : (n, dim) floating, optional
        Vectors to fit the codec on. Without them it is fitted anew on (a sample of) each task's documents; tasks
        without documents (similarity, classification, clustering) need them.
    seed : int
        Of fitting.
    **params
        Of the method.

    Attributes
    ----------
    mteb_model_meta : mteb.ModelMeta
        The encoder's, with method, budget, seed and a checksum of ``train`` in ``experiment_kwargs``, so that results
        are kept apart.
    sizes : list of Size
        Of every corpus that was indexed.

    Raises
    ------
    UsageError
        mteb is not installed; the encoder's similarity is none of cosine, dot and euclidean.

    Examples
    --------
    >>> model = CompressedEncoder(mteb.get_model("sentence-transformers/all-MiniLM-L6-v2"), "opq", "32x")
    >>> mteb.evaluate(model, mteb.get_tasks(["NFCorpus"]))
    >>> model.sizes[0].code
    48
    """

    def __init__(
        self,
        encoder: Any,
        method: str,
        budget: str | int,
        *,
        compress_queries: bool = True,
        train: np.ndarray | None = None,
        seed: int = 0,
        **params: Any,
    ) -> None:
        try:
            from mteb.models import SearchEncoderWrapper, SentenceTransformerEncoderWrapper
        except ImportError as error:
            raise UsageError(f"bench.mteb needs mteb ({error}); pip install 'vector-compression-bench[mteb]'") from None
        if not hasattr(encoder, "mteb_model_meta"):
            encoder = SentenceTransformerEncoderWrapper(encoder)
        self.encoder, self.method, self.budget, self.params = encoder, method, budget, params
        self.compress_queries, self.seed = compress_queries, seed
        meta = encoder.mteb_model_meta
        self.metric = _metric(meta.similarity_fn_name)
        trained_on = (
            "documents" if train is None else hashlib.sha256(np.ascontiguousarray(train).tobytes()).hexdigest()[:16]
        )
        settings = {"codec": method, "budget": str(budget), "compress_queries": compress_queries, **params}
        settings |= {"seed": seed, "trained_on": trained_on}
        kept = dict(meta.experiment_kwargs or {})
        self.mteb_model_meta = meta.model_copy(update={"experiment_kwargs": kept | settings})
        self.sizes: list[Size] = []
        self._given = None if train is None else self._fitted(_floats(train))
        self._codes = _Codes(self)
        self._search = SearchEncoderWrapper(encoder, index_backend=self._codes)

    def index(self, corpus: Any, *, task_metadata: Any, hf_split: str, hf_subset: str, **kwargs: Any) -> None:
        """Encode the documents, fit the codec on them unless it has been, and keep their codes."""
        place = {"task_metadata": task_metadata, "hf_split": hf_split, "hf_subset": hf_subset}
        self._codes.clear()
        self._search.index(corpus, **place, **kwargs)
        self.sizes.append(self._codes.size(task_metadata.name, hf_split, hf_subset))

    def search(self, queries: Any, **kwargs: Any) -> dict[str, dict[str, float]]:
        """The best documents of each query by their codes, as ``mteb.SearchProtocol`` has it."""
        return self._search.search(queries, **kwargs)

    def encode(self, inputs: Any, **kwargs: Any) -> np.ndarray:
        """What codes of the texts decode to, (n, dim) float32: for tasks without documents.

        Raises
        ------
        UsageError
            There was nothing to fit the codec on, or its codes do not decode.
        """
        if self._given is None:
            raise UsageError(
                f"{self.method} is not fitted: such a task has no documents; give CompressedEncoder train="
            )
        if not self._given.decodable:
            raise UsageError(f"codes of {self.method} do not decode; this task needs a method whose codes do")
        return self._given.decode(self._given.encode(_floats(self.encoder.encode(inputs, **kwargs))))

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """As the encoder has it."""
        return self.encoder.similarity(embeddings1, embeddings2)

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """As the encoder has it."""
        return self.encoder.similarity_pairwise(embeddings1, embeddings2)

    def codec_for(self, vectors: np.ndarray) -> Codec:
        """The codec that ``train`` was given for, or else one that is fitted on ``vectors`` (n, dim)."""
        return self._fitted(vectors) if self._given is None else self._given

    def _fitted(self, vectors: np.ndarray) -> Codec:
        codec = create(self.method, vectors.shape[1], self.budget, self.metric, **self.params)
        if len(vectors) > _MOST_TRAINED:
            rows = np.random.default_rng(self.seed).choice(len(vectors), _MOST_TRAINED, replace=False)
            vectors = vectors[np.sort(rows)]
        return codec.fit(vectors, self.seed)


class _Codes:
    """The documents' codes and their search: a backend as ``mteb``'s ``SearchEncoderWrapper`` takes it."""

    def __init__(self, of: CompressedEncoder) -> None:
        self.of = of
        self.clear()

    def clear(self) -> None:
        """Forget all documents."""
        self.codec: Codec | None = None
        self.codes = np.empty((0, 0), np.uint8)
        self.ids: list[str] = []

    def add_documents(self, embeddings: Any, idxs: list[str]) -> None:
        """Documents (n, dim) with their ids; the first are fitted on."""
        vectors = _floats(embeddings)
        if self.codec is None:
            self.codec = self.of.codec_for(vectors)
            self.codes = np.empty((0, self.codec.code_size), np.uint8)
        self.codes = np.concatenate([self.codes, self.codec.encode(vectors)])
        self.ids += list(idxs)

    def size(self, task: str, split: str, subset: str) -> Size:
        """What is stored."""
        assert self.codec is not None
        parts = sum(int(part.nbytes) for part in self.codec.parts().values())
        kept = int(self.codec.searcher(self.codes).nbytes)
        return Size(task, split, subset, len(self.codes), self.codec.dim, self.codec.code_size, parts, kept)

    def search(
        self,
        embeddings: Any,
        top_k: int,
        similarity_fn: Any = None,
        top_ranked: dict[str, list[str]] | None = None,
        query_idx_to_id: dict[int, str] | None = None,
    ) -> tuple[list[list[float]], list[list[int]]]:
        """Scores, more is better, and places of the best: among all documents, or among each query's ``top_ranked``."""
        assert self.codec is not None
        queries = _floats(embeddings)
        if self.of.compress_queries and self.codec.decodable:
            queries = self.codec.decode(self.codec.encode(queries))
        if top_ranked is None:
            return self._best(self.codes, queries, top_k)
        assert query_idx_to_id is not None
        place = {document: row for row, document in enumerate(self.ids)}
        scores: list[list[float]] = []
        ids: list[list[int]] = []
        for row in range(len(queries)):
            rows = [place[document] for document in top_ranked.get(query_idx_to_id[row], [])]
            best = self._best(self.codes[rows], queries[row : row + 1], top_k) if rows else ([[]], [[]])
            scores += best[0]
            ids += best[1]
        return scores, ids

    def _best(self, codes: np.ndarray, queries: np.ndarray, k: int) -> tuple[list[list[float]], list[list[int]]]:
        assert self.codec is not None
        searcher = self.codec.searcher(codes)
        scores, ids = searcher.search(queries, min(k, len(codes)))
        return (scores if searcher.descending else -scores).tolist(), ids.tolist()


def _floats(vectors: Any) -> np.ndarray:
    """float32 of a NumPy array or of a torch tensor on any device."""
    if hasattr(vectors, "detach"):
        vectors = vectors.detach().cpu().float().numpy()
    return np.ascontiguousarray(vectors, np.float32)


def _metric(name: Any) -> str:
    """Ours for the similarity of an encoder; cosine where it names none, as MTEB itself takes it."""
    said = "cosine" if name is None else str(getattr(name, "value", name))
    if said not in _METRICS:
        raise UsageError(f"the encoder's similarity is {said}, of single vectors it is one of {', '.join(_METRICS)}")
    return _METRICS[said]
