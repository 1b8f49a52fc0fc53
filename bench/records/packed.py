"""Many records in one file: ``.parquet``, a tenth of the size, or ``.jsonl``, a line each.

The Parquet file has a column for each field of a record, which holds its JSON; what is the same in all records, as the
environment is, is stored once.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.errors import UsageError
from bench.files import write_whole, writing

ENDINGS = (".jsonl", ".parquet")
_MARK = b"vector-compression-bench records"  # tells it from other Parquet files


def write(values: Sequence[dict[str, Any]], path: Path) -> None:
    """Write records (their fields as plain JSON values) into ``path``, whole or not at all.

    Raises
    ------
    UsageError
        If the name ends otherwise, or the file cannot be written.
    """
    if path.suffix not in ENDINGS:
        raise UsageError(f"records are packed into {' or '.join(ENDINGS)}, not into {path.name}")
    with writing(path):
        write_whole(path, _parquet(values) if path.suffix == ".parquet" else _lines(values))


def find(folder: Path) -> Iterator[Path]:
    """Packed files below ``folder``; Parquet files that hold something else are passed over."""
    yield from folder.rglob("*.jsonl")
    yield from (path for path in folder.rglob("*.parquet") if _is_marked(path))


def read(path: Path) -> Iterator[tuple[str, str]]:
    """Where each record stands in the file, in words, and its JSON.

    Raises
    ------
    UsageError
        If the file holds no packed records.
    """
    if path.suffix == ".parquet":
        yield from _read_parquet(path)
        return
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not a file of packed records: {error}") from error
    for number, line in enumerate(text.splitlines(), 1):
        yield f"line {number}", line


def _lines(values: Sequence[dict[str, Any]]) -> str:
    return "".join(json.dumps(one, allow_nan=False) + "\n" for one in values)


def _parquet(values: Sequence[dict[str, Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = list(dict.fromkeys(name for one in values for name in one))
    columns = {
        name: [json.dumps(one[name], allow_nan=False) if name in one else None for one in values] for name in fields
    }
    schema = pa.schema([(name, pa.string()) for name in fields], metadata={_MARK: b""})
    file = io.BytesIO()
    pq.write_table(pa.table(columns, schema=schema), file, compression="zstd", compression_level=19)
    return file.getvalue()


def _read_parquet(path: Path) -> Iterator[tuple[str, str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise UsageError(f"{path} is not a file of packed records: {error}") from error
    if _MARK not in (table.schema.metadata or {}):
        raise UsageError(f"{path} is not a file of packed records; python -m bench.report --pack makes one")
    for number, row in enumerate(table.to_pylist(), 1):
        fields = (f"{json.dumps(name)}: {value}" for name, value in row.items() if value is not None)
        yield f"row {number}", "{" + ", ".join(fields) + "}"


def _is_marked(path: Path) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return _MARK in (pq.read_schema(path).metadata or {})
    except (OSError, pa.ArrowException):
        return False
