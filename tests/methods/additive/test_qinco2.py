"""QINCo2: starts as a residual quantizer, improves on it, and searches by a shortlist that loses nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from methods import MethodError, Metric
from methods.additive.qinco2.codec import QINCo2
from methods.additive.qinco2.network import BeamSearch
from methods.additive.qinco2.search import ShortlistSearcher
from methods.additive.rq import RQ
from methods.checks import data

DIM, STEPS = 8, 3
TRAIN = data.vectors("train", 16_000, DIM)


@pytest.fixture(scope="module")
def fitted():
    return QINCo2.for_budget(DIM, STEPS, Metric.IP, epochs=8).fit(TRAIN)


def error(codec, vectors):
    return float(((codec.decode(codec.encode(vectors)) - vectors) ** 2).sum())


def reference(net, symbols, found, m):
    """What step ``m`` makes of reconstructions (n, d) for symbols (n,), as the paper writes it."""
    codewords = net.codebooks[m][symbols]
    if m == 0:
        return codewords
    z = net.embedded[m][symbols] + found @ net.condition[m]
    for up, down in zip(net.up[m], net.down[m]):
        z = z + np.maximum(z @ up, 0) @ down
    return found + codewords + z @ net.out[m]


@pytest.mark.parametrize(("code_bytes", "size"), [(1, 1), (24, 24), (192, 32)])
def test_one_step_a_byte_up_to_the_bound(code_bytes, size):
    assert QINCo2.for_budget(384, code_bytes, Metric.L2).code_size == size


def test_untrained_it_is_residual_quantization():
    codec = QINCo2.for_budget(DIM, STEPS, Metric.IP, epochs=0, candidates=256).fit(TRAIN)
    codes = codec.encode(data.base(DIM))
    net = codec.network_
    total = sum(net.codebooks[m][codes[:, m]] for m in range(STEPS)) * net.scale + net.mean
    assert np.allclose(codec.decode(codes), total, atol=1e-5)
    residual = RQ.for_budget(DIM, STEPS, Metric.IP).fit(TRAIN)
    assert error(codec, data.base(DIM)) < 1.05 * error(residual, data.base(DIM))


@pytest.mark.thorough
def test_training_lowers_the_error_on_vectors_not_trained_on(fitted):
    untrained = QINCo2.for_budget(DIM, STEPS, Metric.IP, epochs=0).fit(TRAIN)
    assert error(fitted, data.base(DIM)) < 0.99 * error(untrained, data.base(DIM))


@pytest.mark.thorough
def test_networks_matter_once_trained(fitted):
    net = fitted.network_
    without = QINCo2.from_parts(fitted.params(), replace(net, out=np.zeros_like(net.out)).arrays())
    assert error(fitted, data.base(DIM)) < 0.995 * error(without, data.base(DIM))


@pytest.mark.thorough
def test_decoding_goes_step_by_step(fitted):
    net, codes = fitted.network_, fitted.encode(data.base(DIM))
    found = np.zeros((len(codes), DIM), np.float32)
    for m in range(STEPS):
        found = reference(net, codes[:, m], found, m)
    assert np.allclose(fitted.decode(codes), found * net.scale + net.mean, atol=1e-5)


def test_errors_of_candidates_are_those_of_their_reconstructions(fitted):
    net = fitted.network_
    x = (data.base(DIM)[:20] - net.mean) / net.scale
    found = reference(net, np.arange(20), x, 0)
    chosen, _, errors = BeamSearch(net)._errors(2, found, x - found, 8)
    for row in range(8):
        wanted = ((reference(net, chosen[:, row], found, 2) - x) ** 2).sum(axis=1)
        assert np.allclose(errors[:, row], wanted, rtol=1e-3, atol=1e-3)


def test_a_wider_beam_and_more_candidates_encode_better(fitted):
    errors = []
    for beam_size, candidates in ((1, 1), (4, 8), (16, 32)):
        changed = {"beam_size": beam_size, "candidates": candidates}
        errors.append(error(QINCo2.from_parts({**fitted.params(), **changed}, fitted.parts()), data.base(DIM)))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0]


@pytest.mark.parametrize("queries", [1, 40])
def test_a_shortlist_finds_what_decoding_everything_finds(fitted, queries):
    codes, asked = fitted.encode(TRAIN[:4000]), data.queries(DIM)[:queries]
    whole = QINCo2.from_parts({**fitted.params(), "shortlist": 0}, fitted.parts())
    searcher = fitted.searcher(codes)
    assert isinstance(searcher, ShortlistSearcher)
    scores, ids = searcher.search(asked, 10)
    wanted, all_ids = whole.searcher(codes).search(asked, 10)
    assert np.mean([len(np.intersect1d(a, b)) for a, b in zip(ids, all_ids)]) >= 9.5
    assert np.allclose(scores[:, 0], wanted[:, 0], rtol=1e-3)


def test_impossible_parameters_are_refused():
    with pytest.raises(MethodError, match="candidates=0"):
        QINCo2(8, candidates=0)
