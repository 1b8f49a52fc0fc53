"""Codes of nearly 8 bits a dimension, where no group can have more than the others: errors are even."""

from __future__ import annotations

import numpy as np
import pytest

import methods
from methods import Metric, for_budget
from methods.checks import data
from methods.transform.transform_coding import quantizer


def falling(n, dim, seed=0, rank=None):
    """Vectors whose standard deviations fall as 1 / (1 + j / 4), rotated, about a mean; none beyond ``rank``."""
    rotation = np.linalg.qr(np.random.default_rng(99).standard_normal((dim, dim)))[0]
    values = np.random.default_rng(seed).standard_normal((n, dim)) / (1 + np.arange(dim) / 4)
    values[:, dim if rank is None else rank :] = 0
    return (values @ rotation + 0.05).astype(np.float32)


def recall(ids, base, queries, metric):
    values = data.metric_values(queries, base, metric) * (-1 if metric.descending else 1)
    true = np.argsort(values, axis=1)[:, :10]
    return np.mean([np.isin(a, b).mean() for a, b in zip(ids, true)])


def left_alone(monkeypatch):
    """As before version 6: full groups stay as they are."""
    monkeypatch.setattr(quantizer, "full_groups", lambda bits, variances: np.zeros(0, np.int64))


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["transform_coding", "trellis"])
def test_errors_are_even_along_the_axes_of_the_vectors(name, monkeypatch):
    base = falling(3000, 128)
    axes = np.linalg.svd(base - base.mean(axis=0), full_matrices=False)[2].T

    def errors():
        codec = for_budget(name, 128, 128, "l2", scale="least_squares", gamma=1.0).fit(base)
        assert (codec.parts()["bits"] == 8).sum() >= 14
        return np.square((codec.decode(codec.encode(base)) - base) @ axes[:, :96]).mean(axis=0)

    evened = errors()
    left_alone(monkeypatch)
    uneven = errors()
    assert np.log(evened).std() < 0.3 * np.log(uneven).std()
    assert evened[:16].mean() < 0.25 * uneven[:16].mean()


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["transform_coding", "trellis"])
def test_even_errors_lose_fewer_neighbors(name, monkeypatch):
    base, queries = falling(4000, 128), falling(300, 128, seed=1)

    def lost():
        codec = for_budget(name, 128, 128, "l2", scale="least_squares", gamma=1.0).fit(base)
        return 1 - recall(codec.searcher(codec.encode(base)).search(queries, 10)[1], base, queries, Metric.L2)

    evened = lost()
    left_alone(monkeypatch)
    assert evened < 0.8 * lost()


@pytest.mark.parametrize("name", ["transform_coding", "trellis"])
@pytest.mark.parametrize(("dim", "rank"), [(64, None), (100, None), (61, None), (128, 40)])
@pytest.mark.parametrize("metric", ["ip", "cosine", "l2"])
def test_search_ranks_by_decoded_vectors(name, dim, rank, metric):
    base, queries = falling(1500, dim, rank=rank), falling(20, dim, seed=1, rank=rank)
    metric = Metric(metric)
    codec = for_budget(name, dim, dim, metric, gamma=1.25, offset=metric is Metric.COSINE).fit(base)
    assert (codec.parts()["bits"] == 8).sum() > 2
    codes = codec.encode(base)
    decoded = codec.decode(codes)
    scores, ids = codec.searcher(codes).search(queries, 10)
    if metric is Metric.COSINE:
        base, queries = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (base, queries))
    exact = data.metric_values(queries, decoded, metric.inner)
    assert np.abs(np.take_along_axis(exact, ids, 1) - scores).max() < 0.01 * np.abs(exact).max()
    assert (np.linalg.norm(decoded - base, axis=1) / np.linalg.norm(base, axis=1)).mean() < 0.02
    assert recall(ids, base, queries, metric) > 0.95


@pytest.mark.parametrize("version", ["4", "5"])
@pytest.mark.parametrize("name", ["transform_coding", "trellis"])
def test_codecs_whose_full_groups_were_not_evened_are_read(name, version, monkeypatch, tmp_path):
    base = falling(300, 32)
    left_alone(monkeypatch)
    monkeypatch.setattr(methods.get(name), "version", version)
    codec = for_budget(name, 32, 32, "ip").fit(base)
    path = codec.save(tmp_path / "x.codec")
    monkeypatch.undo()
    loaded = methods.load(path)
    codes = codec.encode(base)
    assert np.array_equal(loaded.encode(base), codes)
    assert np.array_equal(loaded.decode(codes), codec.decode(codes))
