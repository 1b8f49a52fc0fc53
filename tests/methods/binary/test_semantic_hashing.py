"""Semantic hashing: rounded codes, training that helps, and nothing random left to chance."""

from __future__ import annotations

import numpy as np
import pytest

from methods import MethodError, Metric
from methods.binary.semantic_hashing import SemanticHashing
from methods.checks import data


def fitted(bits=32, **params):
    return SemanticHashing(data.DIM, bits=bits, **params).fit(data.vectors("many", 3000))


def recall(codec):
    return data.recall(codec.searcher(codec.encode(data.base())).search(data.queries(), data.K)[1], codec.metric)


def rebuilt_error(codec):
    """Squared error of the best linear decoder of the codes, on vectors not trained on."""
    bits = np.unpackbits(codec.encode(data.base()), axis=1).astype(np.float64) * 2 - 1
    unit = data.base() - data.vectors("many", 3000).mean(axis=0)
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    weights = np.linalg.lstsq(bits, unit, rcond=None)[0]
    return float(((bits @ weights - unit) ** 2).sum(axis=1).mean())


@pytest.mark.thorough
@pytest.mark.parametrize("hidden", [0, 32])
def test_training_lets_codes_tell_more_of_the_vector(hidden):
    untrained, trained = (fitted(epochs=epochs, hidden=hidden) for epochs in (0, 120))
    assert rebuilt_error(trained) < 0.97 * rebuilt_error(untrained)
    assert recall(trained) > recall(untrained) - 0.02


def test_bits_are_the_rounded_code_layer():
    codec = fitted(epochs=1)
    logits = codec._values(data.base())
    bits = np.unpackbits(codec.encode(data.base()), axis=1)
    assert np.array_equal(bits, 1 / (1 + np.exp(-logits)) >= 0.5)


def test_more_bits_than_dimensions_help():
    assert recall(fitted(96, epochs=2)) > recall(fitted(32, epochs=2))


def test_a_float_query_finds_more():
    codec = fitted(epochs=2)
    asymmetric = SemanticHashing.from_parts({**codec.params(), "scoring": "asymmetric"}, codec.parts())
    assert recall(asymmetric) > recall(codec)


def test_all_bytes_of_the_budget_are_used():
    assert SemanticHashing.for_budget(384, 48, Metric.IP).bits == 384


def test_impossible_parameters_are_refused():
    with pytest.raises(MethodError, match="epochs=-1"):
        SemanticHashing(8, epochs=-1)
