"""TurboQuant: levels for unit vectors, norms stored where vectors have others."""

from __future__ import annotations

import faiss
import numpy as np
import pytest

from methods import MethodError, Metric
from methods.checks import data
from methods.errors import NotInFaiss
from methods.rotated.turboquant import TurboQuant
from methods.vectors import normalized


@pytest.mark.parametrize(
    ("metric", "store_norm", "code_bytes", "bits", "size"),
    [
        ("cosine", "auto", 192, 4, 192),
        ("ip", "auto", 192, 3, 146),
        ("l2", "auto", 194, 4, 194),
        ("ip", False, 192, 4, 192),
        ("cosine", True, 50, 1, 50),
        ("ip", False, 384, 8, 384),
    ],
)
def test_the_most_bits_that_fit_beside_the_norm(metric, store_norm, code_bytes, bits, size):
    codec = TurboQuant.for_budget(384, code_bytes, Metric(metric), store_norm=store_norm)
    assert (codec.bits, codec.code_size) == (bits, size)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8])
def test_codes_are_those_of_faiss_without_rotation_and_norm(bits):
    vectors = normalized(data.base())
    index = faiss.IndexScalarQuantizer(32, getattr(faiss.ScalarQuantizer, f"QT_{bits}bit_tqmse"))
    index.train(vectors)
    codec = TurboQuant(32, "ip", bits, store_norm=False, rotation="none").fit(data.train())
    assert np.array_equal(codec.encode(vectors), index.sa_encode(vectors))
    assert codec.parts() == {}


@pytest.mark.parametrize("length", [1e-3, 1.0, 50.0])
def test_relative_error_does_not_depend_on_the_norm(length):
    codec = TurboQuant(32, "ip", 4).fit(data.train())
    vectors = length * data.base()
    decoded = codec.decode(codec.encode(vectors))
    assert ((decoded - vectors) ** 2).sum() < 0.02 * (vectors**2).sum()


def test_a_rotation_makes_up_for_coordinates_of_unlike_size():
    vectors = normalized(data.base() * np.geomspace(1, 100, 32, dtype=np.float32))
    errors = {}
    for rotation in ("random", "none"):
        codec = TurboQuant(32, "cosine", 2, store_norm=False, rotation=rotation).fit(vectors)
        errors[rotation] = ((codec.decode(codec.encode(vectors)) - vectors) ** 2).sum()
    assert errors["random"] < 0.7 * errors["none"]


def test_norms_beyond_float16_are_clipped_not_infinite():
    codec = TurboQuant(32, "ip", 4).fit(data.train())
    assert np.isfinite(codec.decode(codec.encode(1e6 * data.base()))).all()


@pytest.mark.parametrize("wrong", [{"rotation": "hadamard"}, {"store_norm": "maybe"}])
def test_unknown_settings_are_refused(wrong):
    with pytest.raises(MethodError, match="is unknown; use"):
        TurboQuant.for_budget(32, 32, Metric.IP, **wrong)


@pytest.mark.parametrize("rotation", ["random", "none"])
@pytest.mark.parametrize("metric", ["ip", "l2"])
def test_scores_with_norms_are_those_of_decoded_vectors(metric, rotation):
    codec = TurboQuant(32, metric, 3, rotation=rotation).fit(data.train())
    codes = codec.encode(2 * data.base())
    scores, ids = codec.searcher(codes).search(data.queries(), 20)
    exact = data.metric_values(data.queries(), codec.decode(codes), Metric.parse(metric))
    np.testing.assert_allclose(scores, np.take_along_axis(exact, ids, axis=1), rtol=1e-3, atol=1e-3)


def _uneven():
    """Unit vectors with a common direction."""
    return normalized(
        data.base() + 3 * normalized(np.ones((1, 32), np.float32)) * np.linalg.norm(data.base(), axis=1)[:, None]
    )


@pytest.mark.parametrize("store_norm", [False, True])
def test_calibration_fits_levels_to_what_the_rotation_leaves_uneven(store_norm):
    vectors, errors = _uneven(), {}
    for calibrate in (False, True):
        codec = TurboQuant(32, "ip", 2, store_norm, calibrate=calibrate).fit(vectors)
        errors[calibrate] = ((codec.decode(codec.encode(vectors)) - vectors) ** 2).sum()
    assert errors[True] < 0.5 * errors[False]
    assert set(codec.parts()) == {"rotation", "shift", "scale"}


def test_a_calibrated_norm_makes_up_for_the_length_that_decoding_loses():
    vectors = 5 * _uneven()
    codec = TurboQuant(32, "ip", 1, calibrate=True).fit(vectors)
    np.testing.assert_allclose(np.linalg.norm(codec.decode(codec.encode(vectors)), axis=1), 5, rtol=2e-3)


@pytest.mark.parametrize("metric", ["ip", "cosine", "l2"])
def test_calibrated_codes_are_found_by_their_decoded_vectors(metric):
    codec = TurboQuant.for_budget(32, 18, Metric(metric), calibrate=True).fit(data.train())
    assert (codec.bits, codec.store_norm, codec.calibrate) == (4, True, True)
    codes, queries = codec.encode(data.base()), data.queries()[:20]
    values = data.metric_values(queries, codec.decode(codes), Metric("ip" if metric == "cosine" else metric))
    best = values.min(axis=1) if metric == "l2" else values.max(axis=1)
    scores, _ = codec.searcher(codes).search(normalized(queries) if metric == "cosine" else queries, 1)
    expected = best / np.linalg.norm(queries, axis=1) if metric == "cosine" else best
    np.testing.assert_allclose(scores[:, 0], expected, rtol=1e-3, atol=1e-3)


def test_dimensions_that_never_vary_are_calibrated_to_their_value():
    vectors = data.train().copy()
    vectors[:, 5:] = 0
    codec = TurboQuant(32, "ip", 2, rotation="none", calibrate=True).fit(vectors)
    assert np.abs(codec.decode(codec.encode(vectors))[:, 5:]).max() < 0.5
    with pytest.raises(NotInFaiss, match="calibrate=false"):
        codec.to_faiss(codec.encode(vectors))
