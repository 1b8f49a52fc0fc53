"""The bound: bits are those that were given, cells have their own axes, and the page says what the table says."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from programs import program

from methods.base import Metric

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def ceiling():
    """The program."""
    return program("ceiling")


@pytest.fixture
def mixture(ceiling):
    """8,000 shapes of two cells, each with most of its energy along four axes of its own."""
    rng = np.random.default_rng(0)
    first = rng.integers(0, 2, 8_000).astype(np.uint8)
    spread = np.full((2, 8), 0.1)
    spread[0, :4] = spread[1, 4:] = 1
    shapes = (rng.standard_normal((8_000, 8)) * spread[first]).astype(np.float32)
    shapes /= np.linalg.norm(shapes, axis=1, keepdims=True)
    centroids = np.array([[9, *[0] * 7], [0, 9, *[0] * 6]], np.float32)
    sizes = np.full((8_000, 1), 2, np.float32)
    return ceiling.Staged(Metric.L2, np.zeros(8, np.float32), centroids[first], sizes, shapes, first, centroids)


def test_the_page_is_that_of_the_table(ceiling):
    assert ceiling.page(ceiling.read_bounds()) == (ceiling.PUBLISHED / "ceiling.md").read_text()


def test_all_bits_are_allocated(ceiling):
    variances = np.geomspace(1, 1e-4, 20)
    shares = ceiling.distortions(variances, 30, 1.0)
    assert -np.log2(shares).sum() / 2 == pytest.approx(30)
    left = (shares * variances)[shares < 1]
    assert left == pytest.approx(left[0])  # reverse water-filling


def test_cells_of_different_axes_leave_less(ceiling, mixture):
    def error(count, bits=8):
        cells = list(ceiling.cells_of(mixture, count, 1 / 16 if count > 1 else 0.0))
        assert sorted(np.concatenate([cell.rows for cell in cells])) == list(range(8_000))
        shapes = np.array(
            [(len(c.rows) / 8_000) * (ceiling.distortions(c.variances, bits, 1.0) @ c.variances) for c in cells]
        )
        decoded = ceiling.decoded(mixture, cells, bits, 1.0, at_length=True)
        residuals = decoded - mixture.coarse
        assert np.linalg.norm(residuals, axis=1) == pytest.approx(2, rel=1e-5)
        return float(shapes.sum()), float(np.square(residuals / 2 - mixture.shapes).sum(axis=1).mean())

    (one, apart_one), (two, apart_two) = error(1), error(2)
    assert two < 0.6 * one
    assert apart_two < 0.7 * apart_one


def test_a_strong_prior_makes_cells_equal(ceiling, mixture):
    first, second = ceiling.cells_of(mixture, 2, 1e9)
    assert first.variances == pytest.approx(second.variances, rel=1e-3)


def test_held_out_vectors_choose_cells_where_axes_differ(ceiling, mixture, monkeypatch):
    monkeypatch.setattr(ceiling, "staged", lambda name, stages: mixture)
    ceiling.energies.cache_clear()
    assert ceiling.chosen_cells("a mixture", 1, 8)[0] > 1
    rng = np.random.default_rng(1)
    equal = dataclasses.replace(mixture, shapes=rng.standard_normal((8_000, 8)).astype(np.float32))
    monkeypatch.setattr(ceiling, "staged", lambda name, stages: equal)
    assert ceiling.chosen_cells("one Gaussian", 1, 8)[0] == 1
