"""Exact neighbors computed by several machines: each searches one shard of the base's rows, one merges."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from bench.datasets.base import Dataset, DatasetError
from bench.datasets.exact import merged
from bench.datasets.neighbors import GroundTruth
from bench.datasets.parts import About, read_part, resumed_search, truth_path, write_part
from bench.datasets.truth import keep

__all__ = ["merge_shards", "search_shard", "shards_folder"]

_FILE = re.compile(r"shard-(\d+)-of-(\d+)\.npz")


def shards_folder(dataset: Dataset) -> Path:
    """Where shards are written and merged from unless another folder is named: the cache."""
    return truth_path(dataset).with_suffix(".shards")


def search_shard(dataset: Dataset, k: int, shard: str, folder: Path) -> Path:
    """Search one shard of the base's rows and write ``folder/shard-I-of-N.npz``; a search that was killed goes on.

    Parameters
    ----------
    dataset : Dataset
    k : int
        Neighbors of each query, at least 1.
    shard : str
        ``I/N``: the ``I``-th, from 1, of ``N``.
    folder : Path

    Returns
    -------
    Path
        The file, which is left as it is where it has these neighbors already.

    Raises
    ------
    DatasetError
        There is no such shard, or the file cannot be written.
    """
    rows = dataset.base.shape[0]
    number, count = _parsed(shard, rows)
    about = About.of(dataset, k, rows * (number - 1) // count, rows * number // count)
    path = _path(folder, number, count)
    if path.exists() and _is_of(path, about):
        return path
    with resumed_search(dataset, k, about.start, about.stop) as part:
        write_part(path, part, about)
    return path


def merge_shards(dataset: Dataset, folder: Path) -> GroundTruth:
    """Merge the shards in ``folder`` to the data set's neighbors, which the cache then has: those of one search of all.

    Raises
    ------
    DatasetError
        A shard is missing, altered, or of other vectors, queries, metric, k or number of shards.
    """
    paths = _complete(folder, dataset.name)
    parts, k = [], 0
    for (number, count), path in paths.items():
        again = f"compute it again: python -m bench.datasets truth {dataset.name} --shard {number}/{count}"
        try:
            about, part = read_part(path)
        except DatasetError as error:
            raise DatasetError(f"{error}; {again}") from None
        k, rows = k or about.k, dataset.base.shape[0]
        right = About.of(dataset, k, rows * (number - 1) // count, rows * number // count)
        if differing := _difference(about, right):
            raise DatasetError(f"{path} is of {differing}; {again}, with the options and --k of the others")
        parts.append(part)
    truth = keep(merged(parts, k, dataset.metric), dataset)
    if folder == shards_folder(dataset):
        for path in paths.values():
            path.unlink(missing_ok=True)
        folder.rmdir()
    return truth


def _parsed(shard: str, rows: int) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)/(\d+)", shard)
    if match is None:
        raise DatasetError(f"--shard {shard} is no shard; write I/N, for example 3/16")
    number, count = int(match[1]), int(match[2])
    if not 1 <= number <= count:
        raise DatasetError(f"--shard {shard} is out of range; of {count} shards the first is 1/{count}")
    if count > rows:
        raise DatasetError(f"--shard {shard}: there are only {rows:,} vectors; use at most so many shards")
    return number, count


def _path(folder: Path, number: int, count: int) -> Path:
    return folder / f"shard-{number:0{len(str(count))}}-of-{count}.npz"


def _is_of(path: Path, about: About) -> bool:
    try:
        return read_part(path)[0] == about
    except DatasetError:
        return False


def _complete(folder: Path, name: str) -> dict[tuple[int, int], Path]:
    """The files of a folder by number of the shard and count of all, in order; all of one count, none missing."""
    paths = {
        (int(match[1]), int(match[2])): path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if (match := _FILE.fullmatch(path.name))
    }
    counts = sorted({count for _, count in paths})
    if not counts:
        raise DatasetError(f"{folder} has no shards; compute them by python -m bench.datasets truth {name} --shard I/N")
    if len(counts) > 1:
        raise DatasetError(f"{folder} has shards of {' and of '.join(map(str, counts))}; leave only those of one count")
    count = counts[0]
    if missing := [f"{number}/{count}" for number in range(1, count + 1) if (number, count) not in paths]:
        shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        raise DatasetError(
            f"{folder} lacks shard {shown}; compute it by python -m bench.datasets truth {name} --shard I/N"
        )
    return dict(sorted(paths.items()))


def _difference(about: About, right: About) -> str:
    """What a shard is of, where that is not what it should be of; empty where it is."""
    names = {"checksum": "a data set of checksum", "metric": "metric", "queries": "queries:", "k": "k ="}
    for field in dataclasses.fields(About):
        value, wanted = getattr(about, field.name), getattr(right, field.name)
        if value != wanted:
            value, wanted = (text[:12] if field.name == "checksum" else text for text in (value, wanted))
            return f"{names.get(field.name, f'{field.name} =')} {value}, not {wanted}"
    return ""
