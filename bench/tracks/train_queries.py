"""Training queries in a run: given to the methods that use them, and to no other."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.config import RunConfig
from bench.datasets import AnyDataset
from bench.datasets import train_queries as of_dataset
from bench.datasets.base import Dataset, Relevance
from bench.drift_options import DRIFT
from bench.layers_options import LAYERS
from methods import Codec, TrainingQueries
from methods.errors import NeedsQueries, NotMeasuredSo

__all__ = ["determinants", "fit"]


def determinants(name: str, config: RunConfig, dataset: AnyDataset) -> dict[str, Any]:
    """What determines the result of ``name``, a method that uses queries, beside what determines any method's.

    Raises
    ------
    NeedsQueries
        The data set has none.
    DatasetError
        Some are test queries too.
    NotMeasuredSo
        The configuration fits codecs where nothing is known of what queries ask for.
    """
    if not isinstance(dataset, Dataset) or dataset.train_queries is None:
        raise NeedsQueries(
            f"{name} learns from queries, and {dataset.name} has none but those that it is judged by; use "
            "dataset.train_queries=FILE, or dataset=squad-sentences-mini"
        )
    if (scenario := config.scenario["name"]) in (DRIFT, LAYERS):
        raise NotMeasuredSo(f"scenario={scenario} gives no queries to learn from; use a method other than {name}")
    if config.index.get("residual"):
        raise NotMeasuredSo(
            f"index.residual=true gives {name} no vectors that queries ask for; use index.residual=false"
        )
    return {"train_queries": of_dataset.checksum(dataset)}


def fit(codec: Codec, train: np.ndarray, rows: np.ndarray, dataset: Dataset, seed: int) -> Codec:
    """``codec.fit(train, seed)``, with the data set's training queries where the method uses them.

    ``rows`` (n,), ascending, are those of :attr:`Dataset.training` that ``train`` (n, dim) holds.
    """
    if not codec.uses_queries:
        return codec.fit(train, seed)
    return codec.fit(train, seed, queries=training_queries(dataset, rows))


def training_queries(dataset: Dataset, rows: np.ndarray) -> TrainingQueries | None:
    """A data set's training queries, whose answers are places in ``rows`` of the base, -1 where they are not there."""
    queries = dataset.train_queries
    if queries is None:
        return None
    answers = None
    if queries.relevance is not None and dataset.train is None:
        items = _best_items(queries.relevance, len(queries.vectors))
        place = np.minimum(np.searchsorted(rows, items), len(rows) - 1)
        answers = np.where(rows[place] == items, place, -1)
    return TrainingQueries(queries.vectors, answers, queries.validation)


def _best_items(relevance: Relevance, queries: int) -> np.ndarray:
    """The item of the best grade of each query, of equal ones the first; -1 where it has none."""
    items = np.full(queries, -1, np.int64)
    order = np.lexsort((-np.arange(len(relevance.query)), relevance.grade))  # the best and first is written last
    items[relevance.query[order]] = relevance.item[order]
    return items
