"""TurboQuant: levels for unit vectors, norms stored where vectors have others."""

from __future__ import annotations

import faiss
import numpy as np
import pytest

from methods import MethodError, Metric
from methods.checks import data
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
