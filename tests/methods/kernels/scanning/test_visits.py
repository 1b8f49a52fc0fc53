"""Queries that scan different rows in one call find what each finds alone, on every path that runs here."""

from __future__ import annotations

import kernel_paths
import numpy as np
import pytest

from methods.kernels.scanning.adc import ADCScanner
from methods.kernels.scanning.hamming import HammingScanner
from methods.kernels.scanning.levels import LevelScanner
from methods.kernels.scanning.nearest import NearestScanner
from methods.kernels.scanning.ranged import Visits
from methods.kernels.scanning.sdc import SDCScanner
from methods.transform.transform_coding.quantizer import integer_levels

N, DIM, NQ, K = 1000, 40, 9, 7


def _codes(rng, bits):
    return rng.integers(0, 256, (N, DIM * bits // 8), dtype=np.uint8)


def _hamming(rng, path):
    return HammingScanner(_codes(rng, 1), path=path), _codes(rng, 1)[:NQ]


def _sdc(bits):
    return lambda rng, path: (SDCScanner(_codes(rng, bits), DIM, bits, path=path), _codes(rng, bits)[:NQ])


def _adc(rng, path):
    return ADCScanner(_codes(rng, 2), DIM, 2, path=path), rng.standard_normal((NQ, DIM), dtype=np.float32)


def _nearest(rng, path):
    tables = rng.uniform(0.5, 1, (2, 256)).astype(np.float32)
    entries, extra = rng.integers(0, 256, N, dtype=np.uint8), rng.integers(0, 256, (N, 2), dtype=np.uint8)
    factors = np.linspace(0.5, 1.5, 256, dtype=np.float32)
    scanner = NearestScanner(_codes(rng, 2), DIM, 2, entries, factors, extra, tables, path=path)
    return scanner, rng.standard_normal((NQ, DIM), dtype=np.float32)


def _levels(l2):
    def build(rng, path):
        alphabets = np.array([6, 4, 3, 3, 1])
        codes = rng.integers(0, 256, (N, alphabets.sum()), dtype=np.uint8)
        entries, factors = rng.integers(0, 256, N, dtype=np.uint8), np.linspace(0.5, 1.5, 256, dtype=np.float32)
        spreads = rng.uniform(0.5, 2, len(alphabets)).astype(np.float32)
        scanner = LevelScanner(codes, alphabets, spreads, integer_levels(), entries, factors, l2, path=path)
        # Weights of very different sizes: sums of 16 bits are widened elsewhere for each query.
        return scanner, rng.standard_normal((NQ, DIM), dtype=np.float32) ** 3

    return build


SCANNERS = {
    "hamming": _hamming,
    "sdc 1 bit": _sdc(1),
    "sdc 2 bits": _sdc(2),
    "sdc 4 bits": _sdc(4),
    "adc": _adc,
    "nearest": _nearest,
    "levels": _levels(False),
    "levels l2": _levels(True),
}


def _visits(rng, group):
    """Each of 12 pieces of rows, some empty, is visited by some queries; a query's pieces never overlap."""
    edges = np.sort(rng.choice(N + 1, 13, replace=False))
    pieces = np.column_stack([edges[:-1], edges[1:]])
    pieces[3, 1] = pieces[3, 0]
    visiting = [rng.choice(NQ, group, replace=False) for _ in pieces]
    ends = np.append(0, np.cumsum([len(each) for each in visiting]))
    return Visits(np.concatenate(visiting), ends, pieces, np.arange(len(pieces) + 1)), pieces, visiting


@pytest.mark.parametrize("path", kernel_paths.EVERY)
@pytest.mark.parametrize("kind", SCANNERS)
def test_each_query_finds_what_it_finds_alone(kind, path):
    rng = np.random.default_rng(5)
    scanner, queries = SCANNERS[kind](rng, path)
    for group, threads in ((1, 1), (5, 1), (4, 2)):
        scanner.threads = threads
        visits, pieces, visiting = _visits(rng, group)
        scores, ids = scanner.within(visits).search(queries, K)
        for query in range(NQ):
            own = pieces[[query in each for each in visiting]]
            alone = scanner.within(own).search(queries[query : query + 1], K)
            np.testing.assert_array_equal(ids[query], alone[1][0])
            np.testing.assert_array_equal(scores[query], alone[0][0])


def test_visits_without_rows_find_nothing():
    scanner, queries = _hamming(np.random.default_rng(0), None)
    nothing = Visits(np.arange(2), np.array([0, 1, 2]), np.empty((0, 2), np.int64), np.zeros(3, np.int64))
    assert nothing.most_rows == 0
    assert (scanner.within(nothing).search(queries[:2], 3)[1] == -1).all()


def test_a_query_scans_at_most_the_sum_of_its_pieces():
    pieces = np.array([[0, 10], [20, 25], [30, 100]])
    visits = Visits(np.array([0, 1, 0]), np.array([0, 2, 3]), pieces, np.array([0, 2, 3]))
    assert visits.most_rows == 85
