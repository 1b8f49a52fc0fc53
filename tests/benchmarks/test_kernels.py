"""Scans by our kernels against faiss, one thread, top 10 included; the table of ratios is printed at the end.

A round times the peer and then the kernel, so both meet the same machine; a ratio is the median over rounds. Times
are only reported, never asserted. ``BENCH_KERNEL_CODES`` sets the number of codes (1,000,000; the ADC case a quarter).
"""

from __future__ import annotations

import functools
import os
import time

import faiss
import numpy as np
import pytest

from methods.kernels.machine.bandwidth import read_bandwidth
from methods.kernels.machine.cpu import best_path, supported_paths
from methods.kernels.scanning.adc import ADCScanner
from methods.kernels.scanning.hamming import HammingScanner
from methods.kernels.scanning.sdc import SDCScanner

CODES = int(os.environ.get("BENCH_KERNEL_CODES", 1_000_000))
ADC_CODES, ADC_DIM = CODES // 4, 384
K, SEED = 10, 0
ROWS: list[tuple[str, ...]] = []
COLUMNS = ("case", "path", "ms a query", "peer", "ms a query", "ratio", "target", "GB/s", "of bandwidth")


def title():
    return f"kernels, {CODES:,} codes, one thread, read bandwidth {read_bandwidth() / 1e9:.1f} GB/s"


def duel(benchmark, case, scanner, queries, peer_name, peer, target, rounds):
    """Time both, note a row of the table. ``peer`` is called without arguments."""
    peer_seconds, our_seconds = [], []

    def clocked(work, seconds):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)

    benchmark.pedantic(
        lambda: clocked(lambda: scanner.search(queries, K), our_seconds),
        setup=lambda: clocked(peer, peer_seconds),
        rounds=rounds,
        warmup_rounds=1,
    )
    ours, theirs = np.array(our_seconds[1:]), np.array(peer_seconds[1:])
    ratio, nq = float(np.median(theirs / ours)), len(queries)
    speed = scanner.nbytes * nq / float(np.median(ours))
    read_bandwidth.cache_clear()  # what else runs here changes it: measured now, beside this case
    ROWS.append(
        (
            case,
            scanner.path.name,
            f"{np.median(ours) / nq * 1e3:.2f}",
            peer_name,
            f"{np.median(theirs) / nq * 1e3:.2f}",
            f"{ratio:.2f}x",
            f"{target}x",
            f"{speed / 1e9:.1f}",
            f"{speed / read_bandwidth():.0%}" if nq == 1 else "",
        )
    )
    benchmark.extra_info.update(case=case, path=scanner.path.name, ratio=ratio, target=target, queries=nq, codes=CODES)


def random_codes(n, size, seed=SEED):
    return np.random.default_rng(seed).integers(0, 256, (n, size), dtype=np.uint8)


@functools.lru_cache(maxsize=1)
def binary_flat(size):
    index = faiss.IndexBinaryFlat(8 * size)
    index.add(random_codes(CODES, size))
    return index


@functools.lru_cache(maxsize=1)
def fast_scan():
    """``IndexPQFastScan`` of 64 bytes a code, 128 x 4 bit, over any vectors: its speed does not depend on them."""
    rng = np.random.default_rng(SEED)
    index = faiss.IndexPQFastScan(128, 128, 4)
    index.train(rng.standard_normal((4096, 128), dtype=np.float32))
    for start in range(0, CODES, 65_536):
        index.add(rng.standard_normal((min(65_536, CODES - start), 128), dtype=np.float32))
    return index


@functools.lru_cache(maxsize=2)
def float_index(name):
    rng = np.random.default_rng(SEED)
    if name == "RaBitQFastScan 4 bit":
        index = faiss.IndexRaBitQFastScan(ADC_DIM, faiss.METRIC_L2, 32, 4)
    else:
        index = faiss.IndexScalarQuantizer(ADC_DIM, faiss.ScalarQuantizer.QT_4bit, faiss.METRIC_INNER_PRODUCT)
    index.train(rng.standard_normal((8192, ADC_DIM), dtype=np.float32))
    for start in range(0, ADC_CODES, 65_536):
        index.add(rng.standard_normal((min(65_536, ADC_CODES - start), ADC_DIM), dtype=np.float32))
    return index


