"""Every scanner equals its NumPy reference, on every path that this CPU supports."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methods.kernels import reference
from methods.kernels.errors import KernelError
from methods.kernels.machine.cpu import EMULATED, PATHS, best_path, missing_flags
from methods.kernels.scanning.adc import ADCScanner, quantize_queries
from methods.kernels.scanning.factors import logarithmic, nearest_logarithmic
from methods.kernels.scanning.hamming import HammingScanner
from methods.kernels.scanning.nearest import NearestScanner
from methods.kernels.scanning.sdc import SDCScanner

GOLDEN = Path(__file__).parents[3] / "data" / "bebr_sdc.npz"
LARGEST = np.iinfo(np.int32).max


def _paths() -> list:
    """Every path; one that this CPU lacks is reported as skipped, with the flags that are missing."""
    lacking = {path: ", ".join(sorted(missing_flags(path))) for path in PATHS}
    skips = {p: pytest.mark.skip(reason=f"this CPU lacks {flags}") for p, flags in lacking.items() if flags}
    emulated = [EMULATED] if "avx512_vnni" in skips else []  # it is the native path but for one instruction
    return [pytest.param(p, marks=skips.get(p, ())) for p in PATHS] + emulated


every_path = pytest.mark.parametrize("path", _paths())
sizes = st.integers(0, 200)
dims = st.one_of(st.integers(1, 40), st.integers(1, 400), st.sampled_from([128, 384, 1024, 4096]))
bit_counts = st.integers(1, 4)
few = settings(max_examples=25, deadline=None, derandomize=True)


def _codes(seed: int, n: int, size: int) -> np.ndarray:
    """Codes of which many are equal, so that scores tie."""
    rng = np.random.default_rng(seed)
    different = rng.integers(0, 256, (max(1, n // 3), size), dtype=np.uint8)
    return different[rng.integers(0, len(different), n)]


def _scale(seed: int, n: int, kind: str) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """Scale, table, and the factors as float32, of a kind."""
    factors = np.random.default_rng(seed).uniform(0.05, 0.2, n)
    if kind == "none":
        return None, None, None
    if kind == "float16":
        halves = factors.astype(np.float16)
        return halves, None, halves.astype(np.float32)
    table = logarithmic(0.05, 0.2)
    entries = nearest_logarithmic(factors, table)
    return entries, table, table[entries]


def _assert_best(found: tuple, values: np.ndarray, k: int, descending: bool, worst: float) -> None:
    scores, ids = found
    m = min(k, values.shape[1])
    expected, order = reference.best(values, m, descending)
    assert scores.shape == ids.shape == (len(values), k)
    np.testing.assert_array_equal(scores[:, :m], expected)
    np.testing.assert_array_equal(ids[:, :m], order)
    assert (scores[:, m:] == worst).all()
    assert (ids[:, m:] == -1).all()


@every_path
@few
@given(n=sizes, size=st.one_of(st.integers(1, 40), st.integers(1, 520)), nq=st.integers(0, 9), k=st.integers(1, 40))
def test_hamming_equals_reference(path: str, n: int, size: int, nq: int, k: int):
    codes, queries = _codes(n, n, size), _codes(nq + 1, nq, size)
    found = HammingScanner(codes, threads=1, path=path).search(queries, k)
    assert found[0].dtype == np.int32
    assert found[1].dtype == np.int64
    _assert_best(found, reference.hamming(codes, queries), k, False, LARGEST)


@every_path
@few
@given(
    n=sizes,
    dim=dims,
    bits=bit_counts,
    nq=st.integers(0, 9),
    k=st.integers(1, 40),
    kind=st.sampled_from(["none", "float16", "uint8"]),
)
def test_sdc_equals_reference(path: str, n: int, dim: int, bits: int, nq: int, k: int, kind: str):
    size = -(-dim * bits // 8)
    codes, queries = _codes(n, n, size), _codes(nq + 1, nq, size)
    scale, table, factors = _scale(n, n, kind)
    found = SDCScanner(codes, dim, bits, scale, table, threads=1, path=path).search(queries, k)
    assert found[0].dtype == np.float32
    _assert_best(found, reference.sdc(codes, queries, dim, bits, factors), k, True, -np.inf)


@every_path
@few
@given(n=sizes, dim=dims, bits=bit_counts, nq=st.integers(0, 9), kind=st.sampled_from(["none", "float16", "uint8"]))
def test_adc_equals_reference(path: str, n: int, dim: int, bits: int, nq: int, kind: str, gaussian):
    codes = _codes(n, n, -(-dim * bits // 8))
    queries = gaussian(nq, dim, seed=nq)
    scale, table, factors = _scale(n, n, kind)
    found = ADCScanner(codes, dim, bits, scale, table, threads=1, path=path).search(queries, 10)
    weights, units = quantize_queries(queries)
    _assert_best(found, reference.adc(codes, weights, units, dim, bits, factors), 10, True, -np.inf)


@every_path
@few
@given(n=sizes, dim=dims, bits=bit_counts, nq=st.integers(0, 9))
def test_nearest_are_those_of_the_reference(path: str, n: int, dim: int, bits: int, nq: int):
    """Components of very different sizes, as principal axes have: int8 alone would lose the small ones."""
    rng = np.random.default_rng(n + nq)
    codes = _codes(n, n, -(-dim * bits // 8))
    queries = (rng.standard_normal((nq, dim)) * 0.9 ** np.arange(dim)).astype(np.float32)
    entries, table, factors = _scale(n, n, "uint8")
    lengths = rng.integers(0, 256, (n, 2), dtype=np.uint8)
    tables = np.stack([np.linspace(0.1, 2, 256), np.linspace(1, 1.1, 256)]).astype(np.float32)
    found = NearestScanner(codes, dim, bits, entries, table, lengths, tables, threads=1, path=path).search(queries, 10)
    halves = tables[0, lengths[:, 0]] * tables[1, lengths[:, 1]]
    values = reference.nearest(codes, queries, dim, bits, factors, halves)
    m = min(10, n)
    best = -np.sort(-values, axis=1)[:, :m]
    atol = 2e-4 * max(1.0, np.abs(values).max(initial=0))
    np.testing.assert_allclose(found[0][:, :m], best, rtol=0, atol=atol)
    np.testing.assert_allclose(np.take_along_axis(values, found[1][:, :m], axis=1), best, rtol=0, atol=2 * atol)
    assert (found[1][:, m:] == -1).all()


def test_nearest_count_what_they_keep():
    codes, lengths = (np.zeros((1000, size), np.uint8) for size in (12, 2))
    entries, factors, tables = np.zeros(1000, np.uint8), np.ones(256, np.float32), np.ones((2, 256), np.float32)
    scanner = NearestScanner(codes, 48, 2, entries, factors, lengths, tables)
    assert scanner.nbytes - scanner.padding == 1000 * (12 + 1 + 2)


@every_path
@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize(("dim", "bits"), [(4096, 4), (4096, 3), (4096, 2), (3600, 2), (1820, 2), (290, 4), (4096, 1)])
def test_sums_do_not_overflow_at_the_extreme_codes(path: str, value: int, dim: int, bits: int):
    codes = np.full((3, dim * bits // 8), value, np.uint8)
    queries = np.stack([codes[0], ~codes[0]])
    scores, _ = SDCScanner(codes, dim, bits, path=path, threads=1).search(queries, 1)
    highest = dim * (2 - 0.5 ** (bits - 1)) ** 2
    assert scores[:, 0].tolist() == [highest, -highest]
    flat = np.ones((2, dim), np.float32) * np.array([[1], [-1]], np.float32)
    asymmetric, _ = ADCScanner(codes, dim, bits, path=path, threads=1).search(flat, 1)
    expected = dim * (2 - 0.5 ** (bits - 1)) * (1 if value else -1)
    np.testing.assert_allclose(asymmetric[:, 0], [expected, -expected], rtol=1e-6)
    if bits == 1:
        found, _ = HammingScanner(codes, path=path, threads=1).search(queries, 1)
        assert found[:, 0].tolist() == [0, dim]


@every_path
def test_sdc_reproduces_an_independent_implementation(path: str):
    golden = np.load(GOLDEN)
    documents, queries = golden["doc_codes"], golden["query_codes"]
    scores, ids = SDCScanner(documents, 128, 2, path=path).search(queries, len(documents))
    by_document = np.empty_like(scores)
    np.put_along_axis(by_document, ids, scores, axis=1)
    np.testing.assert_array_equal(by_document, golden["inner_product"])


@every_path
@pytest.mark.parametrize("kind", ["float16", "uint8"])
def test_sdc_with_norms_ranks_as_an_independent_implementation(path: str, kind: str):
    golden = np.load(GOLDEN)
    norms = golden["doc_inverse_norm"]
    table = np.unique(norms)  # the exact factors, as many as there are: no rounding that could swap neighbors
    if kind == "float16":
        scale, scale_table = norms.astype(np.float16), None
    else:
        assert len(table) <= 256
        scale, scale_table = np.searchsorted(table, norms).astype(np.uint8), np.resize(table, 256).astype(np.float32)
    scanner = SDCScanner(golden["doc_codes"], 128, 2, scale, scale_table, path=path)
    _, ids = scanner.search(golden["query_codes"], 20)
    if kind == "uint8":
        np.testing.assert_array_equal(ids, golden["cosine_rank_top20"])
    else:
        common = [len(np.intersect1d(a, b)) for a, b in zip(ids, golden["cosine_rank_top20"])]
        assert np.mean(common) >= 19.5


@every_path
@pytest.mark.parametrize("size", [1, 7, 32, 100])
def test_hamming_distances_equal_those_of_faiss(path: str, size: int):
    rng = np.random.default_rng(size)
    codes, queries = (rng.integers(0, 256, (n, size), dtype=np.uint8) for n in (500, 20))
    index = faiss.IndexBinaryFlat(8 * size)
    index.add(codes)
    expected, _ = index.search(queries, 15)
    distances, ids = HammingScanner(codes, path=path).search(queries, 15)
    np.testing.assert_array_equal(distances, expected)
    np.testing.assert_array_equal(np.bitwise_count(codes[ids] ^ queries[:, None]).sum(axis=2), expected)


@every_path
@pytest.mark.parametrize("nq", [1, 6])
def test_threads_change_nothing(path: str, nq: int, gaussian):
    codes, queries = _codes(3, 2000, 12), _codes(4, nq, 12)
    scale = np.random.default_rng(5).uniform(0.1, 0.2, 2000).astype(np.float16)
    floats = gaussian(nq, 32, seed=6)
    entries, lengths = codes[:, 0], np.ascontiguousarray(codes[:, 1:3])
    tables = np.stack([np.linspace(1, 9, 256), np.linspace(1, 1.1, 256)]).astype(np.float32)
    squared = (entries, logarithmic(0.1, 0.2), lengths, tables)
    for make, wanted in (
        (lambda threads: HammingScanner(codes, threads, path), queries),
        (lambda threads: SDCScanner(codes, 32, 3, scale, threads=threads, path=path), queries),
        (lambda threads: SDCScanner(codes, 48, 2, scale, threads=threads, path=path), queries),
        (lambda threads: ADCScanner(codes, 32, 3, scale, threads=threads, path=path), floats),
        (lambda threads: NearestScanner(codes, 32, 3, *squared, threads=threads, path=path), floats),
    ):
        one, two = (make(threads).search(wanted, 50) for threads in (1, 2))
        np.testing.assert_array_equal(one[0], two[0])
        np.testing.assert_array_equal(one[1], two[1])


@given(seed=st.integers(0, 1000), dim=st.integers(1, 300), bits=bit_counts)
@few
def test_rounding_the_query_stays_within_its_bound(seed: int, dim: int, bits: int):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 256, (50, -(-dim * bits // 8)), dtype=np.uint8)
    queries = (rng.standard_normal((4, dim)) * 10 ** rng.uniform(-3, 3)).astype(np.float32)
    scores, ids = ADCScanner(codes, dim, bits, threads=1).search(queries, 50)
    levels = reference.levels(codes, dim, bits).astype(np.float64)
    exact = np.take_along_axis(queries.astype(np.float64) @ levels.T, ids, axis=1)
    bound = np.abs(queries).max(axis=1)[:, None] / 254 * np.abs(levels).sum(axis=1)[ids]
    assert (np.abs(scores - exact) <= bound * (1 + 1e-5)).all()


def test_a_zero_query_scores_zero():
    codes = np.arange(8, dtype=np.uint8).reshape(4, 2)
    scores, ids = ADCScanner(codes, 4, 4).search(np.zeros((1, 4), np.float32), 4)
    assert scores.tolist() == [[0, 0, 0, 0]]
    assert ids.tolist() == [[0, 1, 2, 3]]


@pytest.mark.parametrize(("n", "blocks"), [(0, 0), (1, 1), (64, 1), (65, 2)])
@pytest.mark.parametrize(("dim", "bits"), [(100, 4), (33, 3), (30, 2), (9, 1)])
def test_only_the_last_block_is_padded(n: int, blocks: int, dim: int, bits: int):
    size = -(-dim * bits // 8)
    codes = np.zeros((n, size), np.uint8)
    scale = np.ones(n, np.float16)
    scanners = [
        (HammingScanner(codes), size),
        (SDCScanner(codes, dim, bits), size),
        (SDCScanner(codes, dim, bits, scale), size + 2),
        (ADCScanner(codes, dim, bits, scale.astype(np.uint8), logarithmic(1, 2)), size + 1),
    ]
    for scanner, bytes_each in scanners:
        assert scanner.nbytes == blocks * 64 * bytes_each
        assert scanner.nbytes - scanner.padding == n * bytes_each


def test_the_environment_forces_a_path(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BENCH_KERNELS", "portable")
    assert HammingScanner(np.zeros((1, 1), np.uint8)).path.name == "portable"
    monkeypatch.setenv("BENCH_KERNELS", "avx1024")
    with pytest.raises(KernelError, match="portable, avx2, avx512_vnni, avx512"):
        best_path()


def test_a_path_that_the_cpu_lacks_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("methods.kernels.machine.cpu.host_flags", lambda: frozenset({"avx2"}))
    assert best_path() == "avx2"
    with pytest.raises(KernelError, match="needs avx512"):
        best_path("avx512")


CODES = np.zeros((4, 6), np.uint8)


def nearest(lengths: np.ndarray, rows: int = 256) -> NearestScanner:
    n = len(CODES)
    tables = np.ones((2, 256), np.float32)[:, :rows]
    return NearestScanner(CODES, 12, 4, np.zeros(n, np.uint8), np.ones(256, np.float32), lengths, tables)


@pytest.mark.parametrize(
    ("action", "says"),
    [
        (lambda: HammingScanner(CODES.astype(np.int8)), "uint8 of shape"),
        (lambda: HammingScanner(np.zeros((1, 5000), np.uint8)), "1 to 4095"),
        (lambda: HammingScanner(CODES).search(CODES[:, :5], 1), r"\(n, 6\)"),
        (lambda: HammingScanner(CODES).search(CODES, 0), "k=0"),
        (lambda: HammingScanner(CODES, threads=10**6).search(CODES, 1), "threads=1000000"),
        (lambda: SDCScanner(CODES, 12, 5), "bits=5"),
        (lambda: SDCScanner(CODES, 13, 4), "7 bytes, not 6"),
        (lambda: SDCScanner(CODES, 12, 4, np.ones(4)), "float16 or uint8"),
        (lambda: SDCScanner(CODES, 12, 4, np.ones(4, np.uint8)), "scale_table"),
        (lambda: ADCScanner(CODES, 12, 4).search(np.zeros((1, 11)), 1), r"\(nq, 12\)"),
        (lambda: nearest(CODES[:, :2]).search(np.zeros((1, 11)), 1), r"\(nq, 12\)"),
        (lambda: nearest(CODES[:1, :2]), "extra must be 4 rows"),
        (lambda: nearest(CODES[:, :2], 10), r"\(2, 256\)"),
        (lambda: nearest(CODES[:, :3]), "2 bytes where squared"),
        (lambda: logarithmic(0, 1), "0 < low"),
    ],
)
def test_errors_say_what_would_be_right(action, says: str):
    with pytest.raises(KernelError, match=says):
        action()


def test_a_logarithmic_scale_is_within_its_bound():
    factors = np.random.default_rng(0).uniform(1, 2, 10_000)
    table = logarithmic(1, 2)
    ratio = table[nearest_logarithmic(factors, table)] / factors
    assert np.abs(np.log(ratio)).max() <= np.log(2) / 510 * 1.0001
