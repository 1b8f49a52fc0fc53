"""A built data set on disk: ``base.npy``, ``queries.npy``, ``relevance.npy`` (optional) and ``card.json``.

Training queries (:class:`bench.datasets.base.TrainQueries`) are ``train_queries.npy``, ``train_relevance.npy`` and
``train_validation.npy``; ``train_left_out.npy`` has the rows of those that are test queries too. Vectors of each layer
of an encoder are ``base-layer1.npy``, ``queries-layer1.npy`` and so on. A base too large for memory is ``base.u8bin``,
with ``queries.u8bin``. Sets of vectors have ``base_offsets.npy`` and ``queries_offsets.npy`` beside them.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.base import Relevance
from bench.datasets.cache import cannot_write, writable_folder, written_whole
from methods.multivector import Ragged

TRAIN_QUERIES, TRAIN_RELEVANCE, VALIDATION = "train_queries.npy", "train_relevance.npy", "train_validation.npy"
LEFT_OUT = "train_left_out.npy"


def save(
    target: Path, base: np.ndarray, queries: np.ndarray, relevance: Relevance | None, card: dict[str, Any]
) -> None:
    """Write the folder ``target``; it appears whole, in place of an older one.

    ``base`` (n, dim) and ``queries`` (nq, dim) keep their dtype; ``card`` must have ``metric``. The judgements are
    stored as (m, 3) int32: query row, base row, grade.
    """
    arrays = {"base": base, "queries": queries}
    write_folder(target, arrays, relevance, card)


def save_sets(target: Path, base: Ragged, queries: Ragged, relevance: Relevance, card: dict[str, Any]) -> None:
    """As :func:`save` for sets of vectors."""
    arrays = {
        "base": base.vectors,
        "base_offsets": base.offsets,
        "queries": queries.vectors,
        "queries_offsets": queries.offsets,
    }
    write_folder(target, arrays, relevance, card)


def save_layers(
    target: Path, base: np.ndarray, queries: np.ndarray, relevance: Relevance, card: dict[str, Any]
) -> None:
    """As :func:`save` for vectors of each layer, (layers, n, dim) and (layers, nq, dim), in a file a layer."""
    arrays = {layer_file("base", layer): rows for layer, rows in enumerate(base, 1)}
    arrays |= {layer_file("queries", layer): rows for layer, rows in enumerate(queries, 1)}
    write_folder(target, arrays, relevance, card)


def layer_file(part: str, layer: int) -> str:
    """Name without suffix of the file of ``part`` at a layer, counted from 1."""
    return f"{part}-layer{layer}"


def write_folder(
    target: Path, arrays: dict[str, np.ndarray], relevance: Relevance | None, card: dict[str, Any]
) -> None:
    """Write ``arrays`` as ``NAME.npy`` into the folder ``target``, which appears whole, in place of an older one."""
    with appearing(target) as work:
        for name, array in arrays.items():
            np.save(work / f"{name}.npy", array)
        if relevance is not None:
            np.save(work / "relevance.npy", _triples(relevance))
        write_card(work, card)


def _triples(relevance: Relevance) -> np.ndarray:
    """(m, 3) int32: query row, base row, grade."""
    return np.stack([relevance.query, relevance.item, relevance.grade], axis=1).astype(np.int32)


def add_train_queries(folder: Path, vectors: np.ndarray, relevance: Relevance, validation: np.ndarray) -> None:
    """Write training queries into a built folder; ``train_queries.npy`` comes last, so that with it all is there.

    Parameters
    ----------
    vectors : (n, dim) floating
    relevance : Relevance
        Of rows of ``vectors`` and rows of the base.
    validation : (m,) integers
        Rows of ``vectors``.
    """
    arrays = {VALIDATION: validation.astype(np.int32), TRAIN_RELEVANCE: _triples(relevance), TRAIN_QUERIES: vectors}
    for name, array in arrays.items():
        with written_whole(folder / name) as handle:
            np.save(handle, array)


def leave_out_test_queries(folder: Path) -> None:
    """Write which rows of the training queries of a built folder are test queries too.

    Texts that differ may have one vector: an encoder that takes no notice of capitals, say. The files stay as they are,
    so that what is drawn from them stays too.
    """
    vectors, queries = (np.load(folder / name, mmap_mode="r") for name in (TRAIN_QUERIES, "queries.npy"))
    seen = {row.tobytes() for row in queries}
    rows = [at for at, row in enumerate(vectors) if row.tobytes() in seen]
    with written_whole(folder / LEFT_OUT) as handle:
        np.save(handle, np.array(rows, np.int32))


def write_card(folder: Path, card: dict[str, Any]) -> None:
    """Write ``card.json`` into the folder."""
    (folder / "card.json").write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


@contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """An empty folder that takes the place of ``target`` when the block ends well, and goes when it does not.

    Raises
    ------
    DatasetError
        It cannot be made or written (no permission, no space).
    """
    writable_folder(target.parent)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as parent:
            work = Path(parent) / target.name
            work.mkdir()
            yield work
            if target.exists():
                shutil.rmtree(target)
            os.replace(work, target)
    except OSError as error:
        raise cannot_write(target, error) from None
