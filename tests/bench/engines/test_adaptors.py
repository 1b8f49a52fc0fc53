"""Every engine that can be measured: what is built is opened, and finds what its codes allow."""

import numpy as np
import pytest

import methods
from bench import datasets
from bench.datasets.store import ArrayStore
from bench.engines import adaptors
from bench.engines.adaptors.choosing import NotOffered, choose, offered
from bench.engines.adaptors.finding import missing_packages
from bench.errors import UsageError
from methods import registry
from methods.errors import BudgetError

N, DIM, QUERIES, K = 1_500, 384, 60, 10
SLOW = ("OPQ", "RQ", "PRQ", "HnswPq", "ITQ")  # in training
SCHEMES = [
    pytest.param(name, scheme, marks=[pytest.mark.slow] * (scheme in SLOW))
    for name in adaptors.runnable()
    for scheme in adaptors.adaptor(name).schemes
]
WITHIN = 0.08  # of recall, that two trainings on so few vectors may differ by


@pytest.fixture(scope="module")
def text():
    """Base (N, DIM), queries and the true neighbors by cosine."""
    data = datasets.load("squad-sentences-mini", max_base=N, max_queries=QUERIES)
    base, queries = data.base.read(0, N), data.queries
    true = np.argsort(-queries @ (base / np.linalg.norm(base, axis=1, keepdims=True)).T, axis=1)[:, :K]
    return base, queries, true


def recall(ids, true):
    return np.mean([np.isin(found, nearest).mean() for found, nearest in zip(ids, true)])


def offer_of(name, scheme):
    """With the code nearest to a bit a dimension, by cosine."""
    return min(offered(adaptors.adaptor(name), scheme, DIM, "cosine"), key=lambda offer: abs(offer.bytes - DIM // 8))


def opened(name, scheme, folder, base, **options):
    if missing := missing_packages(adaptors.adaptor(name)):
        pytest.skip(f"{', '.join(missing)} is not installed")
    folder.mkdir()
    engine = adaptors.adaptor(name)(offer_of(name, scheme), folder, **options)
    engine.build(ArrayStore(base))
    engine = adaptors.adaptor(name)(offer_of(name, scheme), folder, **options)
    engine.open()
    return engine


@pytest.mark.thorough
@pytest.mark.integration
@pytest.mark.parametrize(("name", "scheme"), SCHEMES)
def test_what_is_built_finds_what_its_codes_allow(name, scheme, text, tmp_path):
    base, queries, true = text
    engine = opened(name, scheme, tmp_path / "engine", base, search_value=None)
    try:
        scores, ids = engine.search(queries, K)
        assert scores.shape == ids.shape == (QUERIES, K)
        assert ids.dtype == np.int64
        assert ((ids >= 0) & (ids < N)).all()
        assert all(len(set(row)) == K for row in ids)
        one_by_one = np.concatenate([engine.search(queries[i : i + 1], K)[1] for i in range(5)])
        assert recall(one_by_one, ids[:5]) > 0.95
        assert engine.index()["kind"]
        assert engine.disk_bytes() > N * engine.offer.bytes * 0.9
        found = recall(ids, true)
    finally:
        engine.close()
    offer = engine.offer
    if offer.scheme.equals:
        if missing := registry.missing_dependencies(offer.scheme.method):
            pytest.skip(f"{', '.join(missing)} is not installed")
        codec = methods.create(offer.scheme.method, DIM, offer.method_bytes, "cosine", **offer.params).fit(base)
        _, theirs = codec.searcher(codec.encode(base)).search(queries, K)
        assert abs(found - recall(theirs, true)) < WITHIN, (
            f"{found:.3f}, {offer.scheme.method} {recall(theirs, true):.3f}"
        )
    else:
        assert found > 0.2


QUICK = {"faiss": "RaBitQ"}  # its smallest codes train for minutes


@pytest.mark.integration
@pytest.mark.parametrize("name", adaptors.runnable())
def test_rescoring_finds_more(name, text, tmp_path):
    base, queries, true = text
    engine = adaptors.adaptor(name)
    rescoring = [each for each in engine.schemes if offer_of(name, each).scheme.rescoring.when != "never"]
    if not rescoring:
        pytest.skip("never rescores")
    least = QUICK.get(name) or min(rescoring, key=lambda each: offer_of(name, each).bytes)
    plain = opened(name, least, tmp_path / "plain", base)
    finer = opened(name, least, tmp_path / "finer", base, rescore=True, oversampling=10)
    try:
        assert recall(finer.search(queries, K)[1], true) > min(0.99, recall(plain.search(queries, K)[1], true) + 0.005)
    finally:
        plain.close()
        finer.close()


@pytest.mark.parametrize("name", adaptors.runnable())
def test_schemes_are_those_of_the_catalogue(name):
    engine = adaptors.adaptor(name)
    assert engine.name == name
    assert len(engine.packages) == len(engine.modules) > 0
    for scheme in engine.schemes:
        assert offer_of(name, scheme).bytes


def test_a_first_word_means_the_scheme_that_uses_the_budget_best():
    assert choose("faiss", "PQ", 384, 96, "ip").bytes == 96
    assert choose("faiss", None, 384, 192, "ip").bytes <= 192
    short = dict(adaptors.short_names())
    assert short["faiss:RaBitQ2..9"] == "RaBitQ2..9"


def test_what_an_engine_cannot_do_is_said():
    with pytest.raises(BudgetError, match="smallest code is 48 B"):
        choose("faiss", "LSH", 384, 10, "l2")
    with pytest.raises(NotOffered, match="compares by l2, not ip"):
        choose("faiss", "LSH", 384, 48, "ip")
    with pytest.raises(UsageError, match="did you mean faiss"):
        adaptors.adaptor("fais")
    with pytest.raises(UsageError, match="is described"):
        adaptors.adaptor("elasticsearch")
    with pytest.raises(UsageError, match="can be measured is called 'PX'"):
        choose("faiss", "PX", 384, 96, "ip")
    with pytest.raises(UsageError, match="searches everything"):
        adaptors.adaptor("faiss").check_search(5)
