"""Searches through lists against faiss's inverted files of codes as large, with as many lists and probes; one thread.

A round times the peer and then ours, so both meet the same machine; a ratio is the median over rounds. Times are only
reported, never asserted: the table is printed at the end, with recall@10 beside, since codes as large do not keep as
much. Ids are not in the bytes: faiss stores 8 bytes each, ours are packed. ``BENCH_INDEX_CODES`` sets the number of
codes (100,000).
"""

from __future__ import annotations

import functools
import os
import time

import faiss
import numpy as np
import pytest

import methods
from methods.index import IVFSearcher, Partition, default_lists

CODES = int(os.environ.get("BENCH_INDEX_CODES", 100_000))
DIM, K, BYTES, PROBES, QUERIES = 384, 10, 48, 16, 256
LISTS = default_lists(CODES)
PEERS = {"PQ fast scan": f"IVF{LISTS},PQ96x4fs", "PQ": f"IVF{LISTS},PQ48", "RaBitQ": f"IVF{LISTS},RaBitQ"}
ROWS: list[tuple[str, ...]] = []
COLUMNS = ("case", "ms a query", "recall@10", "peer", "ms a query", "recall@10", "ratio", "target")
TARGETS = {32: 1.5, 1: 1.0}


def title():
    return f"indexes, {CODES:,} codes of {BYTES} bytes, {LISTS:,} lists, {PROBES} probes, one thread"


@functools.cache
def vectors():
    """Unit vectors around centers, whose variances fall as those of sentence embeddings do: base and queries."""
    rng = np.random.default_rng(0)
    spread = (1 / (1 + np.arange(DIM) / 24)).astype(np.float32)
    centers = rng.standard_normal((500, DIM), dtype=np.float32)
    count = CODES + QUERIES
    points = centers[rng.integers(500, size=count)] + rng.standard_normal((count, DIM), dtype=np.float32)
    points *= spread / np.linalg.norm(points * spread, axis=1, keepdims=True)
    return points[:CODES], np.ascontiguousarray(points[CODES:])


@functools.cache
def truth():
    base, queries = vectors()
    return faiss.knn(queries, base, K, metric=faiss.METRIC_INNER_PRODUCT)[1]


def recall(ids):
    return np.mean([len(set(row) & set(true)) / K for row, true in zip(ids.tolist(), truth().tolist())])


@functools.cache
def partition():
    lists = Partition(DIM, "ip", LISTS).fit(vectors()[0])
    return lists, lists.assign(vectors()[0])


@functools.cache
def peer(key):
    index = faiss.index_factory(DIM, key, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors()[0][:50_000])
    index.add(vectors()[0])
    index.nprobe = PROBES
    return index


@functools.cache
def ours(name):
    lists, assigned = partition()
    codec = methods.create(name, DIM, BYTES, "ip").fit(vectors()[0][:20_000])
    return IVFSearcher(codec, codec.encode(vectors()[0]), lists, assigned, PROBES)


@pytest.mark.parametrize("nq", TARGETS)
@pytest.mark.parametrize("rival", PEERS)
@pytest.mark.parametrize("name", ["transform_coding", "trellis", "rq_trellis", "sign"])
def test_probed_lists(benchmark, name, rival, nq):
    index, other = ours(name), peer(PEERS[rival])
    queries = vectors()[1]
    batches = [queries[start : start + nq] for start in range(0, 64, nq)]
    seconds = {"ours": [], "peer": []}

    def clocked(who, search):
        start = time.perf_counter()
        for batch in batches:
            search(batch, K)
        seconds[who].append((time.perf_counter() - start) / 64)

    benchmark.pedantic(
        lambda: clocked("ours", index.search),
        setup=lambda: clocked("peer", other.search),
        rounds=9,
        warmup_rounds=1,
    )
    own, theirs = (np.array(seconds[who][1:]) for who in ("ours", "peer"))
    ratio = float(np.median(theirs / own))
    recalls = [recall(each.search(queries, K)[1]) for each in (index, other)]
    case = f"{name}, {'single' if nq == 1 else f'batch {nq}'}"
    ROWS.append(
        (
            case,
            f"{np.median(own) * 1e3:.3f}",
            f"{recalls[0]:.3f}",
            rival,
            f"{np.median(theirs) * 1e3:.3f}",
            f"{recalls[1]:.3f}",
            f"{ratio:.2f}x",
            f"{TARGETS[nq]}x",
        )
    )
    benchmark.extra_info.update(case=case, peer=rival, ratio=ratio, target=TARGETS[nq], codes=CODES, recalls=recalls)
    assert recalls[0] > 0.05
