"""Where each data set comes from, before a sample is taken and a metric chosen."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.datasets import formats, judgements, query_groups, train_queries
from bench.datasets import texts as text_files
from bench.datasets.base import DatasetError, Relevance, Texts, TrainQueries, VectorStore
from bench.datasets.builders import folder_of, is_built
from bench.datasets.builders.folder import layer_file
from bench.datasets.checksum import file_identity
from bench.datasets.distances import known_metric
from bench.datasets.store import ArrayStore, Rows
from methods import Metric

if TYPE_CHECKING:
    from bench.datasets.formats.hdf5 import Hdf5File

_DEFAULT_METRIC = Metric.COSINE  # what embeddings are made for
_HOLDOUT = 1_000
_PARTS = ("base", "queries")


@dataclass(frozen=True)
class Source:
    """A data set as its files have it.

    Attributes
    ----------
    metric : Metric or None
        Used unless another is requested; None if what the file says is none of ours.
    identity : str or None
        Identifies the bytes of the base without reading them (:func:`bench.datasets.checksum.file_identity`).
    neighbors : (nq, k) int64 or None
        Came along with the queries, true by ``metric``; -1 where there are fewer.
    distance : str or None
        What a file calls its metric; None if it does not say.
    texts : Texts or None
    groups : dict or None
        Of all queries.
    train_queries : TrainQueries or None
        Judged by rows of ``base``.
    """

    metric: Metric | None
    base: VectorStore
    queries: VectorStore
    train: VectorStore | None = None
    relevance: Relevance | None = None
    neighbors: np.ndarray | None = None
    identity: str | None = None
    train_identity: str | None = None
    card: dict[str, Any] = field(default_factory=dict)
    distance: str | None = None
    texts: Texts | None = None
    train_queries: TrainQueries | None = None
    groups: dict[str, np.ndarray] | None = None


def built(name: str) -> Source:
    """A data set that ``python -m bench.datasets build`` made, or the embedded one."""
    return _opened(name, _card_of(name))


def built_layers(name: str, layer: int | None = None) -> Source:
    """As :func:`built`, of a data set with the vectors of each layer of an encoder.

    Parameters
    ----------
    layer : int, optional
        Which of them, the first one is 1; the last if None.
    """
    card = _card_of(name)
    last = int(card["layers"])
    chosen = last if layer is None else layer
    check_count(name, "layer", chosen, 1)
    if chosen > last:
        raise DatasetError(f"{name} has {last} layers, and no layer {chosen}")
    return _opened(name, {**card, "layer": chosen}, chosen)


def _card_of(name: str) -> dict[str, Any]:
    folder = folder_of(name)
    if not is_built(name):
        raise DatasetError(f"{name} is not built here; run `python -m bench.datasets build {name}`")
    try:
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        Metric(card["metric"])
    except (OSError, ValueError, KeyError, TypeError):
        raise DatasetError(
            f"{folder / 'card.json'} is damaged; run `python -m bench.datasets build {name} --force`"
        ) from None
    return dict(card)


def _opened(name: str, card: dict[str, Any], layer: int | None = None) -> Source:
    folder = folder_of(name)
    base_file, queries_file = (_file_of(folder, part if layer is None else layer_file(part, layer)) for part in _PARTS)
    base, queries = formats.open_vectors(base_file), formats.open_vectors(queries_file)
    judged = folder / "relevance.npy"
    relevance = judgements.read_relevance(judged, queries.shape[0], base.shape[0]) if judged.exists() else None
    identity = file_identity(base_file)
    texts = text_files.built(name) if name in text_files.HAVING else None
    learned = train_queries.built(folder, base)
    return Source(
        Metric(card["metric"]),
        base,
        queries,
        relevance=relevance,
        identity=identity,
        card=card,
        texts=texts,
        train_queries=learned,
        groups=query_groups.built(folder, text_files.folder_of(name), queries=queries.shape[0]),
    )


def _file_of(folder: Path, part: str) -> Path:
    """The file of ``part`` in a built data set: ``.npy``, or ``.u8bin`` where it was too large to be made in memory."""
    large = folder / f"{part}.u8bin"
    return large if large.exists() else folder / f"{part}.npy"


def synthetic(d: int = 256, nt: int = 100_000, nb: int = 200_000, nq: int = 1_000, data_seed: int = 1338) -> Source:
    """faiss's own synthetic set (``faiss.contrib.datasets.SyntheticDataset``), on which its developers publish figures.

    Parameters
    ----------
    d : int
        Dimension.
    nt, nb, nq : int
        Vectors to train on (0: none), base, queries; they are drawn one after the other, so each changes the rest.
    data_seed : int
        Of the generator; not the seed of a sample taken from it.
    """
    from faiss.contrib.datasets import SyntheticDataset

    for key, value, least in (("d", d, 1), ("nt", nt, 0), ("nb", nb, 1), ("nq", nq, 1), ("data_seed", data_seed, 0)):
        check_count("synthetic", key, value, least)
    made = SyntheticDataset(d, nt, nb, nq, seed=data_seed)
    card = {
        "title": f"faiss SyntheticDataset, d={d}, nt={nt}, nb={nb}, nq={nq}, seed {data_seed}",
        "source": "faiss.contrib.datasets.SyntheticDataset, in the faiss-cpu package",
        "licence": "MIT",
    }
    train = ArrayStore(made.get_train()) if nt else None
    return Source(Metric.L2, ArrayStore(made.get_database()), ArrayStore(made.get_queries()), train, card=card)


def path(
    base: str | None = None,
    queries: str | None = None,
    train: str | None = None,
    column: str | None = None,
    queries_column: str | None = None,
    holdout: int | None = None,
    relevance: str | None = None,
    texts: str | None = None,
    queries_texts: str | None = None,
    groups: str | None = None,
    *,
    seed: int = 0,
) -> Source:
    """The caller's own files.

    Parameters
    ----------
    base : str
        A file of vectors; an ann-benchmarks HDF5 file may bring queries, neighbors and metric along.
    queries, train : str, optional
        Files of vectors of the same dimension.
    column : str, optional
        The column of Parquet files, or the array of .npz and HDF5 files, that holds the vectors. Files of queries and
        of training vectors may have others: where they lack it, it is not needed.
    queries_column : str, optional
        That of the queries' file, where it is another.
    holdout : int, optional
        Without queries, so many base vectors (drawn with ``seed``) become queries and leave the base; a tenth of
        the base, and at most 1,000, if None.
    relevance : str, optional
        A ``.npy`` file (m, 3) of integers, for a file of queries: row of a query, row of the base, grade.
    texts, queries_texts : str, optional
        Files of the texts that base and queries were made from (:mod:`bench.datasets.texts`).
    groups : str, optional
        A file of labels of the queries (:mod:`bench.datasets.query_groups`).
    """
    if base is None:
        raise DatasetError("dataset=path needs a file; use dataset.base=FILE")
    given = {"base": base, "queries": queries, "train": train, "column": column, "queries_column": queries_column}
    given |= {"relevance": relevance, "texts": texts, "queries_texts": queries_texts, "groups": groups}
    for key, value in given.items():
        if value is not None and not isinstance(value, str):
            raise DatasetError(f"dataset.{key}={value} is no text; use dataset.{key}=\"'...'\" with the quotes")
    file = formats.existing_file(base)
    beside = [name for name in (queries, train) if name is not None]
    only_beside = not formats.has_names(file) and any(formats.has_column(name, column) for name in beside)
    used = None if only_beside else column
    hdf5 = formats.read_hdf5(file, used) if file.suffix.lower() in formats.HDF5_SUFFIXES else None
    store = formats.open_vectors(file, column=used)
    if queries is None and queries_column is not None:
        raise DatasetError(f"queries_column={queries_column} is of a file of queries; name it by dataset.queries=FILE")
    query_vectors, neighbors = _queries(queries, column, queries_column, hdf5)
    identity = file_identity(file, column or "")
    card: dict[str, Any] = {"source": str(file)}
    rows = None
    if query_vectors is not None:
        if holdout is not None:
            raise DatasetError(f"holdout={holdout} needs a data set without queries, but {queries or base} has them")
        _check_dim(query_vectors, queries or f"{base} (test)", store, base)
        card["queries"] = queries or f"{base} (test)"
    else:
        store, query_vectors, rows = _hold_out(store, holdout, seed)
        identity += f" without {len(rows)} rows of seed {seed}"
        card["queries"] = f"{len(rows)} vectors taken out of the base with seed {seed}"
    trained = None if train is None else _open_other(train, "train", column)
    if trained is not None:
        _check_dim(trained, train, store, base)
        card["train"] = train
    distance = None if hdf5 is None else hdf5.distance
    metric = _DEFAULT_METRIC if distance is None else known_metric(distance)
    train_identity = None if train is None else file_identity(Path(train).expanduser(), column or "")
    return Source(
        metric,
        store,
        query_vectors,
        trained,
        _judged(relevance, rows, query_vectors, store),
        neighbors,
        identity,
        train_identity,
        card,
        distance,
        text_files.given(texts, queries_texts, getattr(store, "rows", None), rows),
        groups=_grouped(groups, rows, query_vectors),
    )


def _grouped(file: str | None, held_out: np.ndarray | None, queries: VectorStore) -> dict[str, np.ndarray] | None:
    """Labels in a file of the user's."""
    if file is not None and held_out is not None:
        raise DatasetError(f"groups={file} is of a file of queries; name it by dataset.queries=FILE")
    return None if file is None else query_groups.given(file, queries.shape[0])


