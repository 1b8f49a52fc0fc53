"""Qdrant: its own segment in this process, optimized into one, without a graph, so that all codes are scanned."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from bench.engines.adaptors.base import BuildError, Engine

_SHARD = "shard"
_NO_LIMIT = 1 << 32  # KB of a segment
_BATCH = 64  # queries that are planned together


class Qdrant(Engine):
    """The configuration that the catalogue types, read as the JSON that a server would get.

    ``m = 0`` builds no graph: the optimizer makes the codes all the same, and a search compares them all. (``exact``
    would compare the originals.)
    """

    name = "qdrant"
    packages = ("qdrant-edge-py",)
    modules = ("qdrant_edge",)
    schemes = (
        "scalar",
        "product",
        "binary",
        "binary 1.5 and 2 bits",
        "turbo",
        "turbo 4 bits",
        "datatype float16",
        "datatype turbo4",
        "datatype turbo8 and turbo16",
    )

    def build(self, vectors: Any) -> None:
        from qdrant_edge import EdgeShard, Point, UpdateOperation

        path, n = self.folder / _SHARD, vectors.shape[0]
        path.mkdir()
        try:
            shard = EdgeShard.create(str(path), self._config())
            for start, block in self.blocks(vectors):
                points = [Point(start + row, vector) for row, vector in enumerate(block.tolist())]
                shard.update(UpdateOperation.upsert_points(points))
            while shard.optimize():
                pass
            shard.flush()
            indexed = shard.info().indexed_vectors_count
            shard.close()
        except Exception as error:
            raise BuildError(str(error)) from None
        if indexed != n:
            raise BuildError(f"only {indexed:,} of {n:,} vectors were optimized")
        if self._quantized and not any(file.stat().st_size for file in path.rglob("quantized.data")):
            raise BuildError(f"no vectors were quantized as {self.offer.scheme.name}")

    def open(self) -> None:
        from qdrant_edge import EdgeShard, QuantizationSearchParams, SearchParams

        self._shard = EdgeShard.load(str(self.folder / _SHARD), self._config())
        options = {"rescore": True, "oversampling": float(self.oversampling)} if self.rescore else {"rescore": False}
        self._params = SearchParams(quantization=QuantizationSearchParams(**options) if self._quantized else None)

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        from qdrant_edge import Query, QueryBatchRequest, QueryRequest

        scores, ids = [], []
        for start in range(0, len(queries), _BATCH):
            requests = [
                QueryRequest(k, query=Query.Nearest(query), params=self._params, with_vector=False, with_payload=False)
                for query in self.prepared(queries[start : start + _BATCH]).tolist()
            ]
            for points in self._shard.query_batch(QueryBatchRequest(requests)):
                scores.append([point.score for point in points])
                ids.append([point.id for point in points])
        return self.padded(scores, ids, k)

    def index(self) -> dict[str, Any]:
        return {"kind": "flat", "m": 0}

    def close(self) -> None:
        if shard := self.__dict__.pop("_shard", None):
            shard.close()

    @property
    def _typed(self) -> dict[str, Any]:
        return json.loads(f"{{{self.offer.typed}}}")

    @property
    def _quantized(self) -> bool:
        return "quantization_config" in self._typed

    def _config(self) -> Any:
        """What is typed, as the embedded edition takes it, for one segment without a graph."""
        import qdrant_edge as edge

        vectors = self._typed["vectors"]
        datatype = vectors.get("datatype")
        return edge.EdgeConfig(
            vectors=edge.EdgeVectorParams(
                vectors["size"],
                getattr(edge.Distance, vectors["distance"]),
                on_disk=vectors.get("on_disk"),
                datatype=getattr(edge.VectorStorageDatatype, datatype.capitalize()) if datatype else None,
            ),
            hnsw_config=edge.HnswIndexConfig(0, 4, 1, max_indexing_threads=self.threads),
            quantization_config=_quantization(self._typed["quantization_config"]) if self._quantized else None,
            optimizers=edge.EdgeOptimizersConfig(
                default_segment_number=1, max_segment_size=_NO_LIMIT, indexing_threshold=1
            ),
            max_search_threads=self.threads,
            wal_enabled=False,  # what is flushed needs no log; opening one replays all of it into memory
        )


def _quantization(typed: dict[str, dict[str, Any]]) -> Any:
    """``{"product": {"compression": "x16"}}`` and its like, as an object of the embedded edition."""
    import qdrant_edge as edge

    ((kind, options),) = typed.items()
    options = dict(options)
    if kind == "scalar":
        return edge.ScalarQuantizationConfig(getattr(edge.ScalarType, options.pop("type").capitalize()), **options)
    if kind == "product":
        ratio = getattr(edge.CompressionRatio, options.pop("compression").upper())
        return edge.ProductQuantizationConfig(ratio, **options)
    if kind == "binary":
        encoding = options.pop("encoding").title().replace("_", "")
        return edge.BinaryQuantizationConfig(encoding=getattr(edge.BinaryQuantizationEncoding, encoding), **options)
    bits = getattr(edge.TurboQuantBitSize, options.pop("bits").capitalize())
    return edge.TurboQuantQuantizationConfig(bits=bits, **options)
