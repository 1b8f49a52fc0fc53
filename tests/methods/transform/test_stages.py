"""Residual stages before levels: the distances by which centroids are nearest."""

from __future__ import annotations

import dataclasses

import faiss
import numpy as np
import pytest

from methods import Metric, for_budget, get
from methods.transform.rq_trellis.quantizer import unsaid
from methods.transform.rq_trellis.stages import CentroidFinder, search_root
from methods.transform.trellis.quantizer import TrellisQuantizer

FIXED = {"gamma": 1.25, "scale": "renormalized", "state_bits": 10}


def decaying(n, dim, seed=0):
    """Gaussians (n, dim) whose standard deviations fall from 1 to .1."""
    values = np.random.default_rng(seed).standard_normal((n, dim), np.float32)
    return values * np.geomspace(1, 0.1, dim, dtype=np.float32)


@pytest.mark.parametrize("power", [0.0, 0.25])
def test_distances_weigh_axes_by_the_error_of_their_levels(power):
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.standard_normal((24, 24)))[0].astype(np.float32)
    spreads, bits = np.array([2.0, 1.0], np.float32), np.array([3, 1], np.uint8)
    fine = TrellisQuantizer(np.zeros(24, np.float32), axes[:, :16], bits, spreads)
    vectors = rng.standard_normal((50, 24))
    along = np.square(vectors @ axes)
    errors = TrellisQuantizer.errors()
    first, second, without = (part.sum(axis=1) for part in np.split(along, 3, axis=1))
    wanted = errors[3] * 4**power * first + errors[1] * second + without
    found = np.square(vectors @ search_root(fine, power)).sum(axis=1)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_axes_along_which_nothing_varies_have_a_finite_weight():
    axes, zero = np.eye(16, dtype=np.float32), np.zeros(16, np.float32)
    none = TrellisQuantizer(zero, axes, np.array([1, 0], np.uint8), np.zeros(2, np.float32))
    assert np.isfinite(search_root(none, 0.25)).all()
    one = TrellisQuantizer.choose(zero, axes, np.array([4.0, 0.0], np.float32), 10, 1.25)
    assert (one.bits > 0).all()  # more bytes than one group takes
    weights = np.square(np.linalg.svd(search_root(one, 0.25))[1])
    np.testing.assert_allclose(
        np.unique(weights.round(9)), sorted({round(float(each), 9) for each in one.errors()[one.bits]})
    )


@pytest.mark.parametrize("decision", [True, False])
def test_under_l2_held_out_vectors_decide_on_the_distances(decision, monkeypatch):
    def finds_more(weighted, plain, *_):
        assert weighted.power is not None
        assert plain.power is None
        return decision

    monkeypatch.setattr("methods.transform.rq_trellis.training.finds_more", finds_more)
    codec = for_budget("rq_trellis", 32, 8, "l2", stages=1, **FIXED).fit(decaying(1000, 32))
    assert ("stage_power" in codec.parts()) == decision
    assert (codec.quantizer_.finder.root is not None) == decision


@pytest.mark.parametrize("metric", ["ip", "l2"])
@pytest.mark.parametrize("code_bytes", [6, 10, 24])
def test_codes_leave_less_error_than_with_the_nearest_centroids(metric, code_bytes, monkeypatch):
    monkeypatch.setattr("methods.transform.rq_trellis.training.finds_more", lambda *_: True)
    base = decaying(4000, 64)
    codec = for_budget("rq_trellis", 64, code_bytes, metric, stages=1, offset=False, **FIXED).fit(base)
    centered = base - codec.quantizer_.mean
    plain = dataclasses.replace(codec.quantizer_, power=None)
    weighted, nearest = (unsaid(each.encode(centered)[1]).mean() for each in (codec.quantizer_, plain))
    assert weighted < nearest


@pytest.mark.parametrize("weighted", [False, True])
def test_the_nearest_centroids_are_so_by_distances_after_the_root(weighted):
    rng = np.random.default_rng(1)
    codebooks, vectors = rng.standard_normal((1, 16, 12), np.float32), rng.standard_normal((40, 12), np.float32)
    root = np.diag(np.geomspace(0.1, 3, 12)) if weighted else None
    given, centroids = (each if root is None else each @ root for each in (vectors, codebooks[0]))
    nearest = np.square(given[:, None] - centroids).sum(axis=2).argmin(axis=1)
    finder = CentroidFinder(codebooks, root)
    np.testing.assert_array_equal(faiss.unpack_bitstrings(finder.nearest(vectors), 1, 4)[:, 0], nearest)
    np.testing.assert_array_equal(finder.nearest_sums(vectors, 1)[:, 0, 0], nearest)


def test_parts_of_an_older_version_encode_by_plain_distances():
    base = decaying(2000, 32)
    codec = for_budget("rq_trellis", 32, 8, Metric.IP, **FIXED).fit(base)
    parts = codec.parts()
    assert parts.pop("stage_power").shape == (1,)
    old = get("rq_trellis").from_parts(codec.params(), parts)
    assert old.quantizer_.finder.root is None
    codes = codec.encode(base)
    assert not np.array_equal(old.encode(base), codes)
    np.testing.assert_array_equal(old.decode(codes), codec.decode(codes))
