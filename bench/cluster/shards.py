"""One base on several nodes of Ray: each shard is encoded, searched exactly and scanned where its codes lie.

A shard is an actor. Ray starts it anew where its node or process is lost, and repeats the call that it had: it then
reads and encodes its rows again, with the same codec, lists and finer store, so that the answer is the same.
"""

from __future__ import annotations

import copy
import functools
import itertools
import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import methods
from bench.cluster.cuts import BLOCK, cuts
from bench.cluster.sharded_store import ShardedStore
from bench.config import RunConfig
from bench.datasets.base import Dataset
from bench.datasets.exact import Part, search_rows
from bench.errors import UsageError
from bench.execution import stage
from bench.execution.data import load_dataset
from bench.measure import environment
from bench.measure.memory import peak_memory
from methods import Codec, Searcher
from methods.compose.rescored import CodecStore, DiskStore
from methods.index import IVFSearcher, Partition
from methods.vectors import as_vectors


@dataclass(frozen=True)
class Files:
    """What was learned once, where all nodes read it; a shard that is started anew reads it again.

    Attributes
    ----------
    codec : Path
        Of a fitted codec (:meth:`methods.Codec.save`).
    lists : Path or None
        Of the lists that all shards have (:meth:`methods.index.Partition.save`); None: all codes are scanned.
    store : Path or None
        Of the fitted codec of a finer store in memory; None without one.
    """

    codec: Path
    lists: Path | None = None
    store: Path | None = None


