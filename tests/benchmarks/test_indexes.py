"""Searches through lists against faiss's inverted files: equal bytes, the same lists, equal recall; one thread.

Both have as many bytes a vector, ids counted (faiss stores 8 bytes each, ours are packed: the code takes the rest), and
the same centroids. Each visits as many lists as it needs for the same recall@10: .90, or the best that both reach with
an eighth of the lists. A round times the peer and then ours, so both meet the same machine; a ratio is the median over
rounds. Times are only reported, never asserted: the table is printed at the end.

``BENCH_INDEX_DATA`` names a dense data set (squad-sentences-mini, which comes with the program), of which
``BENCH_INDEX_VECTORS`` are taken at most.
"""

from __future__ import annotations

import functools
import os
import time

import faiss
import numpy as np
import pytest

import methods
from bench.datasets import load
from bench.datasets.store import blocks
from methods.faiss_tools import faiss_metric
from methods.index import IVFSearcher, Partition, default_lists, id_bits

DATA = os.environ.get("BENCH_INDEX_DATA", "squad-sentences-mini")
MOST = int(os.environ.get("BENCH_INDEX_VECTORS", 0)) or None
K, QUERIES, TRAIN, WANTED = 10, 512, 100_000, 0.90
PEER_ID = 8  # bytes
ROWS: list[tuple[str, ...]] = []
COLUMNS = ("case", "bytes", "peer", "recall@10", "lists", "peer's", "ms a query", "peer's", "ratio", "target")
TARGETS = {32: 1.5, 1: 1.0}
PEERS = {  # by the bytes of a code at ``d`` dimensions
    "PQ fast scan, 2 bits": lambda lists, d, metric: faiss.IndexIVFPQFastScan(
        lists, d, lists.ntotal, d // 2, 4, metric
    ),
    "PQ fast scan, 4 bits": lambda lists, d, metric: faiss.IndexIVFPQFastScan(lists, d, lists.ntotal, d, 4, metric),
    "SQ4": lambda lists, d, metric: _scalar(lists, d, metric, faiss.ScalarQuantizer.QT_4bit),
    "SQ8": lambda lists, d, metric: _scalar(lists, d, metric, faiss.ScalarQuantizer.QT_8bit),
    "RaBitQ, 4 bits": lambda lists, d, metric: faiss.IndexIVFRaBitQ(lists, d, lists.ntotal, metric, True, 4),
}
CASES = [
    ("transform_coding", "PQ fast scan, 2 bits"),
    ("transform_coding", "PQ fast scan, 4 bits"),
    ("transform_coding", "SQ4"),
    ("transform_coding", "RaBitQ, 4 bits"),
    ("int8", "SQ8"),
]


def title():
    return f"indexes, {DATA}, {len(data()[0]):,} vectors, {partition()[0].lists:,} lists, one thread"


def _scalar(lists, d, metric, kind):
    return faiss.IndexIVFScalarQuantizer(lists, d, lists.ntotal, kind, metric)


@functools.cache
def data():
    """Base and queries, normalized under cosine, and the metric of products or distances."""
    dataset = load(DATA, max_base=MOST, max_queries=QUERIES)
    base = np.concatenate([block for _, block in blocks(dataset.base)])
    prepared = Partition(dataset.dim, dataset.metric, 1).prepared
    return prepared(base), np.ascontiguousarray(prepared(dataset.queries)), dataset.metric.inner


@functools.cache
def truth():
    base, queries, metric = data()
    return faiss.knn(queries, base, K, metric=faiss_metric(metric))[1]


def recall(ids):
    return float(np.mean([len(set(row) & set(true)) / K for row, true in zip(ids.tolist(), truth().tolist())]))


@functools.cache
def partition():
    base, _, metric = data()
    lists = Partition(base.shape[1], metric, default_lists(len(base))).fit(base[:: max(1, len(base) // TRAIN)])
    return lists, lists.assign(base)


@functools.cache
def peer(name):
    base, _, metric = data()
    lists: faiss.Index = faiss.IndexFlat(base.shape[1], faiss_metric(metric))
    lists.add(partition()[0].centroids)
    index = PEERS[name](lists, base.shape[1], faiss_metric(metric))
    index.train(base[:: max(1, len(base) // TRAIN)])
    index.add(base)

    def search(queries, probes):
        index.nprobe = probes
        return index.search(queries, K)[1]

    return search, index.code_size + PEER_ID, lists  # whose memory the index reads


@functools.cache
def ours(name, total):
    base, _, metric = data()
    size = total - -(-id_bits(len(base), "packed") // 8)
    codec = methods.create(name, base.shape[1], size, metric).fit(base[:: max(1, len(base) // TRAIN)])
    index = IVFSearcher(codec, codec.encode(base), *partition())
    return lambda queries, probes: index.probing(probes).search(queries, K)[1]


def _probes(search, wanted):
    """The least of 1, 2, 3, 4, 6, 8, 12, ... lists that keep ``wanted`` of the ten nearest."""
    steps = sorted({step << power for power in range(13) for step in (2, 3)} | {1})
    return next(probes for probes in steps if recall(search(data()[1], probes)) >= wanted)


@functools.cache
def matched(name, rival):
    """Ours, the peer, bytes of both, the recall that both reach, and the lists that each visits for it."""
    queries, most = data()[1], max(1, partition()[0].lists // 8)
    other, total, _ = peer(rival)
    own = ours(name, total)
    wanted = min(WANTED, *(recall(each(queries, most)) for each in (own, other)))
    return own, other, total, wanted, _probes(own, wanted), _probes(other, wanted)


@pytest.mark.parametrize("nq", TARGETS)
@pytest.mark.parametrize(("name", "rival"), CASES)
def test_probed_lists(benchmark, name, rival, nq):
    own, other, total, wanted, lists, peers_lists = matched(name, rival)
    queries = data()[1]
    batches = [queries[start : start + nq] for start in range(0, 128, nq)]
    seconds = {"ours": [], "peer": []}

    def clocked(who, search, probes):
        start = time.perf_counter()
        for batch in batches:
            search(batch, probes)
        seconds[who].append((time.perf_counter() - start) / 128)

    benchmark.pedantic(
        lambda: clocked("ours", own, lists),
        setup=lambda: clocked("peer", other, peers_lists),
        rounds=9,
        warmup_rounds=1,
    )
    mine, theirs = (np.array(seconds[who][1:]) for who in ("ours", "peer"))
    ratio = float(np.median(theirs / mine))
    case = f"{name}, {'single' if nq == 1 else f'batch {nq}'}"
    times = (f"{np.median(each) * 1e3:.3f}" for each in (mine, theirs))
    ROWS.append(
        (
            case,
            str(total),
            rival,
            f"{wanted:.3f}",
            str(lists),
            str(peers_lists),
            *times,
            f"{ratio:.2f}x",
            f"{TARGETS[nq]}x",
        )
    )
    benchmark.extra_info.update(case=case, peer=rival, ratio=ratio, target=TARGETS[nq], bytes=total, recall=wanted)
    assert wanted > 0.05
