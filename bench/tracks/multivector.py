"""The multivector track: a set of vectors an item, scored by Chamfer; runs in the run's own process."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.config import RunConfig
from bench.datasets import GroundTruth, RaggedDataset
from bench.datasets.sets.truth import true_scores
from bench.measure import quality
from bench.records import Bytes, DatasetInfo
from bench.tracks.measurement import (
    JudgedSample,
    Measurement,
    check_budget,
    judged_neighbors,
    measure_search,
    ratios,
)
from methods.budget import Budget
from methods.multivector import Codes, MultiVectorCodec, Ragged, SetSearcher, rescore
from methods.multivector.base import OFFSET_BYTES

_BLOCK = 1 << 18  # vectors read and encoded at a time
_FILE = "vectors.npy"


def raw_bytes(dataset: RaggedDataset) -> float:
    """Mean float32 bytes of a document's vectors."""
    return 4.0 * dataset.dim * dataset.base.total / max(1, len(dataset.base))


def code_bytes(budget: Budget, dataset: RaggedDataset) -> int:
    """The most mean bytes of a document's code; a ratio is against its float32 vectors."""
    return budget.code_bytes(raw_bytes(dataset) / 4)


def configure(
    config: RunConfig, dataset: RaggedDataset, code_bytes: int
) -> tuple[MultiVectorCodec, MultiVectorCodec | None, int]:
    """Codec, store for re-ranking (None without one in memory) and the mean bytes of a document's codes, rounded up."""
    method = dict(config.method)
    lengths = dataset.base.lengths
    codec, store = rescore.plan(method.pop("name"), dataset.dim, code_bytes, lengths, rescore=config.rescore, **method)
    size = codec.code_sizes(lengths).mean() + (store.code_sizes(lengths).mean() if store else 0)
    return codec, store, int(np.ceil(size))


def describe(config: RunConfig, dataset: RaggedDataset) -> DatasetInfo:
    """The data set as a record has it."""
    return DatasetInfo(
        name=dataset.name,
        n=len(dataset.base),
        dim=dataset.dim,
        queries=len(dataset.queries),
        metric=str(dataset.metric),
        checksum=dataset.checksum,
        trained_on="base",
        n_train=min(dataset.n_train, config.train_size),
        vectors_per_item=dataset.base.total / len(dataset.base),
    )


def measure(config: RunConfig, dataset: RaggedDataset, code_bytes: int, work: Path) -> Measurement:
    """One run; as :func:`bench.tracks.dense.measure`, with documents for vectors and mean bytes of a document."""
    codec, store_codec, size = configure(config, dataset, code_bytes)
    run = Measurement(codec.params())
    check_budget(size, code_bytes, "a document's code on average")
    fit(config, codec, store_codec, dataset, run)
    with run.timed("encode"):
        codes = codec.encode(dataset.base)
    rate = dataset.base.total / max(run.seconds["encode"], 1e-9)
    run.throughput = {"encode_vectors_per_s": rate, "encode_documents_per_s": rate * len(codes) / dataset.base.total}
    store_codes = None
    if store_codec is not None:
        with run.timed("encode_rescore"):
            store_codes = store_codec.encode(dataset.base)
    neighbors = judged_neighbors(dataset)
    sample = JudgedSample(neighbors, codec.searcher(codes.take(neighbors)))
    with run.timed("build"):
        searcher = codec.searcher(codes)
    run.bytes = count_bytes(codec, codes, store_codec, store_codes, searcher, dataset, config.rescore)
    check_resident(run.bytes, len(codes), code_bytes)
    run.ratio = ratios(len(codes), raw_bytes(dataset), run.bytes.code_total / len(codes), run.bytes.parts_total)
    del codes
    if config.rescore is not None:
        store = finer_store(store_codec, store_codes, dataset, work, run)
        searcher = rescore.RescoredSetSearcher(searcher, store, config.rescore_factor, config.rescore_carving)

    measure_search(config, dataset, searcher, sample, recall_judge, run)
    return run


