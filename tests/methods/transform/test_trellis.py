"""Trellis codes: paths, their error, their scan, and what they gain over scalar levels."""

from __future__ import annotations

import itertools

import kernel_paths
import numpy as np
import pytest

from methods import MethodError, Metric, for_budget, get
from methods.checks import data
from methods.encoding.gaussian_levels import distortions
from methods.kernels.encoding.trellis import best_paths, decode_paths
from methods.kernels.scanning.levels import LevelScanner
from methods.kernels.simd.unpack_trellis import states_reference
from methods.transform.trellis.quantizer import QUANTIZERS, TrellisQuantizer, quantizer_type, trained


def coded(values, bits, state_bits=12, weights=None):
    """States, codes and levels of best paths; ``bits`` of all steps or of each."""
    steps, known = np.broadcast_to(bits, values.shape[1]).astype(np.int64), trained(state_bits)
    weights = np.ones(len(steps), np.float32) if weights is None else weights
    states, codes = np.empty(values.shape, np.uint16), np.empty((len(values), steps.sum() // 8), np.uint8)
    best_paths(values, steps, weights, known.levels, known.shifts, state_bits, states, codes)
    decoded = np.empty_like(values)
    decode_paths(codes, steps, known.codebooks, decoded)
    return states, codes, decoded


FALLING = np.repeat([4, 4, 3, 2, 2, 1, 1, 1], 8)


@pytest.mark.parametrize("state_bits", [10, 12])
@pytest.mark.parametrize(("bits", "steps"), [(1, 32), (2, 16), (3, 16), (4, 8), (4, 400), (FALLING, 64)], ids=str)
def test_the_stream_holds_the_states_and_is_circular(bits, steps, state_bits, gaussian):
    states, codes, decoded = coded(gaussian(20, steps), bits, state_bits)
    bits, states = np.broadcast_to(bits, steps), states.astype(np.int64)
    assert np.array_equal(states_reference(codes, bits) % 2**state_bits, states)
    assert np.array_equal(trained(state_bits).codebooks[bits, states], decoded)
    assert np.array_equal(np.roll(states, 1, axis=1) << bits & (2**state_bits - 1), states >> bits << bits)


@pytest.mark.parametrize("state_bits", [10, 12])
@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_error_is_the_published_one_and_below_that_of_scalar_levels(bits, state_bits, gaussian):
    values = gaussian(100, 384, 7)
    error = float(((values - coded(values, bits, state_bits)[2]) ** 2).mean())
    assert error == pytest.approx(QUANTIZERS[state_bits].errors()[bits], rel=0.05)
    assert error < 0.78 * distortions()[bits]
    assert error > 4.0**-bits  # the rate-distortion bound


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_more_states_leave_less(bits):
    errors = [QUANTIZERS[state_bits].errors()[bits] for state_bits in (10, 12)]
    assert errors[1] < 0.99 * errors[0]


@pytest.mark.parametrize(
    ("bits", "steps", "state_bits"),
    [(1, 24, 10), (3, 8, 10), (2, 16, 10), (4, 8, 10), (1, 24, 12), (1, 64, 12), (2, 32, 12), (4, 16, 12)],
)
def test_the_shortest_paths_that_are_used_leave_less_than_scalar_levels(bits, steps, state_bits, gaussian):
    values = gaussian(2000, steps, 3)
    assert ((values - coded(values, bits, state_bits)[2]) ** 2).mean() < 0.96 * distortions()[bits]


@pytest.mark.parametrize("level_bytes", [7, 8])
def test_from_eight_bytes_more_states_leave_less(level_bytes, gaussian):
    values = gaussian(1500, 4 * level_bytes, 3)
    short, long = (((values - coded(values, 2, each)[2]) ** 2).mean() for each in (10, 12))
    assert quantizer_type(12, level_bytes).state_bits == (12 if level_bytes >= 8 else 10)
    assert (long < 0.985 * short) == (level_bytes >= 8)


@pytest.mark.parametrize("state_bits", [10, 12])
@pytest.mark.parametrize("level_bytes", [2, 3, 5, 6, 8])
def test_short_codes_of_parts_without_a_path_are_decoded_as_before(level_bytes, state_bits):
    codec = for_budget("trellis", 64, level_bytes + 1, "l2", state_bits=state_bits, gamma=1.0).fit(vectors(300, 64))
    parts = codec.parts()
    assert parts["path"].tolist() == [state_bits if level_bytes >= 8 else 10, 3]
    del parts["path"]
    former = get("trellis").from_parts(codec.params(), parts).quantizer_
    is_path = level_bytes >= {10: 5, 12: 6}[state_bits]
    expected = QUANTIZERS[state_bits if is_path else 10](
        *(former.mean, former.matrix, former.bits, former.spreads), shortest=1 if is_path else 99
    )
    codes = np.random.default_rng(0).integers(0, 256, (50, level_bytes), dtype=np.uint8)
    assert np.array_equal(former.levels(codes), expected.levels(codes))


def test_a_path_of_mixed_bits_leaves_of_each_step_what_its_bits_do(gaussian):
    bits = np.repeat(FALLING, 8)
    values, weights = gaussian(300, len(bits), 5), (4.0 ** (bits - 4)).astype(np.float32)
    left = ((values - coded(values, bits, weights=weights)[2]) ** 2).mean(axis=0)
    for width in (1, 2, 3, 4):
        assert left[bits == width].mean() == pytest.approx(QUANTIZERS[12].errors()[width], rel=0.08)


def test_weights_move_error_to_where_it_counts_less(gaussian):
    values = gaussian(300, 64, 5)
    weights = np.where(np.arange(64) % 2, 0.1, 1).astype(np.float32)
    even, weighted = (((values - coded(values, 2, weights=each)[2]) ** 2).mean(axis=0) for each in (None, weights))
    assert weighted[::2].mean() < 0.9 * even[::2].mean()
    assert weighted @ weights < even @ weights


def test_the_seam_of_a_short_path_is_nearly_the_best(gaussian):
    values, codebook = gaussian(100, 4, 3), trained(10).codebooks[4]
    every = np.arange(1 << 16, dtype=">u2")[:, None].view(np.uint8)
    levels = codebook[states_reference(every, np.full(4, 4)) % 1024]
    products = (values**2).sum(axis=1)[:, None] - 2 * values @ levels.T + (levels**2).sum(axis=1)
    found = ((values - coded(values, 4, 10)[2]) ** 2).sum(axis=1)
    assert (found >= products.min(axis=1) - 1e-3).all()
    assert np.median(found) < 2 * np.median(products.min(axis=1))


def test_the_best_path_is_no_worse_than_its_neighbors(gaussian):
    """A path that differs from the best one in a bit or two is no nearer."""
    values, bits = gaussian(5, 16, 9), np.full(16, 2)
    _, codes, decoded = coded(values, bits)
    stream = np.unpackbits(codes, axis=1)
    for flipped in itertools.chain(itertools.combinations(range(8, 24), 1), itertools.combinations(range(8, 24), 2)):
        other = stream.copy()
        other[:, list(flipped)] ^= 1
        levels = trained(12).codebooks[2][states_reference(np.packbits(other, axis=1), bits)]
        assert (((values - levels) ** 2).sum(axis=1) >= ((values - decoded) ** 2).sum(axis=1) - 1e-4).all()


@pytest.mark.parametrize("size", [1e6, 1e30, 1e37])
def test_values_far_outside_are_coded(size, gaussian):
    vectors = gaussian(3, 64) * np.float32(size)
    quantizer = TrellisQuantizer(
        np.zeros(64, np.float32), np.eye(64, dtype=np.float32), np.full(8, 2, np.uint8), np.ones(8, np.float32)
    )
    assert np.isfinite(quantizer.levels(quantizer.encode(vectors)[0])).all()


@pytest.mark.parametrize("path", kernel_paths.EVERY)
@pytest.mark.parametrize("nq", [1, 5])
@pytest.mark.parametrize("state_bits", [10, 12])
@pytest.mark.parametrize(
    "bits",
    [[5, 4, 4, 3, 3, 2, 2, 1, 1], [4, 4], [1] * 6, [3, 3], [7, 2, 1], [8, 4, 2], [1] * 3, [2, 1], [3], [8, 2, 1, 1]],
    ids=str,
)
def test_scan_agrees_with_decoded_paths(bits, path, nq, state_bits):
    rng = np.random.default_rng(nq)
    bits = np.array(bits, np.uint8)
    spreads = np.linspace(2, 0.5, len(bits)).astype(np.float32)
    dim = 8 * len(bits)
    quantizer = QUANTIZERS[state_bits](np.zeros(dim, np.float32), np.eye(dim, dtype=np.float32), bits, spreads)
    codes = rng.integers(0, 256, (130, quantizer.code_size), dtype=np.uint8)
    scanner = LevelScanner(
        codes,
        quantizer.alphabets,
        spreads,
        quantizer.integer_levels(),
        np.zeros(130, np.uint8),
        np.ones(256, np.float32),
        threads=1,
        path=path,
    )
    queries = rng.standard_normal((nq, dim)).astype(np.float32)
    exact = queries @ quantizer.levels(codes).T
    scores, ids = scanner.search(queries, 130)
    assert np.abs(np.take_along_axis(exact, ids, 1) - scores).max() < 0.05 * exact.std()


def vectors(n, dim, seed=0):
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(np.random.default_rng(99).standard_normal((dim, dim)))[0]
    return ((rng.standard_normal((n, dim)) / (1 + np.arange(dim) / 32)) @ rotation + 0.1).astype(np.float32)


@pytest.mark.parametrize("metric", ["ip", "l2"])
def test_finds_more_than_scalar_levels_at_equal_bytes(metric):
    base, queries = vectors(3000, 64), vectors(200, 64, 1)
    recalls = {}
    for name in ("trellis", "transform_coding"):
        codec = for_budget(name, 64, 17, metric, gamma=1.0, scale="least_squares").fit(base)
        values = data.metric_values(queries, base, Metric(metric))
        true = np.argsort(-values if metric == "ip" else values, axis=1)[:, :10]
        ids = codec.searcher(codec.encode(base)).search(queries, 10)[1]
        recalls[name] = np.mean([np.isin(a, b).mean() for a, b in zip(ids, true)])
    assert recalls["trellis"] > recalls["transform_coding"] + 0.02


@pytest.mark.parametrize(("dim", "n"), [(100, 300), (7, 50), (640, 60)])
def test_any_dimension_and_few_training_vectors(dim, n):
    base = vectors(n, dim)
    codec = for_budget("trellis", dim, max(dim // 4, 2), "l2", gamma=1.25, scale="least_squares").fit(base)
    codes = codec.encode(base)
    assert np.array_equal(codes, codec.encode(base))
    error = ((codec.decode(codes) - base) ** 2).sum() / ((base - base.mean(axis=0)) ** 2).sum()
    assert error < (0.25 if dim > 8 else 0.8)


@pytest.mark.parametrize("state_bits", [8, 11, "many"])
def test_state_bits_without_levels_are_refused(state_bits):
    with pytest.raises(MethodError, match="10, 12"):
        for_budget("trellis", 64, 17, "ip", state_bits=state_bits)


def test_the_parts_rebuild_it():
    base = vectors(500, 64)
    codec = get("trellis")(64, "ip", level_bytes=16).fit(base)
    again = get("trellis").from_parts(codec.params(), codec.parts())
    assert np.array_equal(again.encode(base), codec.encode(base))
