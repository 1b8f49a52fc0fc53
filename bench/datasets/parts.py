"""Files of exact neighbors among some of the base's rows: a long search keeps them until it is done, shards are some.

A file says which vectors, queries, metric and rows it is of, and ends with a SHA-256 of all of it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.base import Dataset, DatasetError
from bench.datasets.cache import cache_dir, written_whole
from bench.datasets.exact import Part, merged, search_rows
from bench.progress import Progress

__all__ = ["About", "read_part", "resumed_search", "truth_path", "write_part"]

_PART_FLOPS = 5e11  # of a search: half a minute of a core, which a kill may lose


@dataclass(frozen=True)
class About:
    """What neighbors were searched among.

    Attributes
    ----------
    checksum, metric : str
        Of the data set; the checksum covers base and queries.
    rows, queries : int
        Of the whole base, and of the queries.
    k : int
        Neighbors of each query.
    start, stop : int
        Rows searched.
    """

    checksum: str
    metric: str
    rows: int
    queries: int
    k: int
    start: int
    stop: int

    @classmethod
    def of(cls, dataset: Dataset, k: int, start: int, stop: int) -> About:
        rows, queries = dataset.base.shape[0], len(dataset.queries)
        return cls(dataset.checksum, str(dataset.metric), rows, queries, k, start, stop)


def truth_path(dataset: Any) -> Path:
    """Where the cache has the neighbors of a data set."""
    return cache_dir() / "ground-truth" / f"{dataset.checksum[:40]}-{dataset.metric}.npz"


@contextlib.contextmanager
def resumed_search(dataset: Dataset, k: int, start: int = 0, stop: int | None = None) -> Iterator[Part]:
    """As :func:`.exact.search_rows` of rows ``start:stop`` (all by default); a search that was killed goes on.

    A long search is made in pieces. Each is kept in the cache when it is done, and all are removed when the caller's
    block ends, which is where the result is written.
    """
    stop = dataset.base.shape[0] if stop is None else stop
    spans = _spans(dataset, start, stop)
    folder = truth_path(dataset).with_suffix(f".{k}.parts")
    files = {span: folder / f"{span[0]}-{span[1]}.npz" for span in spans} if len(spans) > 1 else {}
    done = {span: part for span in files if (part := _kept(files[span], About.of(dataset, k, *span))) is not None}
    with _progress(files, done) as progress:
        for span in spans:
            if span in done:
                continue
            rows = f"rows {span[0]:,} to {span[1] - 1:,}"
            if progress is not None:
                progress.begin(rows)
            done[span] = search_rows(dataset, k, *span)
            if progress is not None:
                write_part(files[span], done[span], About.of(dataset, k, *span))
                progress.end(rows)
    yield merged([done[span] for span in spans], k, dataset.metric)
    for path in files.values():
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # there is none, or a search of other rows has pieces there
        folder.rmdir()


def _progress(files: dict, done: dict) -> contextlib.AbstractContextManager[Progress | None]:
    """A bar of the pieces, where there are several."""
    if not files:
        return contextlib.nullcontext()
    return Progress("exact search", len(files), unit="part", initial=len(done))


def _spans(dataset: Dataset, start: int, stop: int) -> list[tuple[int, int]]:
    """Ranges of rows that take about half a minute each."""
    operations = 2.0 * (stop - start) * dataset.dim * len(dataset.queries)
    count = min(stop - start, max(1, round(operations / _PART_FLOPS)))
    edges = [start + (stop - start) * i // count for i in range(count + 1)]
    return list(itertools.pairwise(edges))


def _kept(path: Path, about: About) -> Part | None:
    """What an earlier search left in ``path``; None where that is nothing, or nothing of use."""
    try:
        written, part = read_part(path)
    except DatasetError:
        return None
    return part if written == about else None


def write_part(path: Path, part: Part, about: About) -> None:
    """Write a part; the file appears whole or not at all."""
    text = json.dumps({**dataclasses.asdict(about), "greatest": part.greatest}, sort_keys=True)
    digest = _digest(text, part.scores, part.ids)
    with written_whole(path) as handle:
        np.savez(handle, about=np.array(text), scores=part.scores, ids=part.ids, sha256=np.array(digest))


def read_part(path: Path) -> tuple[About, Part]:
    """What :func:`write_part` wrote.

    Raises
    ------
    DatasetError
        There is no such file, or it is not as it was written.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            text, digest = str(arrays["about"]), str(arrays["sha256"])
            scores, ids = arrays["scores"], arrays["ids"]
        values = json.loads(text)
        greatest = float(values.pop("greatest"))
        about = About(**values)
    except FileNotFoundError:
        raise DatasetError(f"{path} does not exist") from None
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror or error})") from None
    except Exception:  # whatever an altered file makes NumPy, zipfile and json raise
        raise DatasetError(f"{path} is no file of neighbors, or was altered") from None
    if digest != _digest(text, scores, ids):
        raise DatasetError(f"{path} was altered: its checksum is not that of its content")
    return about, Part(about.start, about.stop, greatest, scores, ids)


def _digest(text: str, scores: np.ndarray, ids: np.ndarray) -> str:
    digest = hashlib.sha256(text.encode())
    for array in (scores, ids):
        digest.update(f"{array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
