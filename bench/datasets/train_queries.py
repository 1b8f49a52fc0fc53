"""Training queries: read from a built folder or a file of the user's, and kept apart from the test queries."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from bench.datasets import formats, judgements
from bench.datasets.base import Dataset, DatasetError, Relevance, TrainQueries, VectorStore
from bench.datasets.builders.folder import LEFT_OUT, TRAIN_QUERIES, TRAIN_RELEVANCE, VALIDATION
from bench.datasets.checksum import combined, vectors_digest
from bench.datasets.store import Rows

__all__ = ["built", "check_apart", "checksum", "given", "of_rows"]

_SEED = 0
_MOST_VALIDATION = 2_000
_VALIDATION_SHARE = 0.1  # of a user's queries, which do not say which are for it
_HOW = "dataset.train_queries=FILE"


def built(folder: Path, base: VectorStore) -> TrainQueries | None:
    """Those of a built data set, if it has any."""
    if not (folder / TRAIN_QUERIES).exists():
        return None
    store = formats.open_vectors(folder / TRAIN_QUERIES)
    relevance = judgements.read_relevance(folder / TRAIN_RELEVANCE, store.shape[0], base.shape[0])
    validation = np.load(folder / VALIDATION, allow_pickle=False).astype(np.int64)
    queries = TrainQueries(store, relevance, validation)
    return _without(queries, np.load(folder / LEFT_OUT)) if (folder / LEFT_OUT).exists() else queries


def _without(queries: TrainQueries, left_out: np.ndarray) -> TrainQueries:
    """All but the rows ``left_out`` (m,)."""
    kept = np.setdiff1d(np.arange(queries.store.shape[0]), left_out)
    judged = queries.relevance
    if judged is not None:
        known = np.isin(judged.query, kept)
        judged = Relevance(np.searchsorted(kept, judged.query[known]), judged.item[known], judged.grade[known])
    validation = np.searchsorted(kept, queries.validation[np.isin(queries.validation, kept)])
    return TrainQueries(Rows(queries.store, kept), judged, validation)


def given(file: str, relevance: str | None, column: str | None, base: VectorStore) -> TrainQueries:
    """Those of a user's file, a seeded tenth of them (at most 2,000) for validation.

    Parameters
    ----------
    file : str
        A file of vectors.
    relevance : str, optional
        A ``.npy`` file (m, 3) of integers: row in ``file``, row in the base's file, grade.
    column : str, optional
        The column or array of the base's vectors, which ``file`` may have too.
    base : VectorStore
        Some rows of its file where others are held out.

    Raises
    ------
    DatasetError
        A file cannot be read, or does not fit the base.
    """
    store = formats.open_vectors(file, column=column if column and formats.has_column(file, column) else None)
    if store.shape[1] != base.shape[1]:
        raise DatasetError(f"{_HOW}: {file} has dimension {store.shape[1]}, the base {base.shape[1]}; they must agree")
    items = base.store.shape[0] if isinstance(base, Rows) else base.shape[0]
    judged: Relevance | None = None
    if relevance is not None:
        try:
            judged = judgements.read_relevance(formats.existing_file(relevance), store.shape[0], items)
        except (OSError, ValueError, EOFError) as error:
            raise DatasetError(f"train_relevance={relevance} cannot be read as judgements: {error}") from None
    count = min(_MOST_VALIDATION, int(store.shape[0] * _VALIDATION_SHARE))
    validation = np.sort(np.random.default_rng(_SEED).choice(store.shape[0], count, replace=False))
    return of_rows(TrainQueries(store, judged, validation), base.rows if isinstance(base, Rows) else None)


def of_rows(queries: TrainQueries, rows: np.ndarray | None) -> TrainQueries:
    """The same, judged by the row among ``rows`` (m,) of the base, ascending; all if None."""
    judged, _ = judgements.of_rows(queries.relevance, queries.store.shape[0], rows)
    return TrainQueries(queries.store, judged, queries.validation)


def check_apart(queries: TrainQueries, test: np.ndarray) -> None:
    """Raise :class:`DatasetError` where a training query is a test query too: ``test`` (nq, dim) float32."""
    seen = {row.tobytes() for row in test + np.float32(0)}  # -0 is 0
    if count := sum(row.tobytes() in seen for row in queries.vectors + np.float32(0)):
        raise DatasetError(
            f"{count:,} of {len(queries.vectors):,} training queries are test queries too; leave these out of {_HOW}"
        )


def checksum(dataset: Dataset) -> str:
    """SHA-256 (hex) of a data set's training queries, their judgements and which are for validation.

    Raises
    ------
    DatasetError
        There are none, one is a test query too, or one is not finite.
    """
    queries = dataset.train_queries
    if queries is None:
        raise DatasetError(f"{dataset.name} has no training queries; give some by {_HOW}")
    check_apart(queries, dataset.queries)
    digests = (
        vectors_digest(queries.store, "training queries"),
        hashlib.sha256(queries.validation.tobytes()).hexdigest(),
    )
    return combined(*digests, relevance=queries.relevance)