def paths():
    """The fastest path and the portable one."""
    return list(dict.fromkeys([best_path(), "portable"])) if "portable" in supported_paths() else [best_path()]


@pytest.mark.parametrize("path", paths())
@pytest.mark.parametrize(("bits", "target"), [(256, 2.5), (768, 3), (1024, 3)])
def test_hamming_batch(benchmark, bits, target, path):
    index, queries = binary_flat(bits // 8), random_codes(100, bits // 8, 1)
    scanner = HammingScanner(random_codes(CODES, bits // 8), 1, path)
    peer = functools.partial(index.search, queries, K)
    duel(benchmark, f"Hamming {bits}, batch 100", scanner, queries, "IndexBinaryFlat", peer, target, 5)


@pytest.mark.parametrize("path", paths())
@pytest.mark.parametrize(("bits", "target"), [(1024, 1.2)])
def test_hamming_single(benchmark, bits, target, path):
    index, query = binary_flat(bits // 8), random_codes(1, bits // 8, 1)
    scanner = HammingScanner(random_codes(CODES, bits // 8), 1, path)
    peer = functools.partial(index.search, query, K)
    duel(benchmark, f"Hamming {bits}, single", scanner, query, "IndexBinaryFlat", peer, target, 15)


@pytest.mark.parametrize("path", paths())
@pytest.mark.parametrize(("dim", "bits"), [(128, 4), (256, 2)])
@pytest.mark.parametrize(("nq", "target"), [(32, 2.5), (1, 2)])
def test_sdc(benchmark, dim, bits, nq, target, path):
    index, queries = fast_scan(), random_codes(nq, 64, 1)
    scanner = SDCScanner(random_codes(CODES, 64), dim, bits, threads=1, path=path)
    floats = np.random.default_rng(1).standard_normal((nq, 128), dtype=np.float32)
    peer = functools.partial(index.search, floats, K)
    case = f"SDC {bits} bit x {dim}, " + ("single" if nq == 1 else f"batch {nq}")
    duel(benchmark, case, scanner, queries, "IndexPQFastScan 128x4", peer, target, 15 if nq == 1 else 7)


@pytest.mark.parametrize("path", paths())
def test_sdc_with_norms(benchmark, path):
    index, queries = fast_scan(), random_codes(32, 64, 1)
    norms = np.random.default_rng(2).uniform(0.05, 0.1, CODES).astype(np.float16)
    scanner = SDCScanner(random_codes(CODES, 64), 128, 4, norms, threads=1, path=path)
    floats = np.random.default_rng(1).standard_normal((32, 128), dtype=np.float32)
    peer = functools.partial(index.search, floats, K)
    duel(benchmark, "SDC 4 bit x 128 + norm, batch 32", scanner, queries, "IndexPQFastScan 128x4", peer, 2.5, 7)


@pytest.mark.parametrize("path", paths())
@pytest.mark.parametrize("nq", [32, 1])
@pytest.mark.parametrize("name", ["RaBitQFastScan 4 bit", "ScalarQuantizer 4 bit"])
def test_adc(benchmark, name, nq, path):
    index = float_index(name)
    scanner = ADCScanner(random_codes(ADC_CODES, ADC_DIM // 2), ADC_DIM, 4, threads=1, path=path)
    queries = np.random.default_rng(1).standard_normal((nq, ADC_DIM), dtype=np.float32)
    peer = functools.partial(index.search, queries, K)
    case = f"ADC 4 bit x {ADC_DIM}, " + ("single" if nq == 1 else f"batch {nq}")
    duel(benchmark, case, scanner, queries, name, peer, 2, 7 if nq == 1 else 3)
