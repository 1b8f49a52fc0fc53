"""Transform coding and trellis codes against faiss's RaBitQ fast scan, and how fast they encode; one thread, 384 dims.

A round times the peer and then ours, so both meet the same machine; a ratio is the median over rounds. Times are only
reported, never asserted: the table is printed at the end. ``BENCH_FRONTIER_CODES`` sets the number of codes (65,536).
"""

from __future__ import annotations

import functools
import os
import time

import faiss
import numpy as np
import pytest

from methods import for_budget

CODES = int(os.environ.get("BENCH_FRONTIER_CODES", 65_536))
DIM, K, BATCH = 384, 10, 32
RATIO_TARGETS = {"transform_coding": 1.5, "trellis": 0.7}
ENCODE_TARGETS = {"transform_coding": 100_000, "trellis": 10_000}
PEER_BITS = {192: 4, 96: 2, 48: 1}  # of RaBitQ: 212, 116 and 56 bytes
ROWS: list[tuple[str, ...]] = []
COLUMNS = ("case", "bytes", "ours", "peer's bytes", "peer", "ratio", "target")


def title():
    return f"frontier, {CODES:,} codes, one thread"


@functools.cache
def vectors():
    """Unit vectors whose variances fall as those of sentence embeddings do."""
    rng = np.random.default_rng(0)
    spread = 1 / (1 + np.arange(DIM) / 24)
    found = rng.standard_normal((CODES, DIM), dtype=np.float32) * spread.astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@functools.lru_cache(maxsize=2)
def fitted(name, code_bytes):
    return for_budget(name, DIM, code_bytes, "ip", gamma=1.5, scale="least_squares").fit(vectors()[:20_000])


@functools.lru_cache(maxsize=1)
def peer(bits):
    index = faiss.IndexRaBitQFastScan(DIM, faiss.METRIC_INNER_PRODUCT, 32, bits)
    index.train(vectors()[:20_000])
    index.add(vectors())
    return index


@pytest.mark.parametrize("nq", [BATCH, 1])
@pytest.mark.parametrize("name", ["transform_coding", "trellis"])
@pytest.mark.parametrize("code_bytes", [192, 96, 48])
def test_search(benchmark, name, code_bytes, nq):
    codec, index = fitted(name, code_bytes), peer(PEER_BITS[code_bytes])
    searcher = codec.searcher(codec.encode(vectors()))
    queries = np.ascontiguousarray(vectors()[:nq])
    seconds = {"ours": [], "peer": []}

    def clocked(who, search):
        start = time.perf_counter()
        search(queries, K)
        seconds[who].append(time.perf_counter() - start)

    benchmark.pedantic(
        lambda: clocked("ours", searcher.search),
        setup=lambda: clocked("peer", index.search),
        rounds=9,
        warmup_rounds=1,
    )
    ours, theirs = (np.array(seconds[who][1:]) for who in ("ours", "peer"))
    ratio = float(np.median(theirs / ours))
    target = RATIO_TARGETS[name] if nq == BATCH and code_bytes > 48 else None
    times = [f"{np.median(each) / nq * 1e3:.2f} ms" for each in (ours, theirs)]
    case = f"{name}, {'single' if nq == 1 else f'batch {nq}'}"
    wanted = f"{target}x" if target else ""
    ROWS.append((case, str(codec.code_size), times[0], str(index.code_size), times[1], f"{ratio:.2f}x", wanted))
    benchmark.extra_info.update(case=case, code_bytes=code_bytes, ratio=ratio, target=target, codes=CODES)


@pytest.mark.parametrize("name", ["transform_coding", "trellis"])
@pytest.mark.parametrize("code_bytes", [192, 96])
def test_encode(benchmark, name, code_bytes):
    codec, some = fitted(name, code_bytes), vectors()[:8_192]
    codes = benchmark.pedantic(codec.encode, (some,), rounds=5, warmup_rounds=1)
    assert codes.shape == (len(some), code_bytes)
    speed = len(some) / benchmark.stats.stats.median
    ROWS.append((f"{name}, encode", str(code_bytes), f"{speed:,.0f}/s", "", "", "", f"{ENCODE_TARGETS[name]:,}/s"))
    benchmark.extra_info.update(vectors_per_second=speed, target=ENCODE_TARGETS[name])
