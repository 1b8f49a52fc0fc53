"""A map from one encoder's vectors to another's: found where it is linear, held back where pairs are few and noisy."""

import numpy as np
import pytest

from methods.errors import MethodError
from methods.fitting.ridge_map import RidgeMap


def pairs(n, noise, seed=0):
    rng = np.random.default_rng(seed)
    sources = rng.standard_normal((n, 12)).astype(np.float32) + 2  # off the origin: the bias matters
    matrix = np.random.default_rng(9).standard_normal((12, 8))
    targets = sources @ matrix - 3 + noise * rng.standard_normal((n, 8))
    return sources, targets.astype(np.float32)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_an_affine_map_is_found():
    found = RidgeMap().fit(*pairs(500, 0.0))
    sources, targets = pairs(50, 0.0, seed=1)
    np.testing.assert_allclose(found.transform(sources), unit(targets), atol=1e-3)
    assert found.ridge_ == 1e-6
    assert found.cosine_ > 0.9999


def test_with_few_noisy_pairs_a_greater_ridge_is_chosen_and_serves_better():
    sources, targets = pairs(20, 6.0)
    others, others_targets = pairs(400, 0.0, seed=1)
    chosen = RidgeMap().fit(sources, targets)
    assert chosen.ridge_ > 1e-3
    design = np.c_[sources, np.ones(len(sources))]
    plain = np.c_[others, np.ones(len(others))] @ np.linalg.lstsq(design, targets, rcond=None)[0]
    assert (chosen.transform(others) * unit(others_targets)).sum(1).mean() > (
        (unit(plain) * unit(others_targets)).sum(1).mean()
    )


def test_the_map_is_of_its_pairs_and_seed_alone():
    sources, targets = pairs(60, 1.0)
    before = sources.copy()
    first, again = RidgeMap().fit(sources, targets, seed=3), RidgeMap().fit(sources, targets, seed=3)
    np.testing.assert_array_equal(first.matrix_, again.matrix_)
    np.testing.assert_array_equal(sources, before)
    assert first.matrix_.dtype == first.bias_.dtype == first.transform(sources).dtype == np.float32


@pytest.mark.parametrize(("n", "m"), [(9, 9), (20, 19)])
def test_pairs_that_are_too_few_or_do_not_match_are_refused(n, m):
    with pytest.raises(MethodError, match=f"not {n} sources and {m} targets"):
        RidgeMap().fit(np.ones((n, 3), np.float32), np.ones((m, 2), np.float32))
