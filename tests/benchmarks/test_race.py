"""Scans of packed codes: ours, turbovec (where it is installed) and faiss's fast scans, in turns; one thread.

At 4 and 2 bits a dimension each. A round times every scan once, so all meet the same machine; a ratio is the median
over rounds of another scan's time over ours. Nothing is asserted of times: the table is printed at the end, with the
bytes of codes a second as a share of the bandwidth that is measured beside, and recall@10.

``BENCH_RACE_DATA`` names a dense data set (squad-sentences-mini, which comes with the program), of which
``BENCH_RACE_CODES`` vectors are taken at most; ``BENCH_RACE_DIM=1536`` takes random unit vectors of so many dimensions
instead, whose variances fall as those of embeddings do.

Codes are kept in the cache (``race/`` of ``BENCH_CACHE``), so that a second race scans at once: a trellis of 100,000
vectors of 3,072 dimensions takes minutes to encode.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import time
from importlib import metadata

import faiss
import numpy as np
import pytest

import methods
from bench.datasets import load
from bench.datasets.cache import cache_dir, written_whole
from bench.datasets.store import blocks
from methods.kernels.machine.bandwidth import read_bandwidth
from methods.kernels.machine.cpu import best_path
from methods.vectors import normalized

DATA, DIM = os.environ.get("BENCH_RACE_DATA", "squad-sentences-mini"), int(os.environ.get("BENCH_RACE_DIM", 0))
CODES, TRAIN, QUERIES, ROUNDS = int(os.environ.get("BENCH_RACE_CODES", 100_000)), 20_000, 256, 7
OURS = ("transform_coding", "trellis")
ROWS: list[tuple[str, ...]] = []
COLUMNS = ("bits", "batch", "k", "scan", "bytes", "recall@10", "ms a query", "GB/s", "of bandwidth", *OURS)


def title():
    source = f"random, {DIM} dimensions" if DIM else DATA
    return (
        f"race, {source}, {len(data()[0]):,} codes, {best_path()}, one thread; memory {bandwidth() / 1e9:.1f} GB/s"
        f"\nlast columns: a scan's time over that of {' and of '.join(OURS)}"
    )


@functools.cache
def bandwidth():
    return read_bandwidth()


@functools.cache
def data():
    """Base and queries, of unit length."""
    if DIM:
        rng, spread = np.random.default_rng(0), 1 / (1 + np.arange(DIM, dtype=np.float32) / 24)
        vectors = rng.standard_normal((CODES + QUERIES, DIM), dtype=np.float32) * spread
        vectors = normalized(vectors)
        return vectors[QUERIES:], vectors[:QUERIES]
    dataset = load(DATA, max_base=CODES, max_queries=QUERIES, metric="cosine")
    base = np.concatenate([block for _, block in blocks(dataset.base)])
    return normalized(base), normalized(dataset.queries)


@functools.cache
def truth():
    base, queries = data()
    return faiss.knn(queries, base, 10, metric=faiss.METRIC_INNER_PRODUCT)[1]


def recall(ids):
    return float(np.mean([len(set(row) & set(best)) / 10 for row, best in zip(ids.tolist(), truth().tolist())]))


def kept(scan, version, bits):
    """The file that a scan's codes are kept in; another one for every set of vectors and version."""
    source = f"random-{DIM}" if DIM else DATA
    name = f"{scan}-{version}-{bits}-{source}-{len(data()[0])}".replace(" ", "_")
    return cache_dir() / "race" / name


def _ours(name):
    def build(bits):
        base = data()[0]
        file = kept(name, methods.get(name).version, bits)
        codec_file = file.with_name(f"{file.name}.codec")
        if not file.exists():
            codec = methods.create(name, base.shape[1], base.shape[1] * bits // 8, "ip").fit(base[:TRAIN])
            file.parent.mkdir(parents=True, exist_ok=True)
            codec.save(codec_file)
            with written_whole(file) as handle:
                np.save(handle, codec.encode(base))
        codec = methods.load(codec_file)
        return codec.searcher(np.load(file, allow_pickle=False)).search, codec.code_size

    return build


def _faiss(scan, make):
    def build(bits):
        base = data()[0]
        file = kept(scan, metadata.version("faiss-cpu"), bits)
        if not file.exists():
            index = make(base.shape[1], bits)
            index.train(base[:TRAIN])
            index.add(base)
            with written_whole(file) as handle:
                handle.write(faiss.serialize_index(index))
        index = faiss.deserialize_index(np.fromfile(file, np.uint8))
        return index.search, index.code_size

    return build


def _turbovec(bits):
    import turbovec

    base = data()[0]
    file = kept("turbovec", metadata.version("turbovec"), bits)
    if not file.exists():
        index = turbovec.TurboQuantIndex(dim=base.shape[1], bit_width=bits)
        index.calibrate(base[:4096])
        index.add(base)
        with written_whole(file) as handle:
            handle.write(index.to_bytes())
    index = turbovec.TurboQuantIndex.from_bytes(file.read_bytes())
    index.prepare()
    # A factor of four bytes stands beside the symbols of a code.
    return index.search, base.shape[1] * bits // 8 + 4


SCANS = {name: _ours(name) for name in OURS}
MAKERS = {
    "PQ fast scan": lambda d, bits: faiss.IndexPQFastScan(d, d * bits // 4, 4, faiss.METRIC_INNER_PRODUCT),
    "RaBitQ fast scan": lambda d, bits: faiss.IndexRaBitQFastScan(d, faiss.METRIC_INNER_PRODUCT, 32, bits),
}
SCANS |= {scan: _faiss(scan, make) for scan, make in MAKERS.items()}
if importlib.util.find_spec("turbovec"):
    SCANS["turbovec"] = _turbovec


@functools.lru_cache(maxsize=1)
def scans(bits):
    return {name: build(bits) for name, build in SCANS.items()}


@pytest.mark.parametrize("k", [10, 64])
@pytest.mark.parametrize("nq", [1, 32, 256])
@pytest.mark.parametrize("bits", [4, 2])
def test_race(benchmark, bits, nq, k):
    base, queries = data()
    batches = [queries[start : start + nq] for start in range(0, min(QUERIES, max(nq, 8)), nq)]
    seconds = {name: [] for name in SCANS}

    def turn():
        for name, (search, _) in scans(bits).items():
            start = time.perf_counter()
            for batch in batches:
                search(batch, k)
            seconds[name].append((time.perf_counter() - start) / (len(batches) * nq))

    benchmark.pedantic(turn, rounds=ROUNDS, warmup_rounds=1)
    times = {name: np.array(each[1:]) for name, each in seconds.items()}
    for name, (search, size) in scans(bits).items():
        rate = size * len(base) / np.median(times[name]) / 1e9
        ratios = ["" if name == own else f"{np.median(times[name] / times[own]):.2f}x" for own in OURS]
        found = recall(np.asarray(search(queries, 10)[1]))
        numbers = (f"{found:.3f}", f"{np.median(times[name]) * 1e3:.3f}", f"{rate:.1f}")
        share = f"{rate * 1e9 / bandwidth():.0%}" if nq == 1 else ""  # a batch reads a code once for many queries
        ROWS.append((str(bits), str(nq), str(k), name, str(size), *numbers, share, *ratios))
        benchmark.extra_info[name] = {"ms": float(np.median(times[name]) * 1e3), "recall@10": found, "bytes": size}
        assert found > 0.1