def recall_judge(dataset: RaggedDataset, truth: GroundTruth) -> quality.RecallJudge:
    """Tells which returned ids are true neighbors."""
    return _ChamferJudge(dataset, truth)


def fit(
    config: RunConfig,
    codec: MultiVectorCodec,
    store_codec: MultiVectorCodec | None,
    dataset: RaggedDataset,
    run: Measurement,
) -> None:
    """Fit the codec, and the store of a re-ranking in memory, on training documents."""
    with run.timed("load"):
        train = training_documents(dataset.base, config.train_size, config.seed)
    with run.timed("fit"):
        codec.fit(train, config.seed)
        if store_codec is not None:
            store_codec.fit(train, config.seed)


def check_resident(counted: Bytes, documents: int, code_bytes: int) -> None:
    """:class:`OverBudget` if more than the budget is kept in memory for a document, padding of last blocks aside."""
    resident = counted.searcher - counted.searcher_padding + counted.rescore_memory
    check_budget(-(-resident // documents), code_bytes, "what the searcher keeps for a document on average")


def training_documents(base: Ragged, most: int, seed: int) -> Ragged:
    """At most ``most`` documents to fit on: a seeded sample of the base, never queries."""
    if len(base) <= most:
        return base
    return base.take(np.sort(np.random.default_rng(seed).choice(len(base), most, replace=False)))


def count_bytes(
    codec: MultiVectorCodec,
    codes: Codes,
    store_codec: MultiVectorCodec | None,
    store_codes: Codes | None,
    searcher: SetSearcher,
    dataset: RaggedDataset,
    rescored: str | None,
) -> Bytes:
    """Bytes of documents' codes, of what is stored once and of the searcher."""
    parts = {name: int(array.nbytes) for name, array in codec.parts().items()}
    sizes, store_bytes = codes.sizes, 0
    if store_codec is not None and store_codes is not None:
        parts |= {f"rescore.{name}": int(array.nbytes) for name, array in store_codec.parts().items()}
        sizes = sizes + store_codes.sizes
        store_bytes = store_codes.nbytes
    elif rescored == "disk":
        sizes = sizes + OFFSET_BYTES
        store_bytes = OFFSET_BYTES * len(sizes)
    return Bytes(
        code=int(np.ceil(sizes.mean())),
        code_largest=int(sizes.max()),
        code_total=int(sizes.sum()),
        parts=parts,
        parts_total=sum(parts.values()),
        searcher=int(searcher.nbytes),
        searcher_padding=int(searcher.padding),
        rescore_memory=store_bytes,
        rescore_disk=int(dataset.base.vectors.nbytes) if rescored == "disk" else 0,
    )


def finer_store(
    store_codec: MultiVectorCodec | None,
    store_codes: Codes | None,
    dataset: RaggedDataset,
    work: Path,
    run: Measurement,
) -> rescore.SetStore:
    """What candidates are re-ordered from: codes in memory, else the documents in a file."""
    if store_codec is not None and store_codes is not None:
        return rescore.CodecSetStore(store_codec, store_codes)
    with run.timed("build_disk"):
        return rescore.DiskSetStore(_written(dataset.base, work / _FILE))


def _written(base: Ragged, path: Path) -> Ragged:
    """The documents with their vectors in a file of the stored type, written block by block and memory-mapped."""
    mapped = np.lib.format.open_memmap(path, "w+", base.vectors.dtype, base.vectors.shape)
    for start in range(0, base.total, _BLOCK):
        mapped[start : start + _BLOCK] = base.vectors[start : start + _BLOCK]
    mapped.flush()
    return Ragged(np.load(path, mmap_mode="r", allow_pickle=False), base.offsets)


class _ChamferJudge(quality.RecallJudge):
    """Recall against Chamfer; ties are looked up by exact scores of the sets."""

    def __init__(self, dataset: RaggedDataset, truth: GroundTruth) -> None:
        super().__init__(None, None, dataset.metric, truth.scores, truth.ids)  # type: ignore[arg-type]
        self.dataset = dataset

    def _true_scores(self, query: np.ndarray, ids: np.ndarray) -> np.ndarray:
        return true_scores(self.dataset, query, ids)
