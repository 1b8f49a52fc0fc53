"""The dense track: one vector an item. Fit, encode, search, then judge; runs in the run's own process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.cluster.cuts import BLOCK
from bench.config import MAPPED, RunConfig
from bench.datasets import GroundTruth
from bench.datasets.base import Dataset, VectorStore
from bench.drift_options import DRIFT, first_rows
from bench.measure import quality
from bench.measure.at_rest import codes_at_rest, sampled_rows
from bench.measure.decoding_error import most_trained
from bench.measure.memory import peak_memory
from bench.measure.statistics import bootstrap_means
from bench.records import Bytes, DatasetInfo
from bench.tracks import train_queries
from bench.tracks.measurement import (
    TRUTH_K,
    JudgedSample,
    Measurement,
    check_budget,
    judged_neighbors,
    measure_search,
    ratios,
    returned,
    time_searches,
)
from methods import Codec, Metric, Searcher
from methods.budget import Budget
from methods.compose import rescored
from methods.errors import NotMapped

_PADDED_CODES = 256  # more than fills up a block of any scan is no padding
_SAMPLE = 1_000  # base vectors whose reconstruction is judged
_FEW = 1_000  # codes, a scan of which shows what a query takes besides the scan


def code_bytes(budget: Budget, dataset: Dataset) -> int:
    """The most bytes of a vector's code."""
    return budget.code_bytes(dataset.dim)


def configure(
    config: RunConfig, dataset: Dataset, code_bytes: int, metric: Metric | None = None
) -> tuple[Codec, Codec | None, int]:
    """Codec, store for re-ranking (None without one in memory) and the bytes of a vector's codes together.

    ``metric`` is the codec's, where it is not the data set's own.
    """
    method = dict(config.method)
    name = method.pop("name")
    codec, store = rescored.plan(
        name, dataset.dim, code_bytes, metric or dataset.metric, rescore=config.rescore, **method
    )
    if config.codes == MAPPED and codec.copies_codes:
        raise NotMapped(
            f"{name} lays its codes out anew for scanning, so that those in a mapped file would be copied into memory; "
            "use codes=memory, or a method whose codes are scanned as they are (pq, int8, saq)"
        )
    return codec, store, codec.code_size + (store.code_size if store else 0)


def describe(config: RunConfig, dataset: Dataset) -> DatasetInfo:
    """The data set as a record has it."""
    return DatasetInfo(
        name=dataset.name,
        n=dataset.base.shape[0],
        dim=dataset.dim,
        queries=len(dataset.queries),
        metric=str(dataset.metric),
        checksum=dataset.checksum,
        **_trained_on(config, dataset),
    )


def _trained_on(config: RunConfig, dataset: Dataset) -> dict[str, Any]:
    """What the codec is fitted on, and how many of them."""
    if config.scenario["name"] == DRIFT:
        first = first_rows(config.scenario, dataset.base.shape[0])
        return {"trained_on": "base", "n_train": most_trained(first, config.train_size)}
    named = "base" if dataset.train is None else "train"
    return {"trained_on": named, "n_train": min(dataset.n_train, config.train_size)}


def recall_judge(dataset: Dataset, truth: GroundTruth) -> quality.RecallJudge:
    """Tells which returned ids are true neighbors."""
    return quality.RecallJudge(dataset.base, dataset.queries, dataset.metric, truth.scores, truth.ids)


def training_vectors(dataset: Dataset, most: int, seed: int) -> np.ndarray:
    """At most ``most`` of :attr:`Dataset.training`."""
    n = dataset.n_train
    return dataset.training.read(0, n) if n <= most else dataset.training.take(training_rows(n, most, seed))


def fit(config: RunConfig, codec: Codec, train: np.ndarray, dataset: Dataset) -> Codec:
    """``codec`` fitted on ``train``: what :func:`training_vectors` gives, or what is made of it row by row."""
    rows = training_rows(dataset.n_train, config.train_size, config.seed)
    return train_queries.fit(codec, train, rows, dataset, config.seed)


