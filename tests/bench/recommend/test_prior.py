"""What published records let expect: the packaged extract, the order of a race, and what reached a recall."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from bench import datasets, records
from bench.datasets.diagnosis import diagnose
from bench.recommend import prior
from bench.recommend.prior import COLUMNS, PublishedSet, Reaching, Traits, by_expectation, packaged, reaching, traits_of
from methods import registry

ROOT = Path(__file__).resolve().parents[3]
PLAIN = Traits(100, "angles", frozenset())


def published(name, codes, traits=PLAIN):
    """A set in which method -> recall at each budget in bytes was kept, at every k."""
    rows = {
        size: {method: dict.fromkeys(COLUMNS, recall) for method, recall in methods.items()}
        for size, methods in codes.items()
    }
    return PublishedSet(name, 10_000, traits, rows)


@pytest.fixture
def script(monkeypatch):
    """The program that makes the extract."""
    monkeypatch.syspath_prepend(str(ROOT / "results" / "scripts"))
    spec = importlib.util.spec_from_file_location("published_prior", ROOT / "results" / "scripts" / "prior.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_extract_is_of_the_published_records():
    """Of their very bytes; where records changed, `python results/scripts/prior.py` makes it anew."""
    made_of = json.loads((ROOT / "bench" / "recommend" / prior.FILE).read_text())["packs"]
    packs = sorted((ROOT / "results" / "published").glob("*.parquet"))
    assert made_of == {pack.name: records.file_sha256(pack) for pack in packs}


def test_the_extract_has_the_figures_of_the_records(script):
    pack = ROOT / "results" / "published" / "squad-sentences-wordllama.parquet"
    text = script.text_of([pack])
    assert text == script.text_of([pack])
    (made,) = [prior.from_json(one) for one in json.loads(text)["sets"]]
    assert made == next(one for one in packaged() if one.name == made.name)
    (found,) = [
        record
        for record in records.find([pack])
        if (record.method.full_name, record.budget.bytes, record.config["seed"]) == ("pq", 64, 0)
    ]
    kept = made.codes[64]["pq"]
    assert kept["recall@10"] == pytest.approx(found.quality["recall@10"].value, abs=0.01)  # a mean over seeds
    assert kept["fit_ns"] == pytest.approx(1e9 * found.seconds["fit"] / (69_679 * 256), rel=0.5)


def test_a_set_on_which_few_methods_were_measured_is_left_out(script):
    pack = ROOT / "results" / "published" / "squad-sentences-mini.parquet"
    assert json.loads(script.text_of([pack]))["sets"] == []


def test_the_order_is_the_same_from_every_folder(tmp_path, monkeypatch):
    found = set()
    for folder in (tmp_path, ROOT, ROOT / "docs"):
        monkeypatch.chdir(folder)
        packaged.cache_clear()
        expected = by_expectation(registry.names(), Traits(1536, "angles", frozenset()), 32.0, packaged())
        found.add((*expected.order, expected.source))
    ((*_, source),) = found
    assert source == "published records of 8 data sets, nearest squad-sentences at 32x"


@pytest.mark.parametrize("one", packaged(), ids=lambda one: one.name)
def test_the_best_of_each_set_is_among_five_by_the_others(one):
    others = [other for other in packaged() if other.name != one.name]
    for size, methods in one.codes.items():
        best = max(methods, key=lambda name: methods[name]["recall@10"])
        order = by_expectation(sorted(methods), one.traits, one.ratio(size), others).order
        assert best in order[:5]


def test_every_method_with_records_is_expected_somewhere():
    names = {name for one in packaged() for methods in one.codes.values() for name in methods}
    assert len(names) > 30
    assert names <= set(registry.names())


def test_those_expected_to_find_most_race_first():
    sets = [
        published("a", {50: {"pq": 0.8, "opq": 0.9}, 12: {"sign": 0.99}}),
        published("b", {48: {"pq": 0.7, "opq": 0.4, "rq": 0.7}, 12: {"sign": 0.99, "opq": 0.99}}),
    ]
    found = by_expectation(["itq", "opq", "pq", "rq", "sign"], PLAIN, 8.0, sets)
    assert found.order == ["rq", "itq", "sign", "pq", "opq"]  # 0, .05 and .15 behind; nothing is known of itq and sign
    assert found.known == ["rq", "pq", "opq"]
    assert found.source == "published records of 2 data sets, nearest a at 8x"
    assert by_expectation(["b", "a"], PLAIN, 8.0, []).order == ["b", "a"]


@pytest.mark.parametrize(
    "far",
    [
        Traits(100, "distances", frozenset()),
        Traits(100, "angles", frozenset({"common direction"})),
        Traits(1536, "angles", frozenset()),
    ],
    ids=["metric", "kind", "dimension"],
)
def test_records_of_vectors_more_like_these_count_more(far):
    near = published("near", {50: {"pq": 0.9, "opq": 0.8}})
    other = published("other", {2 * far.dim // 4: {"pq": 0.8, "opq": 0.9}}, far)
    for sets in ([near, other], [other, near]):
        found = by_expectation(["opq", "pq"], PLAIN, 8.0, sets)
        assert found.order == ["pq", "opq"]
        assert found.source.endswith("nearest near at 8x")
        assert by_expectation(["opq", "pq"], far, 8.0, sets).order == ["opq", "pq"]


def test_records_at_a_nearer_ratio_count_more():
    sets = [published("near", {50: {"pq": 0.9, "opq": 0.8}}), published("far", {6: {"pq": 0.8, "opq": 0.9}})]
    assert by_expectation(["opq", "pq"], PLAIN, 8.0, sets).order == ["pq", "opq"]
    assert by_expectation(["opq", "pq"], PLAIN, 64.0, sets).order == ["opq", "pq"]


def test_published_records_name_the_smallest_codes_that_kept_a_recall():
    sets = [
        published("a", {50: {"pq": 0.96, "opq": 0.99}, 100: {"int8": 0.999}, 40: {"odd": 0.99}}),
        published("b", {50: {"pq": 0.92}, 100: {"int8": 0.999}}),  # opq on the easier one alone
    ]
    assert reaching(sets, 0.9, 10, 32.0) == Reaching("pq", 8.0, 0.92, "b")
    assert reaching(sets, 0.95, 10, 32.0) == Reaching("int8", 4.0, 0.999, "a")
    assert reaching(sets, 0.9, 10, 8.0) == Reaching("int8", 4.0, 0.999, "a")  # 8x is the requested ratio
    assert reaching(sets, 0.9999, 10, 32.0) is None


@pytest.mark.parametrize("k", [1, 10, 100])
def test_the_extract_tells_what_reached_a_recall_at_every_k(k):
    found = reaching(packaged(), 0.9, k, 64.0)
    assert found is not None
    assert found.recall >= 0.9


@pytest.mark.parametrize(("metric", "compared"), [("ip", "products"), ("l2", "distances"), ("cosine", "angles")])
def test_vectors_of_equal_length_are_compared_by_angles(tmp_path, monkeypatch, metric, compared):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    varied = np.random.default_rng(0).standard_normal((2_000, 8)).astype(np.float32)
    for name, vectors in (("varied", varied), ("unit", varied / np.linalg.norm(varied, axis=1, keepdims=True))):
        np.save(tmp_path / f"{name}.npy", vectors)
        data = datasets.load("path", base=str(tmp_path / f"{name}.npy"), metric=metric)
        traits = traits_of(diagnose(data), 8, metric)
        assert traits.compared == (compared if name == "varied" else "angles")
        assert traits.kinds == ({"lengths vary"} if (name, metric) == ("varied", "ip") else set())
