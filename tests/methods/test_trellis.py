"""Trellis codes: paths, their error, their scan, and what they are worth beside scalar levels."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from methods import Metric, for_budget, get
from methods._checks import data
from methods.gaussian_levels import distortions
from methods.kernels.cpu import EMULATED, supported_paths
from methods.kernels.levels import LevelScanner
from methods.kernels.viterbi import best_paths, decode_paths
from methods.kernels.windows import states_reference
from methods.trellis.quantizer import TrellisQuantizer, _trained


def coded(values, bits):
    codebook = _trained()[0][bits]
    states = np.empty(values.shape, np.uint8)
    codes = np.empty((len(values), values.shape[1] * bits // 8), np.uint8)
    best_paths(values, bits, codebook, states, codes)
    decoded = np.empty_like(values)
    decode_paths(codes, bits, codebook, decoded)
    return states, codes, decoded


def samples(n, steps, seed=0):
    return np.random.default_rng(seed).standard_normal((n, steps)).astype(np.float32)


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
@pytest.mark.parametrize("steps", [8, 24, 400])
def test_the_stream_holds_the_states_and_is_circular(bits, steps):
    states, codes, decoded = coded(samples(20, steps), bits)
    assert np.array_equal(states_reference(codes, bits), states)
    assert np.array_equal(_trained()[0][bits][states], decoded)
    assert np.array_equal(np.roll(states, 1, axis=1) << np.uint8(bits), states & np.uint8(256 - 2**bits))


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_error_is_the_published_one_and_below_that_of_scalar_levels(bits):
    values = samples(100, 384, 7)
    error = float(((values - coded(values, bits)[2]) ** 2).mean())
    assert error == pytest.approx(TrellisQuantizer.errors()[bits], rel=0.05)
    assert error < 0.85 * distortions()[bits]
    assert error > 4.0**-bits  # the rate-distortion bound


@pytest.mark.parametrize(("bits", "steps"), [(1, 24), (2, 8), (3, 8), (4, 8)])
def test_the_shortest_paths_that_are_used_are_no_worse_than_scalar_levels(bits, steps):
    values = samples(2000, steps, 3)
    assert ((values - coded(values, bits)[2]) ** 2).mean() < distortions()[bits]


def test_the_seam_of_a_short_path_is_nearly_the_best():
    values, codebook = samples(100, 8, 3), _trained()[0][2]
    every = np.array(list(itertools.product(range(4), repeat=8)), np.uint8)
    packed = np.packbits((every[:, :, None] >> np.array([1, 0]) & 1).reshape(len(every), 16).astype(np.uint8), axis=1)
    levels = codebook[states_reference(packed, 2)]
    products = (values**2).sum(axis=1)[:, None] - 2 * values @ levels.T + (levels**2).sum(axis=1)
    found = ((values - coded(values, 2)[2]) ** 2).sum(axis=1)
    assert (found >= products.min(axis=1) - 1e-3).all()
    assert found.mean() < 1.5 * products.min(axis=1).mean()


@pytest.mark.parametrize("path", [*supported_paths(), EMULATED])
@pytest.mark.parametrize("nq", [1, 5])
def test_scan_agrees_with_decoded_paths(path, nq):
    rng = np.random.default_rng(nq)
    bits = np.array([5, 4, 4, 3, 3, 2, 2, 1, 1], np.uint8)
    spreads = np.linspace(2, 0.5, len(bits)).astype(np.float32)
    dim = 8 * len(bits)
    quantizer = TrellisQuantizer(np.zeros(dim, np.float32), np.eye(dim, dtype=np.float32), bits, spreads)
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


def test_the_parts_rebuild_it():
    base = vectors(500, 64)
    codec = get("trellis")(64, "ip", bits=16).fit(base)
    again = get("trellis").from_parts(codec.params(), codec.parts())
    assert np.array_equal(again.encode(base), codec.encode(base))