def training_rows(n: int, most: int, seed: int) -> np.ndarray:
    """At most ``most`` of ``n`` rows: all, or a sample without replacement, in their order."""
    return np.arange(n) if n <= most else np.sort(np.random.default_rng(seed).choice(n, most, replace=False))


def measure(config: RunConfig, dataset: Dataset, code_bytes: int, work: Path) -> Measurement:
    """One run.

    Parameters
    ----------
    config : RunConfig
    dataset : Dataset
        Its ground truth is in the cache.
    code_bytes : int
        The budget for everything kept in memory per vector.
    work : Path
        Folder for what the run keeps on disk.

    Raises
    ------
    OverBudget
        If a code, or what the searcher keeps per code, is larger than ``code_bytes``.
    """
    codec, store_codec, size = configure(config, dataset, code_bytes)
    run = Measurement(codec.params())
    check_budget(size, code_bytes, "a code")

    with run.timed("load"):
        train = training_vectors(dataset, config.train_size, config.seed)
    with run.timed("fit"):
        fit(config, codec, train, dataset)
        if store_codec is not None:
            store_codec.fit(train, config.seed)
    del train

    file = work / "codes.npy" if config.codes == MAPPED else None
    codes, store_codes = encode(dataset.base, codec, store_codec, run, file=file)
    mapped = codes if isinstance(codes, np.memmap) else None
    neighbors = judged_neighbors(dataset)
    sample = JudgedSample(neighbors, codec.searcher(codes[neighbors]))
    reconstruction = _reconstruction_error(dataset, codec, codes, config.seed)
    run.at_rest = codes_at_rest(codes[sampled_rows(len(codes), codec.code_size, config.seed)], codes)
    with run.timed("build"):
        searcher = codec.searcher(codes)
    few = codec.searcher(codes[:_FEW].copy()) if len(codes) >= 4 * _FEW and config.rescore is None else None
    del codes
    run.bytes = count_bytes(codec, store_codec, searcher, dataset, config.rescore)
    check_resident(run.bytes, searcher.size, code_bytes)
    run.ratio = ratios(dataset.base.shape[0], 4 * dataset.dim, run.bytes.code, run.bytes.parts_total)
    if config.rescore is not None:
        store = finer_store(codec, store_codec, store_codes, dataset, work, run)
        searcher = rescored.RescoredSearcher(searcher, store, config.rescore_factor, codec)
    del store_codes

    measure_search(config, dataset, searcher, sample, recall_judge, run, few, mapped)
    if reconstruction is not None:
        run.quality |= bootstrap_means({"reconstruction_error": reconstruction}, config.seed)
    return run


