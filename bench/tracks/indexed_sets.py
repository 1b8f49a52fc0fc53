"""The multivector track with ``index=ivf``: lists over the codes of methods that make one vector of a document.

As :mod:`bench.tracks.indexed`, whose curve and rules these are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bench.config import RunConfig
from bench.datasets import RaggedDataset
from bench.errors import UsageError
from bench.index_options import IVF
from bench.measure import latency
from bench.records.index_info import IndexInfo
from bench.tracks import indexed, multivector
from bench.tracks.index_kinds import list_count, lists_described
from bench.tracks.measurement import (
    JudgedSample,
    Measurement,
    check_budget,
    judged_neighbors,
    measure_search,
    ratios,
)
from methods import registry
from methods.errors import BudgetError, NotMeasuredSo
from methods.index import IVFSearcher, Partition
from methods.multivector import Codes, MultiVectorCodec, Ragged, rescore
from methods.multivector.single_vector import SingleVectorCodec, SingleVectorSearcher

_FILE = "single_vectors.npy"
_BLOCK = 4096  # vectors assigned and coded at a time


def configure(
    config: RunConfig, dataset: RaggedDataset, code_bytes: int
) -> tuple[SingleVectorCodec, MultiVectorCodec | None, int]:
    """As :func:`bench.tracks.multivector.configure`, for methods of one vector a document."""
    cls = registry.get(config.method["name"], MultiVectorCodec.track)
    if not issubclass(cls, SingleVectorCodec):
        classes = (registry.get(name, cls.track) for name in registry.names(cls.track))
        names = [each.name for each in classes if issubclass(each, SingleVectorCodec)]
        raise NotMeasuredSo(
            f"index={config.index['name']} is for methods that make one vector of a document ({', '.join(names)}); "
            f"{cls.name} keeps several, all of which are scanned; leave it out"
        )
    if config.index["name"] != IVF or config.index["residual"]:
        raise UsageError(f"sets of vectors have index={IVF} with index.residual=false, and no other")
    left = indexed.code_bytes_left(config, len(dataset.base), code_bytes)
    if left < 1:
        raise BudgetError(f"{cls.name} with an id", code_bytes, code_bytes - left + 1)
    codec, store_codec, size = multivector.configure(config, dataset, left)
    assert isinstance(codec, SingleVectorCodec)
    return codec, store_codec, size


def measure(config: RunConfig, dataset: RaggedDataset, code_bytes: int, work: Path) -> Measurement:
    """One run; as :func:`bench.tracks.indexed.measure`, with documents for vectors."""
    base, n = dataset.base, len(dataset.base)
    codec, store_codec, size = configure(config, dataset, code_bytes)
    left = indexed.code_bytes_left(config, n, code_bytes)
    run = Measurement(codec.params())
    check_budget(size, left, "a document's code")
    multivector.fit(config, codec, store_codec, dataset, run)
    with run.timed("encode"):
        vectors = _written(codec, base, work / _FILE)
        blocks = range(0, n, _BLOCK)
        rows = np.concatenate([codec.codec_.encode(vectors[at : at + _BLOCK]) for at in blocks])
    seconds = max(run.seconds["encode"], 1e-9)
    run.throughput = {"encode_vectors_per_s": base.total / seconds, "encode_documents_per_s": n / seconds}
    store_codes = None
    if store_codec is not None:
        with run.timed("encode_rescore"):
            store_codes = store_codec.encode(base)
    codes = Codes(rows.ravel(), np.arange(n + 1) * rows.shape[1], True)
    neighbors = judged_neighbors(dataset)
    sample = JudgedSample(neighbors, codec.searcher(codes.take(neighbors)))
    lists = DocumentLists(config, codec, vectors, rows, run)
    run.bytes = indexed.with_index(
        multivector.count_bytes(codec, codes, store_codec, store_codes, lists.at(1), dataset, config.rescore), lists
    )
    multivector.check_resident(run.bytes, n, left)
    stored = (run.bytes.code_total + lists.ids_nbytes) / n
    run.ratio = ratios(n, multivector.raw_bytes(dataset), stored, run.bytes.parts_total)
    store = None
    if config.rescore is not None:
        store = multivector.finer_store(store_codec, store_codes, dataset, work, run)

    def searcher(effort: int) -> latency.AnySearcher:
        some = lists.at(effort)
        if store is None:
            return some
        return rescore.RescoredSetSearcher(some, store, config.rescore_factor, config.rescore_carving)

    points = indexed.curve(config, dataset, lists, searcher, multivector.recall_judge, run)
    chosen = indexed.cheapest(points)
    run.index = IndexInfo(
        kind=IVF, probes=chosen.probes, points=points, ids_bytes=lists.ids_nbytes, **lists.described()
    )
    measure_search(config, dataset, searcher(chosen.probes), sample, multivector.recall_judge, run)
    return run


def _written(codec: SingleVectorCodec, base: Ragged, path: Path) -> np.ndarray:
    """The documents' single vectors in a file: they are read for centroids, for lists and for codes."""
    mapped: np.ndarray | None = None
    for start, few in codec.single_vectors(base):
        if mapped is None:
            mapped = np.lib.format.open_memmap(path, "w+", np.float32, (len(base), few.shape[1]))
        mapped[start : start + len(few)] = few
    assert mapped is not None
    return mapped


class DocumentLists:
    """Lists around centroids of documents' single vectors; as :class:`bench.tracks.index_kinds.Lists`.

    Parameters
    ----------
    config : RunConfig
    codec : SingleVectorCodec
        Fitted.
    vectors : (n, width) float32
        As the dense codec has them.
    codes : (n, code_size) uint8
        Of these.
    run : Measurement
    """

    option, counted, least = "probes", "lists", 1
    links_nbytes = 0

    def __init__(
        self, config: RunConfig, codec: SingleVectorCodec, vectors: np.ndarray, codes: np.ndarray, run: Measurement
    ) -> None:
        self._options, self._codec, n = config.index, codec, len(vectors)
        with run.timed("fit_lists"):
            lists = list_count(config.index, n)
            some = np.sort(np.random.default_rng(config.seed).permutation(n)[: config.train_size])
            self._partition = Partition(vectors.shape[1], codec.codec_.metric, lists).fit(vectors[some], config.seed)
        with run.timed("assign"):
            blocks = range(0, n, _BLOCK)
            self._assigned = np.concatenate([self._partition.assign(vectors[at : at + _BLOCK]) for at in blocks])
        with run.timed("build"):
            ids = config.index["ids"]
            self._index = IVFSearcher(codec.codec_, codes, self._partition, self._assigned, ids=ids)
        self.most = self._partition.lists
        self.ids_nbytes, self.parts = self._index.ids_nbytes, self._index.parts

    def at(self, effort: int) -> SingleVectorSearcher:
        """A search of so many lists."""
        return SingleVectorSearcher(self._codec, self._index.probing(effort))

    def visited_share(self, effort: int, queries: Ragged) -> float:
        """Share of the codes that a search of so many lists visits."""
        mapped = self._codec.query_vectors(Ragged(queries.floats(), queries.offsets).without_zeros())
        return self._index.probing(effort).visited_share(mapped)

    def described(self) -> dict[str, Any]:
        """Of the record's :class:`~bench.records.index_info.IndexInfo`."""
        return lists_described(self._options, np.bincount(self._assigned, minlength=self.most))
