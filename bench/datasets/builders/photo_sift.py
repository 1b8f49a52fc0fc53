"""Builds ``photo-sift``: ten million SIFT descriptors of photographs, queries from other photographs (L2).

The kind of vectors that SIFT1M and BigANN are: 128 x uint8. The base is all keypoints of its photographs, and points of
grids up to the number wanted. Every photograph is described on its own and kept in the cache until the build is done,
so that an interrupted build resumes; memory holds one photograph, or a block of the result.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.base import DatasetError
from bench.datasets.builders import folder, photographs, shuffle, sift
from bench.datasets.cache import cache_dir, written_whole
from bench.datasets.formats.bigann import write_header
from bench.datasets.formats.npy import load_array
from bench.measure.repeats import keys
from bench.progress import Progress, watched

ROWS, QUERIES, SEED = 10_000_000, 10_000, 0
_HASHED = 65_536  # rows at a time


@dataclass(frozen=True)
class Described:
    """Files of a photograph's descriptors, and how many are in each."""

    is_query: bool
    keypoints: Path
    grids: Path
    counts: tuple[int, int]


def build(target: Path, source: Path | None = None) -> None:
    """Write the data set to ``target``; ``source`` is a folder with the Debian packages, fetched if None."""
    sift.load_opencv()  # before anything is downloaded
    packages = photographs.packages(source)
    work = _work_folder()
    described = describe(packages, work)
    base = [photograph for photograph in described if not photograph.is_query]
    queries = [photograph for photograph in described if photograph.is_query]
    counts = [sum(photograph.counts[kind] for photograph in base) for kind in (0, 1)]
    order = shuffle.shuffled(counts[0], counts[1], ROWS, SEED)
    query_order = shuffle.shuffled(sum(photograph.counts[0] for photograph in queries), 0, QUERIES, SEED)
    with folder.appearing(target) as new:
        base_keys = _write(new / "base.u8bin", base, order)
        query_keys = _write(new / "queries.u8bin", queries, query_order)
        kinds = {"keypoints": int((order < counts[0]).sum()), "grids": int((order >= counts[0]).sum())}
        folder.write_card(new, _card(kinds, len(base), base_keys, query_keys))
    shutil.rmtree(work)


def describe(packages: list[Path], work: Path) -> list[Described]:
    """Descriptors of every photograph as files in ``work``; those that are there already are not made again."""
    described = []
    names = [name for collection in photographs.COLLECTIONS for name in (*collection.base, *collection.queries)]
    with Progress("photographs", len(names), unit="photograph") as progress:
        for photograph in photographs.read(packages):
            progress.begin(photograph.name)
            described.append(_describe(photograph, work))
            progress.end(photograph.name, "{:,} keypoints, {:,} on grids".format(*described[-1].counts))
    return described


def repeats(row_keys: np.ndarray) -> int:
    """How many rows are equal to another, by their keys."""
    same = np.diff(np.sort(row_keys)) == 0
    return int((np.append(same, False) | np.insert(same, 0, False)).sum()) if len(row_keys) else 0


def _work_folder() -> Path:
    """Where photographs are kept; another one for other settings."""
    settings = (sift.VERSION, sift.CONTRAST, sift.MOST_PIXELS, sift.STEP, sift.SCALES, sift.FLAT)
    return cache_dir() / "encoded" / f"photo-sift-{hashlib.sha256(repr(settings).encode()).hexdigest()[:16]}"


def _describe(photograph: photographs.Photograph, work: Path) -> Described:
    files = [work / f"{photograph.name}.{kind}.npy" for kind in ("keypoints", "grids")]
    counts = [_rows_of(file) for file in files]
    gray: np.ndarray | None = None
    for kind, make in enumerate((sift.keypoints, _nothing if photograph.is_query else sift.grids)):
        if counts[kind] is None:
            gray = sift.decoded(photograph.content) if gray is None else gray
            descriptors = make(gray)
            with written_whole(files[kind]) as handle:
                np.save(handle, descriptors)
            counts[kind] = len(descriptors)
    return Described(photograph.is_query, files[0], files[1], (counts[0] or 0, counts[1] or 0))


def _nothing(gray: np.ndarray) -> np.ndarray:
    return np.empty((0, sift.DIM), np.uint8)


def _rows_of(file: Path) -> int | None:
    """Rows of a file of descriptors, None if it is not there or not whole."""
    try:
        array = load_array(file, memory_map=True)
    except (DatasetError, OSError):
        return None
    return len(array) if array.shape[1:] == (sift.DIM,) and array.dtype == np.uint8 else None


def _write(path: Path, described: Sequence[Described], order: np.ndarray) -> np.ndarray:
    """Write the rows ``order`` of keypoints and then grids, and return a key (n,) int64 for each."""
    files = [photograph.keypoints for photograph in described] + [photograph.grids for photograph in described]
    counts = [photograph.counts[kind] for kind in (0, 1) for photograph in described]
    total = -(-len(order) // shuffle.BLOCK_ROWS)
    blocks = watched(shuffle.gathered(files, counts, order), f"writing {path.stem}", total)
    row_keys: list[np.ndarray] = []
    with path.open("wb") as handle:
        write_header(handle, len(order), sift.DIM)
        for block in blocks:
            handle.write(block.data)
            row_keys += [keys(block[start : start + _HASHED]) for start in range(0, len(block), _HASHED)]
    return np.concatenate([np.empty(0, np.int64), *row_keys])


def _card(kinds: dict[str, int], count: int, base_keys: np.ndarray, query_keys: np.ndarray) -> dict[str, Any]:
    collections = photographs.COLLECTIONS
    named = [name for collection in collections for name in collection.queries]
    archives = [collection.archive for collection in collections]
    rows, queries = len(base_keys), len(query_keys)
    repeated, zero = repeats(base_keys), int(np.isin(query_keys, base_keys).sum())
    licences = [f"{collection.licence} ({collection.archive.package})" for collection in collections]
    return {
        "title": "SIFT descriptors of photographs, 128 numbers from 0 to 255",
        "metric": "l2",
        "source": f"{', '.join(f'{archive.package} {archive.version}' for archive in archives)} (Debian), "
        f"OpenCV {sift.VERSION}",
        "source_sha256": ", ".join(archive.sha256 for archive in archives),
        "licence": f"of the photographs: {', '.join(licences)}",
        "base": f"{rows:,} in random order, of {count} photographs: {kinds['keypoints']:,} keypoints (contrast "
        f"{sift.CONTRAST}), {kinds['grids']:,} points of grids ({sift.SCALES} scales, every {sift.STEP} pixels)",
        "queries": f"{queries:,} keypoints of {len(named)} other photographs: {', '.join(named)}",
        **{f"{kind}_in_base": count for kind, count in kinds.items()},
        "repeats": f"{repeated:,} vectors of the base equal another ({repeated / rows:.3%}); "
        f"{zero:,} queries equal one of the base ({zero / queries:.3%})",
    }