def _judged(file: str | None, held_out: np.ndarray | None, queries: VectorStore, base: VectorStore) -> Relevance | None:
    """Judgements in a file of the user's."""
    if file is None:
        return None
    if held_out is not None:
        raise DatasetError(f"relevance={file} is of a file of queries; name it by dataset.queries=FILE")
    try:
        return judgements.read_relevance(formats.existing_file(file), queries.shape[0], base.shape[0])
    except (OSError, ValueError, EOFError) as error:
        raise DatasetError(f"relevance={file} cannot be read as judgements: {error}") from None


def _queries(
    queries: str | None, column: str | None, queries_column: str | None, hdf5: Hdf5File | None
) -> tuple[VectorStore | None, np.ndarray | None]:
    if queries is not None and queries_column is not None:
        return formats.open_vectors(queries, part="test", column=queries_column), None
    if queries is not None:
        return _open_other(queries, "test", column), None
    return (hdf5.queries, hdf5.neighbors) if hdf5 is not None else (None, None)


def _open_other(file: str, part: str, column: str | None) -> VectorStore:
    """A file beside the base: need neither have the base's format nor call its vectors as that does."""
    return formats.open_vectors(file, part=part, column=column if formats.has_column(file, column) else None)


def _hold_out(store: VectorStore, holdout: int | None, seed: int) -> tuple[VectorStore, VectorStore, np.ndarray]:
    """Base without the held-out rows, these rows as queries, and their numbers (sorted)."""
    items = store.shape[0]
    count = min(_HOLDOUT, max(1, items // 10)) if holdout is None else holdout
    check_count("path", "holdout", count, 1)
    if items == 1:
        raise DatasetError("one vector cannot be base and query; give queries (dataset.queries=FILE or --queries FILE)")
    if count >= items:
        raise DatasetError(f"holdout={count} leaves nothing of {items} vectors; use at most {items - 1}")
    rows = np.sort(np.random.default_rng(seed).choice(items, count, replace=False))
    rest = np.delete(np.arange(items), rows)
    return Rows(store, rest), Rows(store, rows), rows


def _check_dim(store: VectorStore, name: str | None, base: VectorStore, base_name: str) -> None:
    if store.shape[1] != base.shape[1]:
        raise DatasetError(f"{name} has dimension {store.shape[1]}, {base_name} has {base.shape[1]}; they must agree")


def check_count(name: str, key: str, value: int, least: int) -> None:
    """:class:`DatasetError` unless the option ``key`` of the data set ``name`` is an integer of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise DatasetError(f"{name}: {key}={value} is out of range; use an integer of at least {least}")
