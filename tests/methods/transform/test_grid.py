"""Grid codes: how near symbols come to the best ones, what a code holds, which estimates are exact."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from methods import Metric
from methods.checks import data
from methods.kernels.encoding.grid import byte_tables, decode_grid, encode_grid
from methods.rotated.rabitq import RaBitQ
from methods.transform.saq import SAQ
from methods.vectors import random_rotation


def encoded(values, bits, tries, rounds):
    """Symbols and products of one segment, and the levels that symbols stand for."""
    ends, widths = np.array([values.shape[1]]), np.array([bits])
    symbols = np.empty((len(values), values.shape[1] // 8 * bits), np.uint8)
    products, levels = np.empty((len(values), 1, 3)), np.empty_like(values)
    encode_grid(values, ends, widths, tries, rounds, symbols, products)
    header = np.zeros((len(values), 3), np.uint8)
    decode_grid(np.concatenate([header, symbols], axis=1), ends, widths, np.ones((1, 256), np.float32), levels)
    return products[:, 0], levels


def cosines(products):
    return products[:, 1] / np.sqrt(products[:, 0] * products[:, 2])


@pytest.mark.parametrize("bits", [1, 2, 3, 5, 8])
def test_products_are_those_of_the_levels_that_codes_decode_to(bits, gaussian):
    values = gaussian(50, 24)
    products, levels = encoded(values, bits, 4, 3)
    expected = [(values**2).sum(1), (values * levels).sum(1), (levels**2).sum(1)]
    assert np.allclose(products, np.stack(expected, axis=1), rtol=1e-5)
    assert np.abs(levels).max() <= 2 ** (bits - 1) - 0.5


def test_symbols_come_near_the_best_direction_of_the_grid(gaussian):
    values = gaussian(40, 8)
    grid = np.array(list(itertools.product([-1.5, -0.5, 0.5, 1.5], repeat=8)))
    best = (values @ grid.T / np.linalg.norm(grid, axis=1)).max(axis=1) / np.linalg.norm(values, axis=1)
    found = cosines(encoded(values, 2, 16, 6)[0])
    assert (found <= best + 1e-6).all()
    assert (found > best - 1e-6).mean() > 0.9
    assert found.mean() > best.mean() - 1e-3


@pytest.mark.parametrize("bits", [2, 4])
def test_adjusting_codes_turns_them_towards_their_vectors(bits, gaussian):
    values = gaussian(200, 64)
    plain, adjusted = (cosines(encoded(values, bits, 1, rounds)[0]) for rounds in (0, 6))
    assert (adjusted >= plain - 1e-9).all()
    assert (1 - adjusted).mean() < 0.98 * (1 - plain).mean()


@pytest.mark.parametrize("bits", [2, 4, 6])
def test_adjusted_codes_are_as_good_as_those_of_extended_rabitq(bits, gaussian):
    """SAQ: code adjustment reaches the accuracy of enumerating all scales of the grid."""
    vectors = gaussian(500, 128)
    theirs = RaBitQ(128, "ip", bits, rotation="none").fit(vectors)
    centered = vectors - vectors.mean(axis=0)
    decoded = theirs.decode(theirs.encode(vectors)) - vectors.mean(axis=0)
    reached = (decoded * centered).sum(1) / np.linalg.norm(decoded, axis=1) / np.linalg.norm(centered, axis=1)
    ours = cosines(encoded((centered @ random_rotation(128, 0)).astype(np.float32), bits, 1, 6)[0])
    assert (1 - ours).mean() < 1.06 * (1 - reached).mean()


def test_a_product_with_the_mean_is_exact():
    codec = SAQ.for_budget(32, 8, Metric.IP).fit(data.train())
    mean = data.train().mean(axis=0, keepdims=True)
    scores, ids = codec.searcher(codec.encode(data.base())).search(mean, data.N_BASE)
    exact = (data.base() @ mean[0])[ids[0]]
    assert np.abs(scores[0] - exact).max() < 1e-3 * np.abs(exact).max()


@pytest.mark.parametrize("nq", [1, 40])
def test_a_distance_is_that_of_its_estimated_product_and_the_stored_norm(nq):
    codec = SAQ.for_budget(32, 12, Metric.L2).fit(data.train())
    codes, queries, mean = codec.encode(data.base()), data.queries()[:nq], data.train().mean(axis=0)
    scores, ids = codec.searcher(codes).search(queries, data.N_BASE)
    products = (queries - mean) @ (codec.decode(codes) - mean).T
    squares = ((data.base() - mean) ** 2).sum(axis=1) + ((queries - mean) ** 2).sum(axis=1)[:, None]
    expected = np.take_along_axis(np.maximum(squares - 2 * products, 0), ids, 1)
    assert np.abs(scores - expected).max() < 2e-3 * np.abs(expected).max()


@pytest.mark.parametrize("bits", [1, 3, 5, 8])
def test_tables_of_bytes_add_up_to_the_products_with_symbols(bits, gaussian):
    ends, widths = np.array([16, 24]), np.array([bits, 2])
    values, query = gaussian(20, 24), gaussian(1, 24, seed=1)
    symbols = np.empty((20, 2 * bits + 2), np.uint8)
    encode_grid(values, ends, widths, 1, 0, symbols, np.empty((20, 2, 3)))
    tables = byte_tables(query, ends, widths)[0]
    sums = tables[np.arange(len(tables)), symbols].sum(axis=1)
    middles = np.repeat(2.0 ** (widths - 1) - 0.5, [16, 8])
    header, levels = np.zeros((20, 4), np.uint8), np.empty_like(values)
    decode_grid(np.concatenate([header, symbols], axis=1), ends, widths, np.ones((2, 256), np.float32), levels)
    assert np.allclose(sums, (levels + middles) @ query[0], rtol=1e-4, atol=1e-3)
