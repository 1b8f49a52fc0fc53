"""Distill-VQ on frozen vectors: codebooks of OPQ, trained so that codes rank as vectors do for training queries.

Xiao, Liu, Han, Cao, Zhang, Wu, Chen, Xie, "Distill-VQ", SIGIR 2022, section 3; its codes are LibVQ.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from methods.base import Metric
from methods.errors import MethodError, NeedsQueries
from methods.kind_losses import OFFSET_KEEPS_IT, along_mean
from methods.parameters import check_integer
from methods.product._distill import Recipe, train_codebooks
from methods.product.opq import OPQ
from methods.queries import TrainingQueries
from methods.registry import register

LOSSES = ("listnet", "contrastive")


@register("distill_pq")
class DistillPQ(OPQ):
    """OPQ, whose codebooks are trained on queries; the rotation stays, and codes are the nearest centroids.

    ``listnet`` needs no answers: the softmax of code scores over a query's candidates is drawn to that of exact scores,
    by cross entropy. Candidates are the query's exact nearest, and other queries' in the same batch. ``contrastive``
    tells a query's answer from the others of its batch and from one of its nearest, of the queries whose answer is
    known. Gradients go to the centroids that vectors are assigned to; assignments are renewed every epoch.

    Parameters
    ----------
    dim, metric, subquantizers, bits, iterations, max_points_per_centroid, rotation_iterations, rotation_points
        See :class:`~methods.product.opq.OPQ`; ``ip`` or ``cosine``.
    loss : {"listnet", "contrastive"}
        What the codebooks are trained for.
    epochs : int
        Passes over the training queries.
    rate : float
        Step of Adam, in units of the vectors' typical length.
    temperature : float
        Of the softmax: scores of unit queries, in units of the vectors' typical length, are divided by it.
    candidates : int
        Exact nearest of a query that it may meet in a batch.
    """

    summary = "OPQ with codebooks trained so that codes rank as vectors do for training queries"
    source = "Xiao et al., SIGIR 2022 (Distill-VQ)"
    version = "2"
    reads_versions = frozenset({"1"})
    requires = ("torch",)
    uses_queries = True
    offers_center = False
    metrics = frozenset({Metric.IP, Metric.COSINE})
    kind_exceptions: ClassVar[dict[str, str]] = along_mean(OFFSET_KEEPS_IT)
    check_params: ClassVar[dict[str, Any]] = {"iterations": 8, "epochs": 2}

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        subquantizers: int = 1,
        *,
        loss: str = "listnet",
        epochs: int = 10,
        rate: float = 3e-4,
        temperature: float = 0.05,
        candidates: int = 200,
        **product: Any,
    ) -> None:
        super().__init__(dim, metric, subquantizers, **product)
        if loss not in LOSSES:
            raise MethodError(f"loss={loss!r} is unknown; use {' or '.join(LOSSES)}")
        for name, value in (("rate", rate), ("temperature", temperature)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
                raise MethodError(f"{name}={value!r} is out of range; use a finite number above 0")
        self.loss, self.rate, self.temperature = loss, rate, temperature
        self.epochs = check_integer("epochs", epochs, 0, 10_000)
        self.candidates = check_integer("candidates", candidates, 1, 2**20)

    def _fit_to_queries(self, vectors: np.ndarray, queries: TrainingQueries, seed: int) -> None:
        if self.loss == "contrastive" and (
            queries.answers is None or not (queries.answers[queries.learned] >= 0).any()
        ):
            raise NeedsQueries(
                "distill_pq loss=contrastive learns from answers, and of none of the queries the answer is known; give "
                "dataset.train_relevance=FILE (or TrainingQueries(..., answers=...)), or use loss=listnet"
            )
        self._fit(vectors, seed)
        recipe = Recipe(self.loss, self.epochs, self.rate, self.temperature, self.candidates)
        rotated, rotated_queries = self._to_product(vectors), self._to_product(queries.vectors)
        rows = queries.learned
        answers = None if queries.answers is None else queries.answers[rows]
        codebooks = train_codebooks(
            recipe,
            self._codebooks(),
            rotated,
            rotated_queries[rows],
            answers,
            lambda books: self._index_of(books),
            seed,
        )
        self.index_ = self._index_of(codebooks)
