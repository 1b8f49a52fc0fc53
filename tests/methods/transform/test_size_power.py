"""The power of a vector's size by which it is divided before it is coded, by how much lengths vary."""

from __future__ import annotations

import numpy as np
import pytest

from bench.datasets import load
from methods import Metric, for_budget
from methods.transform.transform_coding import choice, codec

BYTES = 48


@pytest.fixture(scope="module")
def sentences():
    """3,000 unit vectors and 300 others."""
    found = load("squad-sentences-mini", max_queries=300)
    return found.base.read(0, 3000).astype(np.float32), np.asarray(found.queries, np.float32)


def with_lengths(vectors, deviation):
    """Vectors of lognormal lengths."""
    return vectors * np.random.default_rng(1).lognormal(0, deviation, (len(vectors), 1)).astype(np.float32)


def power_of(fitted):
    return float(fitted.parts()["size_power"][0])


def decided(vectors, metric):
    """The power by lengths alone; None where powers are to be tried."""
    centered = vectors - vectors.mean(axis=0)
    try:
        return choice.size_power(_tried, centered, vectors, Metric(metric), None, 0)
    except _Tried:
        return None


class _Tried(Exception):
    pass


def _tried(_):
    raise _Tried


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["transform_coding", "trellis"])
def test_lengths_that_vary_a_little_count_and_more_is_found(name, sentences, monkeypatch):
    base, queries = with_lengths(sentences[0], 0.2), sentences[1]
    true = np.argsort(-(queries @ base.T), axis=1)[:, :10]

    def recall(fitted):
        found = np.argsort(-(queries @ fitted.decode(fitted.encode(base)).T), axis=1)[:, :10]
        return np.mean([np.isin(a, b).mean() for a, b in zip(found, true)])

    chosen = for_budget(name, base.shape[1], BYTES, "ip", gamma=1.25).fit(base)
    assert power_of(chosen) == 1
    monkeypatch.setattr(codec, "size_power", lambda *_: 0.5)
    assert recall(chosen) > recall(for_budget(name, base.shape[1], BYTES, "ip", gamma=1.25).fit(base)) + 0.005


@pytest.mark.parametrize(("whole", "half", "power"), [(0.9, 0.8, 1), (0.8, 0.9, 0.5), (0.898, 0.9, 1)])
def test_what_is_found_decides_between(whole, half, power, sentences, monkeypatch):
    base = with_lengths(sentences[0], 0.2)
    monkeypatch.setattr(choice, "best_recall", lambda tried, *_, stored: {1.0: whole, 0.5: half}[tried])
    assert choice.size_power(lambda tried: tried, base - base.mean(axis=0), base, Metric.IP, None, 0) == power


@pytest.mark.thorough
def test_factors_count_as_their_byte_says_them(sentences):
    """At 4x levels are so fine that the factor's byte errs most, and it does so more with sizes in full."""
    base = with_lengths(sentences[0], 0.3)
    assert power_of(for_budget("transform_coding", base.shape[1], base.shape[1], "ip", gamma=1.25).fit(base)) == 0.5


@pytest.mark.parametrize(
    ("deviation", "metric", "power"),
    [(0, "ip", 0.5), (0.05, "ip", 0.5), (0.2, "ip", None), (0.6, "ip", 1), (0.2, "l2", 0.5), (0.6, "l2", 0.5)],
)
def test_nothing_is_tried_where_lengths_say_enough(deviation, metric, power, sentences):
    assert decided(with_lengths(sentences[0], deviation), metric) == power


@pytest.mark.parametrize(("deviation", "power"), [(0.2, 0.5), (0.6, 1)])
def test_few_vectors_are_judged_by_their_lengths_alone(deviation, power, sentences):
    base = with_lengths(sentences[0][:150], deviation)
    assert power_of(for_budget("transform_coding", base.shape[1], BYTES, "ip", gamma=1.25).fit(base)) == power


@pytest.mark.parametrize("vectors", [np.zeros((250, 16)), np.ones((250, 16))])
def test_vectors_without_lengths_have_half(vectors):
    assert decided(vectors.astype(np.float32), "ip") == 0.5
