"""BiDR: product codes for candidates in memory, vectors for their order on disk, both learned from queries."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from methods.base import Metric, Searcher
from methods.encoding.units import typical_length, unit_of
from methods.errors import MethodError, NotInFaiss
from methods.fitting.nearest import nearest
from methods.fitting.residual_map import ResidualMap
from methods.kind_losses import ERROR_ALONG_MEAN, along_mean
from methods.parameters import check_integer
from methods.part_names import behind, under
from methods.product.bidr.recipe import LABELS, LOSSES, DenseRecipe, SparseRecipe
from methods.product.bidr.sampling import WAYS, CandidateGraph, batches
from methods.product.bidr.validation import Reranking
from methods.product.opq import OPQ
from methods.queries import TrainingQueries
from methods.registry import register

_NEAREST = 200  # documents by exact scores, from which the loss without labels draws
_BLOCK = 1_024  # queries searched at a time


@register("bidr")
class BiDR(OPQ):
    """OPQ whose codebooks are trained to find what answers queries, and vectors trained to order what is found.

    Xiao et al. 2022, "Progressively Optimized Bi-Granular Document Representation for Scalable Embedding Based
    Retrieval", WWW: sections 3.2 (contrastive quantization) and 3.3 (locality-centric sampling), on vectors of an
    encoder that stays as it is. First the codebooks, from OPQ's, and a map of queries; then maps of vectors and of
    queries, on batches from the lists that the codes return. Searches are re-ranked from disk by
    ``vector score + weight * code score``, with the weight that suits the validation queries.

    Without answers, the nearest vector of each query takes their place. Epochs and weight are chosen by MRR@10 of the
    validation queries; without these, the last epoch stays, and codes have no weight.

    Parameters
    ----------
    dim, metric, subquantizers
        As for :class:`~methods.product.opq.OPQ`, as are its options.
    code_loss : {"labels", "lists", "both"}
        For codebooks: InfoNCE on what answers a query; ListNet against exact scores, without labels; their sum.
    code_temperature : float
        Of scores of unit vectors in the first training.
    temperature : float
        The same in the second.
    code_epochs : int
        Of the first training.
    epochs : int
        Of the second, at most.
    code_hidden : int
        Width of the map of queries before they are compared with codes; 0: none.
    sampling : {"snowball", "walk", "ann_in_batch", "ann", "random"}
        Of the second training's batches, see :func:`~methods.product.bidr.sampling.batches`.
    hidden : int
        Width of the maps of vectors and queries on the disk's side; 0: the vectors stay as they are.
    dropout : float
        Share of inner activations left out in a step of the second training.
    shared_map : bool
        One map for vectors and queries.
    negatives_within : int
        From how many of its candidates a query draws a negative.
    leads_from : int
        The best rank for a query that a document may have to lead the walk to it; 0 is the first.
    leads_within : int
        The rank that it has to be before.
    batch : int
        Queries a step.
    """

    summary = "product codes and vectors on disk, both trained with queries; re-ranked from disk"
    source = "Xiao et al., BiDR, WWW 2022"
    version = "2"
    reads_versions = frozenset({"1"})
    requires = ("torch",)
    uses_queries = True
    estimator = True  # queries are mapped before they meet decoded vectors
    offers_center = False
    compared_singly = False  # faiss has no map of queries
    metrics = frozenset({Metric.IP, Metric.COSINE})
    rescored_from = "disk"
    rescoring_dtype = np.float16
    kind_exceptions: ClassVar[dict[str, str]] = along_mean(ERROR_ALONG_MEAN)
    check_params: ClassVar[dict[str, Any]] = {
        "iterations": 5,
        "rotation_iterations": 1,
        "code_epochs": 1,
        "epochs": 1,
        "code_hidden": 8,
        "hidden": 8,
        "batch": 64,
    }

    code_map_: ResidualMap
    document_map_: ResidualMap
    query_map_: ResidualMap
    code_weight_: float

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        subquantizers: int = 1,
        *,
        code_loss: str = LABELS,
        code_temperature: float = 0.05,
        code_epochs: int = 10,
        code_hidden: int = 384,
        sampling: str = "snowball",
        temperature: float = 0.05,
        epochs: int = 6,
        hidden: int = 768,
        dropout: float = 0.0,
        shared_map: bool = False,
        negatives_within: int = 200,
        leads_from: int = 0,
        leads_within: int = 200,
        batch: int = 1024,
        **product: Any,
    ) -> None:
        super().__init__(dim, metric, subquantizers, **product)
        self.code_loss, self.sampling = code_loss, sampling
        for name, value, known in (("code_loss", code_loss, LOSSES), ("sampling", sampling, WAYS)):
            if value not in known:
                raise MethodError(f"{name}={value!r} is unknown; use one of {', '.join(known)}")
        self.code_temperature, self.temperature = float(code_temperature), float(temperature)
        if not (self.code_temperature > 0 and self.temperature > 0):
            raise MethodError(f"temperatures {code_temperature} and {temperature} are not both above 0; use 0.05")
        self.dropout, self.shared_map = float(dropout), bool(shared_map)
        if not 0 <= self.dropout < 1:
            raise MethodError(f"dropout={dropout} is out of range; use a number from 0 to below 1")
        self.code_epochs = check_integer("code_epochs", code_epochs, 0, 10_000)
        self.epochs = check_integer("epochs", epochs, 0, 10_000)
        self.code_hidden = check_integer("code_hidden", code_hidden, 0, 100_000)
        self.hidden = check_integer("hidden", hidden, 0, 100_000)
        self.negatives_within = check_integer("negatives_within", negatives_within, 1, 10_000)
        self.leads_from = check_integer("leads_from", leads_from, 0, 10_000)
        self.leads_within = check_integer("leads_within", leads_within, self.leads_from + 1, 10_000)
        self.batch = check_integer("batch", batch, 1, 2**20)

    # --- learning ---------------------------------------------------------------------------------------------

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        raise MethodError("bidr learns from queries; give fit(..., queries=...)")

    def _fit_to_queries(self, vectors: np.ndarray, queries: TrainingQueries, seed: int) -> None:
        super()._fit(vectors, seed)
        self.code_map_ = self.document_map_ = self.query_map_ = ResidualMap({})
        self.code_weight_ = 0.0
        self.unit_ = unit_of(typical_length(vectors))  # float16 has a range
        answers = _answers(vectors, queries)
        learned = queries.learned[answers[queries.learned] >= 0]
        judged = queries.validation[answers[queries.validation] >= 0]
        self._train_codes(vectors, queries.vectors[learned], answers[learned], seed)
        searcher = self._searcher(self.encode_fitted(vectors))
        most = min(max(self.negatives_within, self.leads_within), len(vectors))
        _, candidates = _search(searcher, queries.vectors[learned], most)
        graph = CandidateGraph(
            candidates, answers[learned], (0, self.negatives_within), (self.leads_from, self.leads_within)
        )
        scores, own = _search(searcher, queries.vectors[judged], min(100, len(vectors)))
        judge = Reranking(vectors, queries.vectors[judged], answers[judged], own, scores)
        self._train_maps(vectors, queries.vectors[learned], answers[learned], graph, judge, seed)
        if len(judged):
            self.code_weight_ = judge.best_weight(self.document_map_, self.query_map_)

    def _train_codes(self, vectors: np.ndarray, queries: np.ndarray, answers: np.ndarray, seed: int) -> None:
        """Stage 1: the codebooks and :attr:`code_map_`."""
        if not self.code_epochs or not len(queries):
            return
        from methods.product.bidr import _training

        near = answers[:, None] if self.code_loss == LABELS else nearest(vectors, queries, _NEAREST)
        recipe = SparseRecipe(
            self.code_loss, self.code_temperature, self.code_epochs, self.batch, hidden=self.code_hidden
        )
        rotation = self._to_product(np.eye(self.dim, dtype=np.float32))
        codebooks, self.code_map_ = _training.train_codebooks(
            self._codebooks(), rotation, vectors, queries, answers, near, recipe, seed
        )
        self.index_ = self._index_of(codebooks)

    def _train_maps(
        self,
        vectors: np.ndarray,
        queries: np.ndarray,
        answers: np.ndarray,
        graph: CandidateGraph,
        judge: Reranking,
        seed: int,
    ) -> None:
        """Stage 2: :attr:`document_map_` and :attr:`query_map_`."""
        if not (self.epochs and self.hidden and len(queries)):
            return
        from methods.product.bidr import _training

        recipe = DenseRecipe(
            self.temperature,
            self.epochs,
            self.batch,
            hidden=self.hidden,
            dropout=self.dropout,
            shared=self.shared_map,
        )
        self.document_map_, self.query_map_ = _training.train_maps(
            vectors,
            queries,
            answers,
            lambda epoch: batches(graph, self.sampling, self.batch, np.random.default_rng([seed, epoch])),
            judge.score if len(judge) else None,
            recipe,
            seed,
        )

    def encode_fitted(self, vectors: np.ndarray) -> np.ndarray:
        """Codes of prepared vectors, block by block, while the codec is still being fitted."""
        blocks = [self._encode(vectors[start : start + 16_384]) for start in range(0, len(vectors), 16_384)]
        return np.concatenate(blocks)

    # --- search -------------------------------------------------------------------------------------------------

    def _query_to_product(self, queries: np.ndarray) -> np.ndarray:
        return self._to_product(self.code_map_(queries))

    def _to_faiss(self, codes: np.ndarray) -> Any:
        if self.code_map_.weights:
            raise NotInFaiss("faiss has no map of queries as bidr learns it; use code_hidden=0")
        return super()._to_faiss(codes)

    @property
    def code_weight(self) -> float:
        return self.code_weight_

    def rescoring_vectors(self, vectors: np.ndarray) -> np.ndarray:
        self._check_fitted()
        return (self.document_map_(self._prepare(vectors)) / self.unit_).astype(np.float16)

    def rescoring_queries(self, queries: np.ndarray) -> np.ndarray:
        self._check_fitted()
        return self.query_map_(queries) * self.unit_

    def parts(self) -> dict[str, np.ndarray]:
        """OPQ's, the weights of three maps (of queries for codes, of vectors, of queries), ``code_weight`` (1,), and
        ``unit`` (1,), by which vectors on disk are divided."""
        return {
            **super().parts(),
            **behind("code_map.", dict(self.code_map_.weights)),
            **behind("document_map.", dict(self.document_map_.weights)),
            **behind("query_map.", dict(self.query_map_.weights)),
            "code_weight": np.array([self.code_weight_], np.float32),
            "unit": np.array([self.unit_], np.float32),
        }

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        super()._load_parts(parts)
        self.code_map_ = ResidualMap(under("code_map.", parts))
        self.document_map_ = ResidualMap(under("document_map.", parts))
        self.query_map_ = ResidualMap(under("query_map.", parts))
        self.code_weight_, self.unit_ = float(parts["code_weight"][0]), float(parts["unit"][0])


def _answers(vectors: np.ndarray, queries: TrainingQueries) -> np.ndarray:
    """The row of ``vectors`` that each query asks for, -1 where it is unknown; the nearest where nothing is known."""
    if queries.answers is not None and (queries.answers[queries.learned] >= 0).any():
        return queries.answers
    return nearest(vectors, queries.vectors, 1)[:, 0]


def _search(searcher: Searcher, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """As ``searcher.search``, in blocks of queries."""
    blocks = [searcher.search(queries[start : start + _BLOCK], k) for start in range(0, len(queries), _BLOCK)]
    if not blocks:
        return np.empty((0, k), np.float32), np.empty((0, k), np.int64)
    return np.concatenate([scores for scores, _ in blocks]), np.concatenate([ids for _, ids in blocks])
