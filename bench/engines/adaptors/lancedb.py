"""LanceDB: a table in the folder, indexed as the catalogue types it, all of whose partitions are searched."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from bench.engines.adaptors.base import BuildError, Engine

_TABLE, _COLUMN = "vectors", "vector"
_ALL = 1 << 16  # partitions: more than an index has


class LanceDB(Engine):
    """The index that the catalogue types; a column of float16 is scanned without one.

    Partitions are as many as the index makes by itself. Unless ``search_value`` says how many are probed, all are; a
    graph is searched with its own default of ``ef`` candidates, or with ``search_value``.
    """

    name = "lancedb"
    packages = ("lancedb",)
    modules = ("lancedb",)
    schemes = (
        "IvfPq",
        "IvfPq 4 bits",
        "IvfSq",
        "IvfRq 1 bit",
        "IvfRq 4 bits",
        "IvfRq 1 bit by dot",
        "IvfRq 4 bits by dot",
        "HnswPq",
        "HnswSq",
        "float16 column",
    )
    search_option = "nprobes or ef"

    def build(self, vectors: Any) -> None:
        import pyarrow as pa

        lancedb = self._module()
        n, dim = vectors.shape
        kind = pa.float32() if self._indexed else pa.float16()
        schema = pa.schema([pa.field("id", pa.int64()), pa.field(_COLUMN, pa.list_(kind, dim))])

        def batches() -> Iterator[Any]:
            for start, block in self.blocks(vectors):
                flat = pa.array(block.astype(kind.to_pandas_dtype(), copy=False).ravel())
                columns = [pa.array(np.arange(start, start + len(block))), pa.FixedSizeListArray.from_arrays(flat, dim)]
                yield pa.record_batch(columns, schema=schema)

        try:
            database = lancedb.connect(str(self.folder))
            table = database.create_table(_TABLE, pa.RecordBatchReader.from_batches(schema, batches()))
            if self._indexed:
                table.create_index(_COLUMN, config=self._config())
                (index,) = table.list_indices()
                done = table.index_stats(index.name).num_indexed_rows
        except Exception as error:
            raise BuildError(str(error)) from None
        if self._indexed and done != n:
            raise BuildError(f"only {done:,} of {n:,} vectors are in the index")

    def open(self) -> None:
        self._table = self._module().connect(str(self.folder)).open_table(_TABLE)
        for index in self._table.list_indices():
            self._table.prewarm_index(index.name)

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        scores, ids = [], []
        for query in self.prepared(queries):
            rows = self._query(query, k).to_arrow()
            scores.append(rows["_distance"].to_numpy())
            ids.append(rows["id"].to_numpy())
        return self.padded(scores, ids, k)

    def index(self) -> dict[str, Any]:
        if not self._indexed:
            return {"kind": "flat"}
        if self._graph:
            return {"kind": "hnsw", "ef": self.search_value or "1.5 k, the default"}
        return {"kind": "ivf", "nprobes": self.search_value or "all"}

    def _query(self, vector: np.ndarray, k: int) -> Any:
        query = self._table.search(vector).distance_type(self.metric_word).select(["id", "_distance"]).limit(k)
        if self._indexed and not self._graph:
            query = query.nprobes(self.search_value or _ALL)
        elif self._graph and self.search_value:
            query = query.ef(max(self.search_value, k))
        return query.refine_factor(self.oversampling) if self.rescore else query

    @property
    def _indexed(self) -> bool:
        return "create_index" in self.offer.typed

    @property
    def _graph(self) -> bool:
        return "Hnsw" in self.offer.typed

    def _config(self) -> Any:
        """The object that is written behind ``config=``."""
        import lancedb.index

        call = ast.parse(self.offer.typed, mode="eval").body
        assert isinstance(call, ast.Call)
        config = call.keywords[0].value
        assert isinstance(config, ast.Call)
        assert isinstance(config.func, ast.Name)
        options = {each.arg: ast.literal_eval(each.value) for each in config.keywords if each.arg}
        return getattr(lancedb.index, config.func.id)(**options)

    def _module(self) -> Any:
        os.environ["LANCE_CPU_THREADS"] = str(self.threads)  # read once, when the engine starts
        import lancedb

        return lancedb
