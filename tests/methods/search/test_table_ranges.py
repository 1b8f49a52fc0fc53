"""Some rows by tables of bytes: the scores are those of a scan of all codes, whatever lies in a code."""

from __future__ import annotations

import numpy as np
import pytest

import methods
from methods.kernels.scanning import byte_tables
from methods.kernels.scanning.ranged import Visits

DIM, N, NQ = 37, 300, 7  # no multiple of 8: last bytes are not full
PIECES = np.array([[0, 100], [103, N]])
LEFT_OUT = np.arange(100, 103)


def _bytes(bits, more=0):
    return -(-DIM * bits // 8) + more


CASES = {
    "pq": ("pq", 7, {}),
    "pq 4 bits": ("pq", 5, {"bits": 4}),
    "pq by the norm": ("pq", 6, {"renormalize": True}),
    "pq 4 bits by the norm": ("pq", 5, {"renormalize": True, "bits": 4}),
    "opq": ("opq", 6, {}),
    "quips": ("quips", 6, {}),
    "anisotropic_pq": ("anisotropic_pq", 6, {}),
    "rq": ("rq", 3, {}),
    "prq": ("prq", 6, {}),
    **{f"rabitq, query of {bits}": ("rabitq", _bytes(1, 8), {"query_bits": bits}) for bits in (0, 4, 8)},
    **{f"rabitq {bits}": ("rabitq", _bytes(1, 20) + _bytes(bits - 1), {}) for bits in (2, 4, 9)},
    **{f"eden {bits}": ("eden", _bytes(bits, 8), {}) for bits in (1, 2, 4, 8)},
    "eden biased": ("eden", _bytes(2, 8), {"scale": "biased"}),
    **{f"turboquant {bits}": ("turboquant", _bytes(bits), {"store_norm": False}) for bits in (1, 2, 4, 8)},
    "turboquant norm": ("turboquant", _bytes(4, 2), {"store_norm": True}),
}
WITHOUT_L2 = {"quips", "anisotropic_pq", "rq", "prq", "pq by the norm", "pq 4 bits by the norm"}


def _vectors(n, seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, DIM), np.float32) + np.linspace(-0.3, 0.4, DIM, dtype=np.float32)


def _searcher(case, metric):
    name, size, params = CASES[case]
    codec = methods.create(name, dim=DIM, budget=f"{size}B", metric=metric, **params).fit(_vectors(N, 0))
    codes = codec.encode(_vectors(N, 1))
    assert codes.shape[1] == size
    codes[200:210] = codes[:10]
    return codec.searcher(codes)


@pytest.mark.parametrize(
    ("case", "metric"),
    [(case, metric) for case in CASES for metric in ("l2", "cosine") if metric != "l2" or case not in WITHOUT_L2],
)
def test_some_rows_score_as_in_a_scan_of_all(case, metric):
    searcher, queries = _searcher(case, metric), _vectors(NQ, 2)
    flat, rows = searcher.search(queries, N)
    part = searcher.within(PIECES)
    assert part.size == N - len(LEFT_OUT)
    scores, ids = part.search(queries, N)
    assert (np.sort(ids, axis=1)[:, len(LEFT_OUT) :] == np.setdiff1d(np.arange(N), LEFT_OUT)).all()
    assert (ids[:, -len(LEFT_OUT) :] == -1).all()
    every = np.full((NQ, N), np.nan, np.float32)
    np.put_along_axis(every, rows, flat, axis=1)
    expected = np.take_along_axis(every, ids[:, : part.size], axis=1)
    # Queries are rotated in batches of other sizes, whose products round otherwise: one may round to the next integer.
    rtol = 5e-3 if case in ("rabitq, query of 4", "rabitq, query of 8") else 1e-4
    np.testing.assert_allclose(scores[:, : part.size], expected, rtol=rtol, atol=3e-5 * np.abs(flat).max())


@pytest.mark.parametrize("case", ["pq", "rabitq 4", "turboquant norm"])
def test_queries_of_other_rows_find_what_each_finds_alone(case, monkeypatch):
    searcher, queries = _searcher(case, "l2"), _vectors(NQ, 2)
    pieces = np.array([(0, 90), (90, 200), (200, 203), (203, 203), (250, N)])
    visiting = [[6, 2], [0, 1, 2], [5, 0], [1], [3, 5, 6]]  # query 4 visits nothing
    ends = np.append(0, np.cumsum([len(each) for each in visiting]))
    visits = Visits(np.concatenate(visiting), ends, pieces, np.arange(len(pieces) + 1))
    together = searcher.within(visits).search(queries, 12)
    for query in range(NQ):
        own = pieces[[query in each for each in visiting]]
        scores, ids = searcher.within(own.reshape(-1, 2)).search(queries[query : query + 1], 12)
        np.testing.assert_array_equal(together[1][query], ids[0])
        np.testing.assert_allclose(together[0][query], scores[0], rtol=1e-6)  # a batch is rotated otherwise
    monkeypatch.setattr(byte_tables, "_TABLES", 2 * 4 * 256 * 19)  # tables of a few queries at a time
    for array, other in zip(searcher.within(visits).search(queries, 12), together, strict=True):
        np.testing.assert_array_equal(array, other)


@pytest.mark.parametrize("case", ["pq", "rabitq 4", "turboquant norm"])
def test_all_rows_for_all_queries_are_the_scan_itself(case):
    searcher, queries = _searcher(case, "l2"), _vectors(NQ, 2)
    for array, other in zip(searcher.within(np.array([[0, N]])).search(queries, 9), searcher.search(queries, 9)):
        np.testing.assert_array_equal(array, other)


@pytest.mark.parametrize(("name", "size", "params"), [("pq", 6, {"bits": 5}), ("eden", _bytes(3, 8), {})])
def test_indices_across_bytes_have_no_tables(name, size, params):
    codec = methods.create(name, dim=DIM, budget=f"{size}B", metric="l2", **params).fit(_vectors(N, 0))
    assert codec.searcher(codec.encode(_vectors(N, 1))).within(PIECES) is None
