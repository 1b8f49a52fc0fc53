"""ClickHouse in this process: a table with a codec that keeps codes beside its column, or with an HNSW index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bench.engines.adaptors.base import BuildError, Engine

_EF = 256  # the engine's default
_ROW = np.dtype([("score", "<f4"), ("id", "<u4")])


class ClickHouse(Engine):
    """One table of row numbers and vectors, in one part.

    Codecs are scanned whole. The k vectors that the codes choose are returned in the order of the column's floats:
    other than by rescoring, that decides nothing about which are returned.
    """

    name = "clickhouse"
    packages = ("chdb-core",)
    modules = ("chdb",)
    schemes = (
        "vector_similarity bf16",
        "vector_similarity i8",
        "vector_similarity b1",
        "Quantized rabitq",
        "Quantized turboquant",
        "Quantized int8",
        "Quantized prefix",
        "Quantized product",
    )
    search_option = "ef"

    def build(self, vectors: Any) -> None:
        if self.search_value is not None and not self._has_index:
            raise BuildError(f"{self.offer.scheme.name} is scanned whole; leave out engine.search")
        source = self.folder / "vectors.parquet"
        self._write(vectors, source)
        column = "v Array(Float32), " if self._has_index else ""
        try:
            session = _session(self._data)
            session.query(f"set enable_quantized_codec = 1, max_threads = {self.threads}, max_insert_threads = 1")
            session.query(f"create table t (id UInt32, {column}{self.offer.typed}) engine = MergeTree order by id")
            session.query(f"insert into t select id, v from file('{source}')")
            source.unlink()
            parts = session.query("select count() from system.parts where active and table = 't'", "CSV").data()
            if int(parts) > 1:
                session.query("optimize table t final")
        except RuntimeError as error:
            raise BuildError(str(error).splitlines()[0]) from None
        finally:
            self.close()

    def open(self) -> None:
        session = _session(self._data)
        session.query(f"set max_threads = {self.threads}")
        # By a metric that a codec lacks, all floats are read, without a word.
        values = str([1.0] * self.offer.dim)
        plan = session.query(f"explain indexes = 1 {self._query(1)}", "TSVRaw", params={"q": values}).data()
        if ("vector_similarity" if self._has_index else "quantized shortlist") not in plan:
            raise BuildError(f"ClickHouse does not use {self.offer.scheme.name} for {self.metric_word}")

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        session, text = _session(self._data), self._query(k)
        rows = [
            np.frombuffer(session.query(text, "RowBinary", params={"q": str(query.tolist())}).bytes(), _ROW)
            for query in self.prepared(queries)
        ]
        return self.padded([each["score"].tolist() for each in rows], [each["id"].tolist() for each in rows], k)

    def index(self) -> dict[str, Any]:
        return {"kind": "hnsw", "ef": self.search_value or _EF} if self._has_index else {"kind": "flat"}

    def close(self) -> None:
        _close()

    def _query(self, k: int) -> str:
        order = "desc" if self.metric_word == "dotProduct" else ""
        settings = ", ".join(f"{name} = {value}" for name, value in self._settings.items())
        return (
            f"select {self.metric_word}(v, {{q:Array(Float32)}}) as score, id from t "
            f"order by score {order} limit {k} settings {settings}"
        )

    @property
    def _settings(self) -> dict[str, int]:
        """Of a query."""
        settings = (
            {"hnsw_candidate_list_size_for_search": self.search_value or _EF}
            if self._has_index
            else {"vector_search_use_quantized_codes": 1}
        )
        if self.rescore:
            settings["vector_search_index_fetch_multiplier"] = self.oversampling
        if self._has_index:
            settings["vector_search_with_rescoring"] = int(self.rescore)
        return settings

    @property
    def _has_index(self) -> bool:
        return self.offer.typed.startswith("INDEX")

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _write(self, vectors: Any, file: Path) -> None:
        """The base as a file that ClickHouse inserts at once, so that the table has one part, trained once."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = pa.schema({"id": pa.uint32(), "v": pa.list_(pa.float32(), self.offer.dim)})
        with pq.ParquetWriter(file, schema) as writer:
            for start, block in self.blocks(vectors):
                rows = pa.array(np.arange(start, start + len(block), dtype=np.uint32))
                values = pa.FixedSizeListArray.from_arrays(pa.array(block.ravel()), self.offer.dim)
                writer.write_table(pa.table([rows, values], schema=schema))


_opened: dict[Path, Any] = {}  # at most one: a process has one server


def _session(folder: Path) -> Any:
    """The server of this process on one folder; that on another is closed."""
    if folder not in _opened:
        _close()
        from chdb import session

        _opened[folder] = session.Session(str(folder))
    return _opened[folder]


def _close() -> None:
    while _opened:
        _opened.popitem()[1].close()
