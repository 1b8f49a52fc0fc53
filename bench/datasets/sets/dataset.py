"""Data sets of the multivector track: documents and queries that are sets of vectors."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from bench.datasets import formats
from bench.datasets.base import DatasetError, Relevance
from bench.datasets.builders import folder_of, is_built
from bench.datasets.checksum import combined, file_identity, vectors_digest
from bench.datasets.judgements import read_relevance
from bench.datasets.sets.formats import is_parquet, open_sets
from bench.datasets.store import ArrayStore
from methods import MethodError
from methods.multivector import Ragged

__all__ = ["BUILT", "RaggedDataset", "SetMetric", "built", "path"]

BUILT = ("squad-tokens", "squad-tokens-128", "squad-tokens-mini", "squad-shifts-tokens")


class SetMetric(StrEnum):
    """How two sets are compared: the sum over a query's vectors of the largest inner product with a document's."""

    CHAMFER = "chamfer"

    @property
    def descending(self) -> bool:
        """True: a larger score is nearer."""
        return True


@dataclass(frozen=True)
class RaggedDataset:
    """One workload of the multivector track; attributes as of :class:`bench.datasets.base.Dataset`.

    Attributes
    ----------
    base, queries : Ragged
        Sets of vectors, perhaps memory-mapped.
    """

    track: ClassVar[str] = "multivector"
    metric: ClassVar[SetMetric] = SetMetric.CHAMFER
    train: ClassVar[None] = None
    neighbors: ClassVar[None] = None

    name: str
    base: Ragged
    queries: Ragged
    relevance: Relevance | None
    checksum: str
    card: dict[str, Any] = field(default_factory=dict)

    @property
    def dim(self) -> int:
        return self.base.dim

    @property
    def n_train(self) -> int:
        """Documents that methods are fitted on: those of the base."""
        return len(self.base)


@dataclass(frozen=True)
class RaggedSource:
    """A data set as its files have it; ``identity`` identifies the base's bytes without reading them."""

    base: Ragged
    queries: Ragged
    relevance: Relevance | None
    identity: str
    card: dict[str, Any]


def built(name: str) -> RaggedSource:
    """A data set that ``python -m bench.datasets build`` made, or the embedded one."""
    folder = folder_of(name)
    if not is_built(name):
        raise DatasetError(f"{name} is not built here; run `python -m bench.datasets build {name}`")
    again = f"run `python -m bench.datasets build {name} --force`"
    try:
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        base = open_sets(folder, "base")
        queries = open_sets(folder, "queries")
    except (OSError, ValueError, MethodError) as error:
        raise DatasetError(f"{folder} is damaged ({error}); {again}") from None
    relevance = read_relevance(folder / "relevance.npy", len(queries), len(base))
    return RaggedSource(base, queries, relevance, file_identity(folder / "base.npy"), card)


def path(
    base: str | None = None, queries: str | None = None, column: str | None = None, queries_column: str | None = None
) -> RaggedSource:
    """The caller's own sets.

    Parameters
    ----------
    base, queries : str
        A ``.npz`` file or a folder of ``.npy`` files with ``vectors`` and ``offsets``, or a Parquet file with a
        column of lists of lists or tensors.
    column : str, optional
        That column; needed only if several could be meant. The queries' file may lack it.
    queries_column : str, optional
        That of the queries' file, where it is another.
    """
    for key, value in (("base", base), ("queries", queries)):
        if value is None:
            raise DatasetError(f"dataset=ragged needs documents and queries; use dataset.{key}=FILE")
    assert base is not None
    assert queries is not None
    for key, value in (("base", base), ("queries", queries), ("column", column), ("queries_column", queries_column)):
        if value is not None and not isinstance(value, str):
            raise DatasetError(f"dataset.{key}={value} is no text; use dataset.{key}=\"'...'\" with the quotes")
    if column is not None and not any(is_parquet(file) for file in (base, queries)):
        raise DatasetError(f"column={column} is for Parquet files; other files of sets have 'vectors' and 'offsets'")
    if queries_column is not None and not is_parquet(queries):
        raise DatasetError(f"queries_column={queries_column} is for a Parquet file, and {queries} is none")
    if queries_column is None and is_parquet(queries) and formats.has_column(queries, column):
        queries_column = column
    base_sets, query_sets = open_sets(base, column=column), open_sets(queries, column=queries_column)
    if query_sets.dim != base_sets.dim:
        raise DatasetError(f"{queries} has dimension {query_sets.dim}, {base} has {base_sets.dim}; they must agree")
    return RaggedSource(
        base_sets, query_sets, None, _identity(Path(base).expanduser()), {"source": base, "queries": queries}
    )


def _identity(place: Path) -> str:
    return " ".join(file_identity(file) for file in (sorted(place.glob("*.npy")) if place.is_dir() else [place]))


def assemble(
    name: str, source: RaggedSource, max_queries: int | None, rows: np.ndarray | None, relevance: Relevance | None
) -> RaggedDataset:
    """The data set of the first ``max_queries`` queries and of the documents ``rows`` (all if None)."""
    queries = source.queries[: max_queries or len(source.queries)]
    base = source.base if rows is None else source.base.take(rows)
    label = str(source.card.get("source", name)) if name == "ragged" else name
    remembered = source.identity if rows is None else None
    digests = [
        vectors_digest(ArrayStore(base.vectors), label, remembered),
        vectors_digest(ArrayStore(queries.vectors), f"queries of {label}"),
        *(hashlib.sha256(np.ascontiguousarray(sets.offsets, "<i8").data).hexdigest() for sets in (base, queries)),
    ]
    checksum = combined(*digests, relevance=relevance)
    return RaggedDataset(name, base, queries, relevance, checksum, dict(source.card))
