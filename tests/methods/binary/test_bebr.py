"""BEBR as a method: its three ways of searching, training, interruption, and the upgrade."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from methods import MethodError, Metric, for_budget
from methods.binary.bebr import training
from methods.binary.bebr.batches import HeldOut, Sampler
from methods.binary.bebr.codec import BEBR
from methods.binary.bebr.recipe import Recipe
from methods.checks import data
from methods.kernels.scanning.adc import ADCScanner
from methods.kernels.scanning.sdc import SDCScanner
from methods.vectors import normalized, random_rotation


def fitted(code_bytes=12, metric=Metric.IP, vectors=None, **params):
    params = {"epochs": 0, **params}
    return BEBR.for_budget(data.DIM, code_bytes, metric, **params).fit(data.train() if vectors is None else vectors)


def found(codec, k=data.K):
    return codec.searcher(codec.encode(data.base())).search(data.queries(), k)


def recall(codec, metric=Metric.IP):
    return data.recall(found(codec)[1], metric)


@pytest.mark.parametrize("loops", [0, 1, 2, 3])
def test_asymmetric_scores_are_those_of_decoded_vectors(loops):
    codec = fitted(scoring="adc", loops=loops)
    scores, ids = found(codec)
    decoded = codec.decode(codec.encode(data.base()))
    wanted = np.take_along_axis(data.queries() @ decoded.T, ids, axis=1)
    np.testing.assert_allclose(scores, wanted, atol=0.03 * np.abs(wanted).max())  # the query's int8


@pytest.mark.parametrize("loops", [0, 1, 2, 3])
def test_symmetric_scores_are_those_of_decoded_queries_and_vectors(loops):
    codec = fitted(loops=loops)
    scores, ids = found(codec)
    decoded = codec.decode(codec.encode(data.base()))
    queries = normalized(codec.decode(codec.encode(data.queries())))
    queries *= np.linalg.norm(data.queries(), axis=1, keepdims=True)
    wanted = np.take_along_axis(queries @ decoded.T, ids, axis=1)
    np.testing.assert_allclose(scores, wanted, atol=0.03 * np.abs(wanted).max())


@pytest.mark.parametrize("loops", [0, 1, 2, 3])
def test_codes_of_the_plain_grid_are_compared_in_integers(loops):
    codec = fitted(loops=loops, digits=1, rounds=0, offset=False)
    searcher = codec.searcher(codec.encode(data.base()))
    assert isinstance(searcher.scanner, SDCScanner)
    scores, ids = searcher.search(data.queries(), data.K)
    levels, factors = codec.levels(codec.encode(data.base()))
    query_levels, _ = codec.levels(codec.encode(data.queries()))
    products = (query_levels @ levels.T) * factors
    assert np.array_equal(np.sort(ids), np.sort(np.argsort(-products, axis=1, kind="stable")[:, : data.K]))
    decoded = codec.decode(codec.encode(data.base()))
    np.testing.assert_allclose(scores, np.take_along_axis(data.queries() @ decoded.T, ids, 1), atol=0.6)


def test_learned_codes_are_compared_by_what_they_decode_to():
    codec = fitted(offset=False)
    assert isinstance(codec.searcher(codec.encode(data.base())).scanner, ADCScanner)


def test_each_step_beyond_the_grid_raises_recall():
    grid = recall(fitted(8, digits=1, rounds=0))
    learned = recall(fitted(8))
    finer_queries = recall(fitted(8, query_loops=4))
    real_queries = recall(fitted(8, scoring="adc", loops=fitted(8).loops))
    assert grid < learned < finer_queries <= real_queries + 0.02


def test_hamming_codes_are_signs_and_fill_all_bytes():
    codec = fitted(4, scoring="hamming")
    assert (codec.dim_code, codec.loops, codec.code_size) == (32, 0, 4)
    codes = codec.encode(data.base())
    bits = np.unpackbits(codes, axis=1).astype(int)
    query_bits = np.unpackbits(codec.encode(data.queries()), axis=1).astype(int)
    scores, ids = codec.searcher(codes).search(data.queries(), data.K)
    wanted = np.abs(query_bits[:, None] - bits[ids]).sum(axis=2)
    assert np.array_equal(scores, wanted)
    assert recall(codec) > 0.3


@pytest.mark.parametrize("scoring", ["sdc", "adc"])
def test_euclidean_search_keeps_norms(scoring):
    codec = fitted(16, metric=Metric.L2, scoring=scoring)
    scores, ids = found(codec)
    true = np.take_along_axis(data.metric_values(data.queries(), data.base(), Metric.L2), ids, axis=1)
    assert np.corrcoef(scores.ravel(), true.ravel())[0, 1] > 0.9
    assert recall(codec, Metric.L2) > 0.6


@pytest.mark.parametrize("queries", [1, 7])
@pytest.mark.parametrize(
    ("scoring", "params"), [("sdc", {}), ("adc", {}), ("adc", {"loops": 0}), ("sdc", {"loops": 2})]
)
def test_distances_are_those_of_decoded_vectors(scoring, params, queries):
    """Up to the rounding of queries to 15 bits and of squared lengths to two bytes."""
    codec = fitted(16, metric=Metric.L2, scoring=scoring, **params)
    codes, asked = codec.encode(data.base()), data.queries()[:queries]
    scores, ids = codec.searcher(codes).search(asked, len(codes))
    compared = codec.decode(codec.encode(asked)) if scoring == "sdc" else asked
    exact = ((compared[:, None] - codec.decode(codes)) ** 2).sum(axis=2)
    slack = 0.03 if scoring == "sdc" else 1e-3  # the factor of a query's code is not rounded to a byte
    np.testing.assert_allclose(scores, np.take_along_axis(exact, ids, axis=1), rtol=slack, atol=slack * exact.mean())
    assert (np.diff(scores, axis=1) >= 0).all()


def test_near_vectors_far_from_the_mean_are_told_apart():
    """Distances within a cluster are a ten-thousandth of the lengths: those have to be kept that exactly."""
    rng = np.random.default_rng(0)
    centers = rng.standard_normal((40, 32)) * 10
    base = (centers.repeat(50, axis=0) + rng.standard_normal((2000, 32)) * 0.3).astype(np.float32)
    queries = (centers + rng.standard_normal((40, 32)) * 0.3).astype(np.float32)
    codec = for_budget("bebr", 32, 35, "l2", scoring="adc", epochs=0).fit(base)
    exact = np.argsort(((queries[:, None] - base) ** 2).sum(axis=2), axis=1)[:, :10]
    codes = codec.encode(base)
    _, ids = codec.searcher(codes).search(queries, 10)
    decoded = np.argsort(((queries[:, None] - codec.decode(codes)) ** 2).sum(axis=2), axis=1)[:, :10]
    found, best = (np.mean([np.isin(a, b).mean() for a, b in zip(each, exact)]) for each in (ids, decoded))
    assert best > 0.7
    assert found > best - 0.03


@pytest.mark.parametrize("lacking", ["square_range", "factor_scale"])
def test_parts_of_earlier_versions_are_refused(lacking):
    codec = fitted(16, metric=Metric.L2)
    old = {name: part for name, part in codec.parts().items() if name != lacking}
    with pytest.raises(MethodError, match="fit and encode anew"):
        BEBR.from_parts(codec.params(), old)


def test_a_code_does_not_depend_on_the_length_but_for_its_factor():
    codec = fitted(offset=False)
    codes, longer = codec.encode(data.base()), codec.encode(1.2 * data.base())
    assert (codes[:, :-1] == longer[:, :-1]).all(axis=1).mean() > 0.99
    assert (longer[:, -1] > codes[:, -1]).all()


@pytest.mark.thorough
@pytest.mark.parametrize("scoring", ["sdc", "adc"])
@pytest.mark.parametrize("params", [{}, {"loss": "contrastive", "queue": 256}, {"blocks": 1, "hidden": 16}])
def test_training_is_deterministic_and_does_not_lose(params, scoring):
    first, second = (fitted(8, scoring=scoring, epochs=2, **params) for _ in range(2))
    assert all(np.array_equal(array, second.parts()[name]) for name, array in first.parts().items())
    assert recall(first) >= recall(fitted(8, scoring=scoring, **params)) - 0.03


@pytest.mark.thorough
def test_distillation_raises_recall_of_held_out_queries():
    vectors = normalized(data.vectors("many", 4000))
    codec = fitted(4, scoring="adc", vectors=vectors)
    levels, norms = codec.quantizer_.encoder.encode(vectors)
    held_out = HeldOut(vectors, 0)

    def judged(weights):
        decoded = levels @ weights["decoder"] / norms[:, None]
        return held_out.recall(vectors[held_out.queries], decoded[held_out.base])

    start = {"decoder": codec.decoder_}
    trained = training.train(vectors, start, Recipe(symmetric=False, epochs=4), 0, levels, norms)
    assert judged(trained) > judged(start)


def test_the_start_is_kept_if_nothing_beats_it():
    vectors = normalized(data.vectors("many", 1000))
    codec = fitted(8, vectors=vectors)
    levels, norms = codec.quantizer_.encoder.encode(vectors)
    ruinous = Recipe(epochs=2, learning_rate=50.0)
    trained = training.train(vectors, {"decoder": codec.decoder_}, ruinous, 0, levels, norms)
    assert np.array_equal(trained["decoder"], codec.decoder_)


@pytest.mark.thorough
@pytest.mark.parametrize("params", [{}, {"loss": "contrastive", "queue": 256}, {"blocks": 1, "hidden": 16}])
def test_an_interrupted_training_goes_on_where_it_was(tmp_path, params):
    file = str(tmp_path / "bebr.npz")
    fitted(8, epochs=1, checkpoint=file, **params)
    resumed = fitted(8, epochs=3, checkpoint=file, **params).parts()
    whole = fitted(8, epochs=3, **params).parts()
    assert all(np.array_equal(array, whole[name]) for name, array in resumed.items())


def test_a_checkpoint_of_another_training_is_not_used(tmp_path):
    file = str(tmp_path / "bebr.npz")
    fitted(8, epochs=1, checkpoint=file)
    other = BEBR.for_budget(data.DIM, 8, Metric.IP, epochs=1, checkpoint=file).fit(data.train(), seed=1)
    alone = BEBR.for_budget(data.DIM, 8, Metric.IP, epochs=1).fit(data.train(), seed=1)
    assert all(np.array_equal(array, alone.parts()[name]) for name, array in other.parts().items())


def test_batches_are_neighborhoods():
    vectors = normalized(data.train())
    batch = Sampler(vectors, np.arange(len(vectors)), 0).epoch(0, 1)[0]
    inside = vectors[batch] @ vectors[batch].T
    assert np.sort(inside)[:, -8].mean() > np.sort(vectors @ vectors[batch].T)[:, -8].mean() - 0.2
    assert len(np.unique(batch)) == len(batch)


def test_held_out_queries_are_not_trained_on():
    held_out = HeldOut(data.train(), 0)
    assert not np.intersect1d(held_out.queries, held_out.train).size
    assert not np.intersect1d(held_out.queries, held_out.base).size
    assert held_out.recall(data.train()[held_out.queries], data.train()[held_out.base]) == 1.0


@pytest.mark.thorough
@pytest.mark.integration
def test_torch_is_loaded_for_training_only():
    code = (
        "import sys; from methods import registry; from methods.checks import data;"
        "codec = registry.for_budget('bebr', 32, 8, 'ip', epochs=0).fit(data.train());"
        "codec.searcher(codec.encode(data.base())).search(data.queries(), 5); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"scoring": "euclid"}, "sdc, adc, hamming"),
        ({"scoring": "hamming", "loops": 1}, "loops=0"),
        ({"loss": "mse"}, "distill, contrastive"),
        ({"loops": 4}, "0 to 3"),
        ({"query_loops": 0, "loops": 1}, "query_loops=0"),
        ({"query_loops": 3, "blocks": 1}, "linear"),
        ({"rounds": -1}, "rounds=-1"),
        ({"dim_code": 33, "digits": 1}, "dim_code=33"),
    ],
)
def test_impossible_parameters_are_refused(params, message):
    with pytest.raises(MethodError, match=message):
        BEBR.for_budget(data.DIM, 16, Metric.IP, **params)


# --- upgrade -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def encoders():
    """Old vectors are a noisy projection of the new ones: base, queries."""
    rng = np.random.default_rng(0)
    project = random_rotation(data.DIM, 3)[:, :20]

    def old(vectors):
        return normalized(vectors @ project + 0.04 * rng.standard_normal((len(vectors), 20)).astype(np.float32))

    return old(data.base()), old(data.queries())


def recalls(codec, codes, queries):
    return data.recall(codec.searcher(codes).search(queries, data.K)[1], Metric.COSINE)


@pytest.mark.parametrize("scoring", ["sdc", "adc"])
def test_new_queries_search_old_codes(encoders, scoring):
    old_base, old_queries = encoders
    old = BEBR.for_budget(20, 10, Metric.COSINE, scoring=scoring, epochs=0).fit(old_base)
    old_codes = old.encode(old_base)
    new = old.successor(old_base, data.base())
    new_codes = new.encode(data.base())
    old_old = recalls(old, old_codes, old_queries)
    assert recalls(new, old_codes, data.queries()) > old_old - 0.1
    assert recalls(new, new_codes, data.queries()) > old_old + 0.1
    shares = [np.where((np.arange(len(new_codes)) % 4 < part)[:, None], new_codes, old_codes) for part in range(5)]
    curve = [recalls(new, codes, data.queries()) for codes in shares]
    assert all(later > earlier - 0.03 for earlier, later in pairwise(curve)), curve
    again = BEBR.from_parts(new.params(), new.parts())
    assert np.array_equal(again.encode(data.base()), new_codes)


def test_without_compatibility_new_codes_are_better_and_old_ones_lost(encoders):
    old_base, _ = encoders
    old = BEBR.for_budget(20, 10, Metric.COSINE, epochs=0).fit(old_base)
    tied, free = (old.successor(old_base, data.base(), weight) for weight in (4.0, 0.0))
    for codes, better, worse in (
        (old.encode(old_base), tied, free),
        (None, free, tied),
    ):
        results = [
            recalls(c, c.encode(data.base()) if codes is None else codes, data.queries()) for c in (better, worse)
        ]
        assert results[0] > results[1]


def test_what_cannot_be_upgraded_is_refused(encoders):
    old_base, _ = encoders
    hamming = BEBR.for_budget(20, 2, Metric.IP, scoring="hamming").fit(old_base)
    with pytest.raises(MethodError, match="linear bebr"):
        hamming.successor(old_base, data.base())
    old = BEBR.for_budget(20, 10, Metric.IP, epochs=0).fit(old_base)
    with pytest.raises(MethodError, match="same items"):
        old.successor(old_base[:-1], data.base())
    with pytest.raises(MethodError, match="weight=-1"):
        old.successor(old_base, data.base(), -1)
