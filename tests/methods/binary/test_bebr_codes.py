"""BEBR's codes: symbols and factors in bytes, the grid they start from, and coordinate descent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from methods import BudgetError, MethodError, Metric
from methods.binary.bebr import budget, descent, grid, layout, network
from methods.binary.bebr.encoder import LinearEncoder, alternate
from methods.checks import data
from methods.encoding.factor_byte import factor_bytes, factor_scale, factor_table
from methods.fitting.principal_axes import principal_axes
from methods.kernels.scanning.sdc import SDCScanner
from methods.vectors import normalized

GOLDEN = Path(__file__).parents[2] / "data" / "bebr_sdc.npz"


def start(symbols, bits, limit=None, seed=0):
    unit = normalized(data.train())
    _, axes, variances = principal_axes(np.concatenate([unit, -unit]), data.DIM)
    return unit, *grid.start(axes, variances, symbols, bits, limit or grid.axis_limit(bits), seed)


@given(st.integers(1, 4), st.integers(1, 40), st.integers(0, 5), st.integers(0, 2**32 - 1))
def test_symbols_survive_packing(bits, dim_code, n, seed):
    symbols = np.random.default_rng(seed).integers(2**bits, size=(n, dim_code)).astype(np.uint8)
    packed = layout.pack(symbols, bits)
    assert packed.shape == (n, layout.symbol_bytes(dim_code, bits))
    assert np.array_equal(layout.unpack(packed, dim_code, bits), symbols)
    assert np.array_equal(layout.symbols_of(layout.levels(symbols, bits), bits), symbols)


def test_symbols_are_packed_most_significant_bit_first():
    assert layout.pack(np.array([[3, 0, 2, 1]], np.uint8), 2).tolist() == [[0b11001001]]


def test_levels_of_published_codes():
    golden = np.load(GOLDEN)
    for side in ("query", "doc"):
        levels = layout.levels(layout.unpack(golden[f"{side}_codes"], 128, 2), 2)
        assert np.array_equal(levels / 2, golden[f"{side}_levels"])


def test_published_codes_rank_as_published_with_a_factor_of_one_byte():
    golden = np.load(GOLDEN)
    scale = factor_scale(golden["doc_inverse_norm"])
    entries = factor_bytes(golden["doc_inverse_norm"], scale)
    scanner = SDCScanner(golden["doc_codes"], 128, 2, scale=entries, scale_table=factor_table(scale))
    found = scanner.search(golden["query_codes"], 20)[1]
    shared = [len(np.intersect1d(a, b)) for a, b in zip(found, golden["cosine_rank_top20"])]
    assert np.mean(shared) >= 19.8
    assert np.array_equal(found[:, 0], golden["cosine_rank_top20"][:, 0])


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_more_variance_gets_more_symbols(bits):
    variances = np.float32(0.8) ** np.arange(32)
    for symbols in (1, 20, 32 * grid.axis_limit(bits)):
        counts = grid.allocate(variances, symbols, bits, grid.axis_limit(bits))
        assert counts.sum() == symbols
        assert (np.diff(counts) <= 0).all()
        assert counts.max() * bits <= max(bits, grid.MOST_BITS)


@pytest.mark.parametrize(("symbols", "bits"), [(20, 1), (40, 2), (32, 3), (16, 4)])
def test_codes_are_those_of_the_reference(symbols, bits):
    unit, decoder, lead = start(symbols, bits)
    encoder = alternate(LinearEncoder(decoder, lead, bits, 4), unit, 2)
    some = unit[:60].astype(np.float64)
    levels, norms = encoder.encode(unit[:60])
    projections = some @ encoder.decoder.T.astype(np.float64)
    gram = encoder.decoder.astype(np.float64) @ encoder.decoder.T.astype(np.float64)
    wanted = descent.encode_reference(projections, gram, lead, 2**bits, 2**bits - 1, 4)
    assert (levels == wanted).all(axis=1).mean() >= 0.98  # sums in float32 may fall on the other side of a threshold
    np.testing.assert_allclose(norms, np.linalg.norm(levels @ encoder.decoder, axis=1), rtol=1e-4)


def test_digits_of_one_dimension_are_one_finer_number():
    decoder = np.array([[4.0], [1.0]], np.float32)  # two digits in base 4
    encoder = LinearEncoder(decoder, np.array([True, False]), bits=2, sweeps=0)
    values = np.linspace(-14, 14, 57, dtype=np.float32)[:, None]
    decoded = encoder.encode(values)[0] @ decoder
    assert np.abs(decoded - values).max() <= 1


def test_descent_and_turns_lower_the_error():
    unit, decoder, lead = start(40, 2)

    def error(encoder):
        return float(((encoder.encode(unit)[0] @ encoder.decoder - unit) ** 2).sum(axis=1).mean())

    fitted = [error(alternate(LinearEncoder(decoder, lead, 2, 8), unit, rounds)) for rounds in (0, 1, 4)]
    assert fitted[0] > fitted[1] > fitted[2]
    learned = alternate(LinearEncoder(decoder, lead, 2, 8), unit, 4).decoder
    swept = [error(LinearEncoder(learned, lead, 2, sweeps)) for sweeps in (0, 1, 8)]
    assert swept[0] > swept[1] >= swept[2]


@pytest.mark.parametrize("blocks", [0, 1, 2])
@pytest.mark.parametrize("loops", [0, 1, 2, 3])
def test_the_untrained_network_is_the_uniform_grid(loops, blocks):
    unit, decoder, lead = start(24, loops + 1, limit=1)
    weights = network.start(decoder, loops, blocks, hidden=16, seed=0)
    levels, _ = network.NetworkEncoder(weights, decoder, loops, blocks, normalize=False).encode(unit)
    wanted, _ = LinearEncoder(decoder, lead, loops + 1, sweeps=0).encode(unit)
    assert (levels == wanted).mean() >= 0.9999


def test_a_zero_projection_counts_as_positive():
    decoder = np.eye(3, dtype=np.float32)
    levels, _ = LinearEncoder(decoder, np.ones(3, np.bool_), 1, 0).encode(np.zeros((1, 3), np.float32))
    assert levels.tolist() == [[1, 1, 1]]


@pytest.mark.parametrize("scoring", ["sdc", "adc", "hamming"])
@pytest.mark.parametrize("metric", [Metric.IP, Metric.L2])
@pytest.mark.parametrize("code_bytes", [4, 5, 12, 48, 96, 192, 384, 1000])
def test_symbols_fill_the_budget_and_no_more(code_bytes, metric, scoring):
    dim, extra = 384, 0 if scoring == "hamming" else 1 if metric is Metric.IP else 3
    m, u = budget.choose(dim, code_bytes, metric, scoring, None, None, None)
    assert layout.symbol_bytes(m, u + 1) + extra <= code_bytes
    limit = dim * (1 if scoring == "hamming" else grid.axis_limit(u + 1))
    assert m == limit or layout.symbol_bytes(m + 1, u + 1) + extra > code_bytes


def test_symbols_grow_with_the_rate():
    bits = [budget.choose(384, size, Metric.IP, "sdc", None, None, None)[1] for size in (12, 48, 96, 192, 384)]
    assert bits == [0, 1, 2, 2, 3]
    assert budget.choose(384, 24, Metric.IP, "adc", None, None, None)[1] == 0


def test_what_is_given_is_kept():
    assert budget.choose(384, 97, Metric.IP, "sdc", 384, 1, None) == (384, 1)
    assert budget.choose(384, 97, Metric.IP, "sdc", 384, None, None) == (384, 1)
    assert budget.choose(384, 97, Metric.IP, "sdc", None, 3, None) == (192, 3)
    assert budget.choose(384, 97, Metric.IP, "sdc", None, 1, 1) == (384, 1)


def test_what_does_not_fit_is_refused():
    with pytest.raises(BudgetError, match="97"):
        budget.choose(384, 96, Metric.IP, "sdc", 384, 1, None)
    with pytest.raises(BudgetError, match="2 B"):
        budget.choose(384, 1, Metric.IP, "sdc", None, None, None)
    with pytest.raises(BudgetError, match="4 B"):
        budget.choose(384, 3, Metric.L2, "sdc", None, None, None)
    with pytest.raises(MethodError, match="0 to 3"):
        budget.choose(384, 96, Metric.IP, "sdc", None, 4, None)
