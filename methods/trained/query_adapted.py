"""``query_adapted``: any codec as it is, searched with queries that a learned map moves towards what answers them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from methods import registry
from methods.base import Metric
from methods.errors import MethodError, NeedsQueries
from methods.fitting.nearest import nearest
from methods.parameters import check_integer
from methods.queries import TrainingQueries
from methods.registry import register
from methods.trained._all_dimensions import AllDimensions
from methods.trained._query_map import ANSWERS, LOSSES, Judge, QueryMap, Recipe, judged_rows, sample_rows

_BLOCK = 16_384  # codes decoded at a time


@register("query_adapted")
class QueryAdapted(AllDimensions):
    """A codec whose queries go through a small map that is learned from training queries; codes stay as they are.

    After the residual adaptor of Xiao et al., "Distill-VQ", SIGIR 2022, and of BiDR, WWW 2022, with a map alone: a step
    scores decoded vectors with mapped queries. Of all epochs the one stays that is best on validation queries, and no
    map where none gains anything; without validation queries, the last one. A final order from other vectors is by
    mapped queries too, if they are to find answers.

    Parameters
    ----------
    dim, metric, out_dim, codec_params
        As for :class:`~methods.compose.transformed.TransformedCodec`; ``ip`` or ``cosine``.
    codec : str
        Any codec that decodes and does not learn from queries itself.
    loss : {"answers", "neighbors"}
        What a mapped query shall find: what answers it (InfoNCE; chosen by MRR@10), for which answers have to be
        known, or what it finds by exact vectors (ListNet; chosen by recall@10).
    hidden : int
        Width of the map's inner layer; 0: a linear map.
    epochs : int
        Passes over the training queries, at most.
    """

    summary = "any codec, with queries that a map learned from training queries brings nearer to their answers"
    source = "after Xiao et al., SIGIR 2022 and WWW 2022"
    requires = ("torch",)
    uses_queries = True
    check_params: ClassVar[dict[str, Any]] = {"codec": "transform_coding", "epochs": 1, "hidden": 8}

    transform_: QueryMap

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        out_dim: int | None = None,
        codec: str = "trellis",
        codec_params: Mapping[str, Any] | None = None,
        *,
        loss: str = ANSWERS,
        hidden: int = 0,
        epochs: int = 4,
    ) -> None:
        super().__init__(dim, metric, out_dim, codec, codec_params)
        if loss not in LOSSES:
            raise MethodError(f"loss={loss!r} is unknown; use {' or '.join(LOSSES)}")
        if not registry.get(codec).decodable:
            raise MethodError(f"{self._label()} learns from decoded codes, and {codec} decodes none; use another codec")
        self.loss = loss
        self.hidden = check_integer("hidden", hidden, 0, 100_000)
        self.epochs = check_integer("epochs", epochs, 0, 10_000)

    def _new_transform(self) -> QueryMap:
        return QueryMap(self.dim)

    def _fit_to_queries(self, vectors: np.ndarray, queries: TrainingQueries, seed: int) -> None:
        answers, learned, judged = queries.answers, queries.learned, judged_rows(queries.validation, seed)
        if self.loss == ANSWERS:
            if answers is None or not (answers[learned] >= 0).any():
                raise NeedsQueries(
                    f"{self._label()} loss={ANSWERS} learns from answers, and of none of the queries the answer is "
                    "known; give dataset.train_relevance=FILE (or TrainingQueries(..., answers=...)), or use "
                    "loss=neighbors"
                )
            learned, judged = learned[answers[learned] >= 0], judged[answers[judged] >= 0]
        self.transform_, self.codec_ = self._new_transform(), self._new_codec().fit(vectors, seed)
        if not self.epochs:
            return
        from methods.trained import _query_map_training

        recipe = Recipe(self.loss, self.hidden, self.epochs)
        codes = self.codec_.encode(vectors)
        near = nearest(vectors, queries.vectors[learned], recipe.candidates)
        wanted = None if self.loss != ANSWERS or answers is None else answers[judged]
        rows = sample_rows(len(vectors), wanted, seed)
        judge = Judge(
            vectors[rows],
            self._decoded(codes[rows]),
            queries.vectors[judged],
            None if wanted is None else np.searchsorted(rows, wanted),
        )
        self.transform_.map_ = _query_map_training.train_query_map(
            lambda rows: self._decoded(codes[rows]),
            vectors,
            queries.vectors[learned],
            near[:, 0] if wanted is None or answers is None else answers[learned],
            near,
            judge,
            recipe,
            seed,
        )

    def rescoring_queries(self, queries: np.ndarray) -> np.ndarray:
        """Mapped, too, where answers count; as they are where the order by exact vectors does."""
        self._check_fitted()
        return self.transform_.transform_queries(queries, self.metric) if self.loss == ANSWERS else queries

    def _decoded(self, codes: np.ndarray) -> np.ndarray:
        """Decoded vectors (n, dim) float32, block by block."""
        return np.concatenate(
            [self.codec_.decode(codes[at : at + _BLOCK]) for at in range(0, max(1, len(codes)), _BLOCK)]
        )
