"""Ids of the user's vectors: a column of integers or texts, row by row beside the codes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from bench.compress.corpus import Corpus, mapped
from bench.compress.source import BLOCK
from bench.datasets.formats import PARQUET_SUFFIXES
from bench.datasets.formats.npz import opened_npz
from bench.errors import UsageError
from bench.files import reading, writing


def check_ids(path: Path, column: str, rows: int) -> None:
    """:class:`UsageError` if ``path`` has no such ids: before long work."""
    if path.suffix.lower() == ".npz":
        ids = _npz(path, column)
        if len(ids) != rows:
            raise UsageError(f"{path}: --ids {column} has {len(ids)} entries, and there are {rows} vectors")
    elif path.suffix.lower() in PARQUET_SUFFIXES:
        _check_parquet(path, column)
    else:
        raise UsageError(f"{path} has no columns; --ids is for Parquet files and .npz")


def ids_type(path: Path, column: str, earlier: Corpus | None) -> np.dtype:
    """What ids of ``path`` and of ``earlier`` have in common: int64, or ``S`` of the longest text.

    Raises
    ------
    UsageError
        If a row has no id, or ids are of two types; all of them are read, before any is written.
    """
    forms = {block.dtype for block in _blocks(path, column)} | ({mapped(earlier.ids).dtype} if earlier else set())
    kinds = {form.kind for form in forms}
    if len(kinds) > 1:
        raise UsageError(f"--ids {column} of {path.name} are {_named(kinds)}; all ids of a corpus are of one type")
    return np.dtype(np.int64 if kinds == {"i"} else f"S{max(form.itemsize for form in forms)}")


def write_ids(corpus: Corpus, path: Path, column: str) -> None:
    """``ids.npy`` (n,), whole or as it was, of the type in ``corpus.head["work"]``, after earlier ones."""
    before, total = corpus.rows, corpus.rows + corpus.head["work"]["input"]["rows"]
    earlier = mapped(corpus.ids) if before else None
    if earlier is not None and len(earlier) == total:
        return  # only the note that they are whole is missing
    kept = corpus.head["work"].get("ids")  # not in folders begun by earlier versions
    dtype = np.dtype(kept) if kept else ids_type(path, column, corpus if before else None)
    part = corpus.ids.with_name(f"{corpus.ids.name}.part")
    with writing(part), part.open("wb") as file:
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (total,)}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, before, BLOCK):
            file.write(np.asarray(earlier[start : min(start + BLOCK, before)], dtype).tobytes())  # type: ignore[index]
        for block in _blocks(path, column):
            file.write(block.astype(dtype).tobytes())
        file.flush()
        os.fsync(file.fileno())
    with writing(corpus.ids):
        os.replace(part, corpus.ids)


def _named(kinds: Collection[str]) -> str:
    return " and ".join(sorted({"i": "integers", "S": "texts"}[kind] for kind in kinds))


def _blocks(path: Path, column: str) -> Iterator[np.ndarray]:
    """Ids in their order: (b,) int64 or ``S``."""
    if path.suffix.lower() == ".npz":
        with reading(path):
            ids = _npz(path, column)
        yield _plain(ids, path, column)
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = 0
    with _readable(path), pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False) as file:
        for batch in file.iter_batches(batch_size=BLOCK, columns=[column], use_threads=False):
            values = batch.column(0)
            if values.null_count:
                row = first + int(np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))[0])
                raise UsageError(f"{path}: --ids {column} is empty (null) in row {row}; every vector needs an id")
            text = not pa.types.is_integer(values.type)
            array = np.array(values.cast(pa.string()).to_pylist(), np.str_) if text else values.to_numpy()
            first += len(array)
            yield _plain(array, path, column)


def _plain(ids: np.ndarray, path: Path, column: str) -> np.ndarray:
    if ids.dtype.kind == "U":
        return np.char.encode(ids, "utf-8")
    if ids.dtype.kind == "u" and ids.size and ids.max() > np.iinfo(np.int64).max:
        raise UsageError(f"{path}: --ids {column} has {ids.max()}, which is beyond int64; write such ids as texts")
    return ids if ids.dtype.kind == "S" else ids.astype(np.int64)


def _npz(path: Path, name: str) -> np.ndarray:
    with opened_npz(path) as arrays:
        if name not in arrays.files:
            raise UsageError(f"{path} has no array {name!r} for --ids; it has {', '.join(arrays.files)}")
        ids = arrays[name]
    if ids.ndim != 1 or ids.dtype.kind not in "iuUS":
        raise UsageError(f"{path}: --ids {name} is {ids.dtype} of shape {ids.shape}; ids are integers or texts (n,)")
    return ids


def _check_parquet(path: Path, column: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _readable(path), pq.ParquetFile(path) as file:
        schema = file.schema_arrow
    if column not in schema.names:
        raise UsageError(f"{path} has no column {column!r} for --ids; it has {', '.join(schema.names)}")
    kind = schema.field(column).type
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (pa.types.is_integer(inner) or pa.types.is_string(inner) or pa.types.is_large_string(inner)):
        raise UsageError(f"{path}: --ids {column} is of type {kind}; ids are integers or texts")


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"{path} cannot be read: {' '.join(str(error).split())[:200]}") from None
