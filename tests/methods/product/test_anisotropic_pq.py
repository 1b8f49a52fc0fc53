"""Anisotropic product quantization: the loss that codes and codebooks lower, and what it does for large products."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from methods import MethodError
from methods.errors import UnsupportedMetric
from methods.kernels.fitting.anisotropic import anisotropic_codes, codes_reference, normal_equations
from methods.product.anisotropic_pq import AnisotropicPQ
from methods.product.pq import PQ


def loss(vectors, decoded, eta):
    residual = vectors - decoded
    along = (residual * vectors).sum(axis=1)
    return (residual**2).sum(axis=1) + (eta - 1) * along**2 / (vectors**2).sum(axis=1)


def test_codes_come_near_the_best_of_all(unit):
    vectors, codebooks = unit(60, 6), 0.5 * np.random.default_rng(1).standard_normal((3, 8, 2)).astype(np.float32)
    codes, along = np.empty((60, 3), np.uint8), np.empty(60, np.float32)
    anisotropic_codes(vectors, codebooks, 6.0, 10, codes, along)
    every = np.array([np.concatenate([codebooks[m, c] for m, c in enumerate(combination)])
                      for combination in itertools.product(range(8), repeat=3)])  # fmt: skip
    best = np.stack([loss(vectors, row[None], 6.0) for row in every]).min(axis=0)
    decoded = np.concatenate([codebooks[m, codes[:, m]] for m in range(3)], axis=1)
    found = loss(vectors, decoded, 6.0)
    assert (found >= best - 1e-5).all()
    assert found.mean() < 1.1 * best.mean()
    assert np.allclose(along, ((vectors - decoded) * vectors).sum(axis=1), atol=1e-5)


@pytest.mark.parametrize(("subspaces", "centroids", "width"), [(6, 16, 1), (4, 256, 3), (3, 8, 5)])
def test_codes_are_those_of_the_readable_search(subspaces, centroids, width, unit):
    vectors = np.array(unit(60, subspaces * width))
    vectors[7] = 0
    codebooks = np.random.default_rng(0).normal(0, 0.3, (subspaces, centroids, width)).astype(np.float32)
    codes, along = np.empty((60, subspaces), np.uint8), np.empty(60, np.float32)
    anisotropic_codes(vectors, codebooks, 9.0, 4, codes, along)
    assert np.array_equal(codes, codes_reference(vectors, codebooks, 9.0, 4))


def test_normal_equations_are_sums_over_the_vectors_of_a_centroid():
    rng = np.random.default_rng(0)
    vectors, index = rng.standard_normal((50, 3)), rng.integers(4, size=50).astype(np.uint8)
    weights, pulls = rng.random(50), rng.standard_normal(50)
    left, right = np.empty((4, 3, 3)), np.empty((4, 3))
    normal_equations(vectors, index, weights, pulls, left, right)
    for c in range(4):
        own, weight, pull = vectors[index == c], weights[index == c], pulls[index == c]
        assert np.allclose(left[c], len(own) * np.eye(3) + (weight[:, None] * own).T @ own)
        assert np.allclose(right[c], pull @ own)


@pytest.mark.thorough
@pytest.mark.parametrize("bits", [4, 8])
def test_refined_codebooks_lower_the_loss(bits, unit):
    vectors = unit(3000, 32)
    losses = []
    for refinements in (0, 4):
        codec = AnisotropicPQ(32, "ip", 4, bits=bits, threshold=0.4, refinements=refinements).fit(vectors)
        losses.append(loss(vectors, codec.decode(codec.encode(vectors)), codec.eta).mean())
    assert losses[1] < 0.97 * losses[0]


def test_products_with_the_vectors_themselves_err_less_than_those_of_pq(unit):
    """The paper's claim: what is retrieved has large products, and these are estimated better."""
    vectors = unit(3000, 32)
    errors = {}
    for cls, params in ((AnisotropicPQ, {"threshold": 0.4}), (PQ, {})):
        codec = cls(32, "ip", 4, bits=8, **params).fit(vectors)
        decoded = codec.decode(codec.encode(vectors))
        errors[cls] = (((vectors - decoded) * vectors).sum(axis=1) ** 2).mean()
    assert errors[AnisotropicPQ] < 0.3 * errors[PQ]


def test_without_a_threshold_codes_are_those_of_product_quantization(unit):
    vectors = unit(1000, 32)
    ours = AnisotropicPQ(32, "ip", 4, bits=8, threshold=0.0, refinements=0).fit(vectors)
    theirs = PQ(32, "ip", 4, bits=8).fit(vectors)
    assert ours.eta == 1
    assert (ours.encode(vectors) == theirs.encode(vectors)).mean() > 0.999


@pytest.mark.parametrize(("code_bytes", "bits", "subquantizers"), [(48, 8, 48), (48, 4, 96), (500, 8, 384)])
def test_a_budget_is_filled_with_indices(code_bytes, bits, subquantizers):
    codec = AnisotropicPQ.for_budget(384, code_bytes, "ip", bits=bits)
    assert codec.subquantizers == subquantizers


@pytest.mark.parametrize("params", [{"bits": 5}, {"threshold": 1.0}, {"refinements": -1}])
def test_parameters_out_of_range_are_refused(params):
    with pytest.raises(MethodError, match="use"):
        AnisotropicPQ(32, "ip", 4, **params)


def test_distances_are_refused():
    with pytest.raises(UnsupportedMetric, match="cosine, ip"):
        AnisotropicPQ(32, "l2", 4)