def check_resident(counted: Bytes, codes: int, code_bytes: int, searchers: int = 1) -> None:
    """:class:`OverBudget` if more than the budget is kept in memory for a code, the padding of last blocks aside."""
    padding = min(counted.searcher_padding, searchers * _PADDED_CODES * code_bytes)
    resident = counted.searcher - padding + counted.rescore_memory
    check_budget(-(-resident // max(1, codes)), code_bytes, "what the searcher keeps for a code")


def encode(
    base: VectorStore,
    codec: Codec,
    store_codec: Codec | None,
    run: Measurement,
    before: Callable[[int, np.ndarray], np.ndarray] | None = None,
    file: Path | None = None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Codes of the whole base, read block by block; only the codec's own time counts as encoding.

    ``before`` makes what is encoded of the number of a block's first vector and the block (m, dim).
    It keeps its own clock. Codes lie in ``file`` (``.npy``), memory-mapped, or else in memory.
    """
    n = base.shape[0]
    shape = n, codec.code_size
    codes = np.empty(shape, np.uint8) if file is None else np.lib.format.open_memmap(file, "w+", np.uint8, shape)
    store_codes = None if store_codec is None else np.empty((n, store_codec.code_size), np.uint8)
    for start in range(0, n, BLOCK):
        with run.timed("load"):
            vectors = base.read(start, start + BLOCK)
        coded = vectors if before is None else before(start, vectors)
        with run.timed("encode", f"{start:,} of {n:,}"):
            codes[start : start + len(vectors)] = codec.encode(coded)
        if store_codec is not None and store_codes is not None:
            with run.timed("encode_rescore"):
                store_codes[start : start + len(vectors)] = store_codec.encode(vectors)
    if isinstance(codes, np.memmap):
        codes.flush()
    run.throughput = {"encode_vectors_per_s": n / max(run.seconds.get("encode", 0.0), 1e-9)}
    return codes, store_codes


def count_and_time(
    config: RunConfig, codec: Codec, searcher: Searcher, dataset: Dataset, code_bytes: int, run: Measurement
) -> dict[int, np.ndarray]:
    """Bytes, ratio, times and results of searches that do not re-rank; the ids that they return, by k."""
    run.bytes = count_bytes(codec, None, searcher, dataset, None)
    check_resident(run.bytes, searcher.size, code_bytes)
    run.ratio = ratios(dataset.base.shape[0], 4 * dataset.dim, run.bytes.code, run.bytes.parts_total)
    results = time_searches(config, searcher, dataset, run)
    run.peak_memory_bytes = peak_memory()
    ids = returned(searcher, dataset.queries, results)
    run.arrays["scores"], run.arrays["ids"] = results[TRUTH_K]
    return ids


def count_bytes(
    codec: Codec, store_codec: Codec | None, searcher: Searcher, dataset: Dataset, rescored: str | None
) -> Bytes:
    n, dim = dataset.base.shape
    parts = {name: int(array.nbytes) for name, array in codec.parts().items()}
    store_bytes = 0
    if store_codec is not None:
        parts |= {f"rescore.{name}": int(array.nbytes) for name, array in store_codec.parts().items()}
        store_bytes = store_codec.code_size
    return Bytes(
        code=codec.code_size + store_bytes,
        code_total=n * (codec.code_size + store_bytes),
        parts=parts,
        parts_total=sum(parts.values()),
        searcher=int(searcher.nbytes),
        searcher_padding=int(searcher.padding),
        rescore_memory=n * store_bytes,
        rescore_disk=np.dtype(codec.rescoring_dtype).itemsize * n * dim if rescored == "disk" else 0,
    )


def finer_store(
    codec: Codec,
    store_codec: Codec | None,
    store_codes: np.ndarray | None,
    dataset: Dataset,
    work: Path,
    run: Measurement,
) -> rescored.Store:
    """What candidates are re-ordered from: codes in memory, or a file in ``work`` of what ``codec`` has."""
    if store_codec is not None and store_codes is not None:
        return rescored.CodecStore(store_codec, store_codes)
    with run.timed("build_disk"):
        return rescored.DiskStore(_write_vectors(dataset.base, codec, work / "vectors.npy"))


def _write_vectors(base: VectorStore, codec: Codec, path: Path) -> Path:
    """What candidates are re-ranked by as a ``.npy`` file, written block by block."""
    dtype = np.dtype(codec.rescoring_dtype).newbyteorder("<")
    with path.open("wb") as file:
        header = {"descr": dtype.str, "fortran_order": False, "shape": base.shape}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, base.shape[0], BLOCK):
            vectors = codec.rescoring_vectors(base.read(start, start + BLOCK))
            file.write(vectors.astype(dtype, copy=False).tobytes())
    return path


def _reconstruction_error(dataset: Dataset, codec: Codec, codes: np.ndarray, seed: int) -> np.ndarray | None:
    """Relative squared errors of a sample of the base; None where codes do not decode."""
    rows = judged_rows(len(codes), seed)
    return quality.reconstruction_error(codec, codes[rows], dataset.base.take(rows)) if codec.decodable else None


def judged_rows(n: int, seed: int) -> np.ndarray:
    """Rows of the base, ascending, whose reconstruction is judged."""
    return np.sort(np.random.default_rng(seed).choice(n, min(n, _SAMPLE), replace=False))
