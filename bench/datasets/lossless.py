"""What vectors take without loss: the honest zero that every code is compared with. In seconds, once a data set."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
from dataclasses import dataclass

import numpy as np

from bench.datasets.base import Dataset, VectorStore
from bench.datasets.cache import cache_dir, written_whole
from bench.datasets.sets.dataset import RaggedDataset
from bench.datasets.store import ArrayStore
from bench.measure.at_rest import zstd_size
from methods.vectors import from_bfloat16, to_bfloat16

_VERSION = 1  # of what is cached
_MOST_BYTES, _MOST_ROWS = 8 << 20, 20_000  # of float32, and vectors, that are compressed


@dataclass(frozen=True)
class Lossless:
    """Bytes of a vector, compressed without loss, by the type of its numbers: float32, float16, bfloat16.

    The shorter types are of vectors rounded to them: exact from there on. A type that cannot hold a number of the
    sample (above 65,504 in float16) is missing.

    Attributes
    ----------
    rows : int
        Vectors that were compressed, drawn from all.
    zstd : type -> bytes
        Bytes by place, then zstd (:func:`bench.measure.at_rest.zstd_size`).
    pcodec : type -> bytes, or None
        By the library of that name, made for columns of numbers; None where it is not installed.
    exact : list of str
        The shorter types that hold all numbers of the sample as they are: rounding to them loses nothing.
    """

    rows: int
    zstd: dict[str, float]
    pcodec: dict[str, float] | None
    exact: list[str]


def lossless(dataset: Dataset | RaggedDataset) -> Lossless:
    """What a vector of the base takes; from the cache if it was measured before.

    Raises
    ------
    DatasetError
        The vectors cannot be read, or the cache cannot be written.
    """
    path = cache_dir() / "lossless" / f"{dataset.checksum[:40]}.json"
    made_with = [_VERSION, _pcodec_version()]
    try:
        values = json.loads(path.read_bytes())
        if values.pop("made_with") == made_with:
            return Lossless(**values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    measured = _measured(dataset)
    with written_whole(path) as handle:
        handle.write(json.dumps({"made_with": made_with, **dataclasses.asdict(measured)}).encode())
    return measured


def _pcodec_version() -> str | None:
    try:
        return importlib.metadata.version("pcodec")
    except importlib.metadata.PackageNotFoundError:
        return None


def _measured(dataset: Dataset | RaggedDataset) -> Lossless:
    base: VectorStore = dataset.base if isinstance(dataset, Dataset) else ArrayStore(dataset.base.vectors)
    n, dim = base.shape
    most = max(1, min(_MOST_ROWS, _MOST_BYTES // (4 * dim), n))
    vectors = base.take(np.sort(np.random.default_rng(0).choice(n, most, replace=False)))
    with np.errstate(over="ignore"):
        halves = vectors.astype(np.float16)
    upper = to_bfloat16(vectors)
    types: dict[str, np.ndarray] = {"float32": vectors, "float16": halves, "bfloat16": upper}
    if not np.isfinite(halves).all():
        del types["float16"]
    back = {"float16": halves.astype(np.float32), "bfloat16": from_bfloat16(upper.view(np.uint8))}
    return Lossless(
        rows=most,
        zstd={name: zstd_size(values) / most for name, values in types.items()},
        pcodec=None if _pcodec_version() is None else {name: _pcodec_size(v) / most for name, v in types.items()},
        exact=[name for name, values in back.items() if np.array_equal(values, vectors)],
    )


def _pcodec_size(values: np.ndarray) -> int:
    """Bytes that pcodec makes of values (n, d), those of a dimension side by side."""
    from pcodec import ChunkConfig, standalone

    return len(standalone.simple_compress(np.ascontiguousarray(values.T).ravel(), ChunkConfig()))