class Shard:
    """Rows of a base, on the node where Ray puts them.

    Parameters
    ----------
    config : str
        The run's configuration as JSON; the data set is read from the files that it names.
    folder : str
        In which the run was started: relative names are of files there.
    files : Files
    start, stop : int
        Rows of the base.
    """

    def __init__(self, config: str, folder: str, files: Files, start: int, stop: int) -> None:
        os.chdir(folder)
        self._config = RunConfig.from_dict(json.loads(config))
        _set_threads(self._config.threads)
        self._codec, self._start, self._stop = methods.load(files.codec), start, stop
        self._partition = None if files.lists is None else Partition.load(files.lists)
        self._store_codec = None if files.store is None else methods.load(files.store)

    def truth(self, k: int) -> Part:
        """The exact ``k`` nearest among the rows."""
        return search_rows(self._dataset, k, self._start, self._stop)

    def encode(self) -> None:
        """Encode the rows; no effect where they are."""
        _ = self._searcher

    def codes(self, rows: np.ndarray) -> np.ndarray:
        """Codes (m, code_size) uint8 of the given rows (m,) of the whole base, which are this shard's."""
        return self._encoded[rows - self._start]

    def store(self) -> None:
        """Make the finer store of the rows; no effect where it is."""
        _ = self._store

    def stored(self, rows: np.ndarray) -> np.ndarray:
        """The finer store's bytes (m, ...) of the given rows (m,) of the whole base, which are this shard's."""
        return self._store.stored(rows - self._start)

    def search(self, queries: np.ndarray, k: int, probes: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """As :meth:`methods.Searcher.search`, of so many lists; ids are rows of the whole base."""
        searcher = self._searcher
        if isinstance(searcher, IVFSearcher) and probes is not None:
            searcher = searcher.probing(probes)
        scores, ids = searcher.search(queries, k)
        return scores, np.where(ids < 0, ids, ids + self._start)

    def scan(self) -> dict[str, Any]:
        """What the searcher says of itself and its bytes; of lists also their ids, parts, and how long they are."""
        searcher, names = self._searcher, ["dim", "metric", "size", "nbytes", "padding"]
        names += ["descending", "estimates_metric"]
        said: dict[str, Any] = {}
        if self._partition is not None:
            names += ["ids_nbytes", "parts"]
            said["counts"] = np.bincount(self._assigned, minlength=self._partition.lists)
        return said | {name: getattr(searcher, name) for name in names}

    def about(self) -> dict[str, Any]:
        """The shard as a record has it."""
        self.encode()  # anew, if the process was lost since
        machine = environment.machine()
        seconds = {} if self._partition is None else {"assign_s": self._assign_s}
        if self._config.rescore is not None:
            self.store()
            seconds["store_s"] = self._store_s
        return {
            "start": self._start,
            "stop": self._stop,
            "node": platform.node(),
            **{name: machine[name] for name in ("cpu", "cpu_flags", "cores")},
            **seconds,
            "encode_s": self._encode_s,
            "peak_memory_bytes": peak_memory(),
        }

    @functools.cached_property
    def _dataset(self) -> Dataset:
        dataset = load_dataset(self._config)
        assert isinstance(dataset, Dataset)  # checked where the run was prepared
        return dataset

    @functools.cached_property
    def _encoded(self) -> np.ndarray:
        """Codes (rows, code_size) uint8; with them come ``_assigned``, the list of each row, and seconds."""
        rows = self._stop - self._start
        codes, self._assigned = np.empty((rows, self._codec.code_size), np.uint8), np.zeros(rows, np.int32)
        self._assign_s = self._encode_s = 0.0
        for block, own, here in self._blocks():
            begin = time.perf_counter()
            if self._partition is not None:
                lists = self._partition.assign(block)
                self._assigned[here] = lists[own]
                if self._config.index["residual"]:
                    block = self._partition.residuals(block, lists)
            assigned = time.perf_counter()
            codes[here] = self._codec.encode(block)[own]
            self._assign_s += assigned - begin
            self._encode_s += time.perf_counter() - assigned
        return codes

    @functools.cached_property
    def _store(self) -> CodecStore | DiskStore:
        """What candidates are re-ordered from; with it come seconds."""
        self._store_s = 0.0
        rows, coder = self._stop - self._start, self._store_codec
        if coder is not None:
            codes = np.empty((rows, coder.code_size), np.uint8)
            for block, own, here in self._blocks():
                begin = time.perf_counter()
                codes[here] = coder.encode(block)[own]
                self._store_s += time.perf_counter() - begin
            return CodecStore(coder, codes)
        dtype = np.dtype(self._codec.rescoring_dtype)
        with tempfile.TemporaryFile() as file:  # of no name: gone with the process, however that ends
            for block, own, _ in self._blocks():
                begin = time.perf_counter()
                file.write(self._codec.rescoring_vectors(block)[own].astype(dtype, copy=False).tobytes())
                self._store_s += time.perf_counter() - begin
            file.flush()
            return DiskStore(np.memmap(file, dtype, "r", shape=(rows, self._codec.dim)))

    def _blocks(self) -> Iterator[tuple[np.ndarray, slice, slice]]:
        """One machine's blocks that have rows of this shard: vectors, where these lie in them, and in the shard."""
        for first in range(self._start - self._start % BLOCK, self._stop, BLOCK):
            own = slice(max(0, self._start - first), self._stop - first)
            here = slice(max(0, first - self._start), min(first + BLOCK, self._stop) - self._start)
            yield self._dataset.base.read(first, first + BLOCK), own, here

    @functools.cached_property
    def _searcher(self) -> Searcher:
        if self._partition is None:
            return self._codec.searcher(self._encoded)
        codes, settings = self._encoded, {name: self._config.index[name] for name in ("residual", "ids")}
        return IVFSearcher(self._codec, codes, self._partition, self._assigned, **settings)


def _set_threads(threads: int) -> None:
    """What the process could not read from its environment."""
    import faiss

    faiss.omp_set_num_threads(threads)


class Shards:
    """All shards of a base.

    Parameters
    ----------
    ray : module
        Connected.
    config : RunConfig
    codec : Codec
        Fitted.
    files : Files
        Of absolute names.
    rows : int
        Of the base.

    Raises
    ------
    UsageError
        The cluster has fewer processors than the shards take.
    """

    def __init__(self, ray: Any, config: RunConfig, codec: Codec, files: Files, rows: int) -> None:
        there = int(ray.cluster_resources().get("CPU", 0))
        if (taken := config.shards * config.threads) > there:
            raise UsageError(
                f"shards={config.shards} of threads={config.threads} take {taken} processors and the cluster has "
                f"{there}; use at most shards={there // config.threads}"
            )
        self._ray, self._codec, self.size = ray, codec, rows
        edges = cuts(rows, config.shards)
        self._starts = edges[:-1]
        actor = ray.remote(
            num_cpus=config.threads,
            max_restarts=-1,
            max_task_retries=-1,
            scheduling_strategy="SPREAD",
            runtime_env={"env_vars": environment.thread_environment(config.threads)},
        )(Shard)
        given = json.dumps(config.to_dict()), os.getcwd(), files
        self._actors = [actor.remote(*given, *edge) for edge in itertools.pairwise(edges.tolist())]

    def truth(self, k: int) -> list[Part]:
        """The exact ``k`` nearest of each shard."""
        return self._all("exact neighbors", [actor.truth.remote(k) for actor in self._actors])

    def encode(self) -> None:
        """Encode every shard."""
        self._all("encode", [actor.encode.remote() for actor in self._actors])

    def codes(self, rows: np.ndarray) -> np.ndarray:
        """Codes (m, code_size) uint8 of the given rows (m,), ascending."""
        refs = [actor.codes.remote(some) for actor, some in self._owners(rows)]
        return np.concatenate([np.empty((0, self._codec.code_size), np.uint8), *self._ray.get(refs)])

    def store(self, codec: Codec | None) -> ShardedStore:
        """Make the finer store of every shard, of which ``codec`` decodes what it stores; None: vectors in files."""
        self._all("finer store", [actor.store.remote() for actor in self._actors])
        return ShardedStore(self._stored, codec or self._codec.rescoring_dtype, (self.size, self._codec.dim))

    def _stored(self, rows: np.ndarray) -> np.ndarray:
        """The store's bytes (m, ...) of the given rows (m >= 1,), ascending; one call to each shard that has some."""
        refs = [actor.stored.remote(some) for actor, some in self._owners(rows)]
        return np.concatenate(self._ray.get(refs))

    def _owners(self, rows: np.ndarray) -> Iterator[tuple[Any, np.ndarray]]:
        """Each shard that has some of the rows (m,), ascending, and which."""
        split = np.split(rows, np.searchsorted(rows, self._starts[1:]))
        return ((actor, some) for actor, some in zip(self._actors, split) if len(some))

    def searcher(self) -> ShardedSearcher:
        """Searches all shards at once."""
        scans = self._ray.get([actor.scan.remote() for actor in self._actors])
        return ShardedSearcher(self._ray, self._actors, scans)

    def about(self) -> list[dict[str, Any]]:
        """The shards as a record has them."""
        return self._ray.get([actor.about.remote() for actor in self._actors])

    def _all(self, what: str, refs: list[Any]) -> list[Any]:
        """What all return; the progress shows how many have."""
        waiting = refs
        while waiting:
            stage.enter(f"{what}, {len(refs) - len(waiting)} of {len(refs)} shards")
            _, waiting = self._ray.wait(waiting)
        return self._ray.get(refs)


class ShardedSearcher(Searcher):
    """Asks every shard for its ``k`` best and keeps the best of them; of equal scores the smaller id.

    Attributes
    ----------
    scans : sequence of dict
        What each shard says of its own (:meth:`Shard.scan`).
    """

    _probes: int | None = None  # None: of a scan of all codes

    def __init__(self, ray: Any, actors: Sequence[Any], scans: Sequence[dict[str, Any]]) -> None:
        super().__init__(scans[0]["dim"], scans[0]["metric"], sum(scan["size"] for scan in scans))
        self._ray, self._actors, self.scans = ray, actors, scans
        self._nbytes = sum(scan["nbytes"] for scan in scans)
        self.padding = sum(scan["padding"] for scan in scans)
        self.descending, self.estimates_metric = scans[0]["descending"], scans[0]["estimates_metric"]

    @property
    def nbytes(self) -> int:
        return self._nbytes

    def probing(self, probes: int) -> ShardedSearcher:
        """The same search of so many lists in every shard, which are the same ones; shares everything."""
        other = copy.copy(self)
        other._probes = probes
        return other

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """As :meth:`methods.Searcher.search`; the shards check and normalize what they are asked."""
        return self._search(as_vectors(queries, self.dim, "queries"), k)

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        shared = self._ray.put(queries)
        answers = self._ray.get([actor.search.remote(shared, k, self._probes) for actor in self._actors])
        return merge(answers, k, self.descending)


def merge(answers: Sequence[tuple[np.ndarray, np.ndarray]], k: int, descending: bool) -> tuple[np.ndarray, np.ndarray]:
    """The ``k`` best of the scores and ids (nq, k) of several searchers; what is padded with -1 comes last."""
    scores, ids = (np.concatenate(arrays, axis=1) for arrays in zip(*answers))
    order = np.lexsort((ids, -scores if descending else scores, ids < 0), axis=1)[:, :k]
    return np.take_along_axis(scores, order, axis=1), np.take_along_axis(ids, order, axis=1)
