"""``scenario=upgrade``: what new queries find while documents of an old encoder are encoded again."""

from __future__ import annotations

import numpy as np
import pytest

import bench
from bench.errors import UsageError
from methods.errors import NoSuccessor

N, NEW, OLD = 1_500, 32, 24


@pytest.fixture(scope="module")
def encoders(tmp_path_factory):
    """Files of the same items and queries by a new encoder and by an old one, which sees a noisy part of it."""
    folder = tmp_path_factory.mktemp("encoders")
    rng = np.random.default_rng(0)
    centers = rng.standard_normal((60, NEW))
    seen = rng.standard_normal((NEW, OLD))
    files = {}
    for part, n in (("base", N), ("queries", 100)):
        new = centers[rng.integers(60, size=n)] + 0.6 * rng.standard_normal((n, NEW))
        old = new @ seen + 2.0 * rng.standard_normal((n, OLD))
        for encoder, vectors in (("new", new), ("old", old)):
            files[f"{encoder}.{part}"] = str(folder / f"{encoder}.{part}.npy")
            np.save(files[f"{encoder}.{part}"], vectors.astype(np.float32))
    np.save(folder / "short.npy", np.ones((N - 1, OLD), np.float32))
    files["short"] = str(folder / "short.npy")
    return files


def upgrade(files, results, method="bebr", fractions=(0.0, 0.5, 1.0), weight=1.0, old="old.base", **options):
    scenario = {"name": "upgrade", "weight": weight, "fractions": list(fractions)}
    scenario["old"] = {"name": "path", "base": files[old], "queries": files["old.queries"]}
    params = {"epochs": 0} if method == "bebr" else {}
    data = {"name": "path", "base": files["new.base"], "queries": files["new.queries"], "metric": "cosine"}
    common = {"scenario": scenario, "results": results, "latency_s": 0.2}
    return bench.run({"name": method, **params}, "8x", data, **common, **options)


@pytest.mark.usefixtures("in_this_process")
def test_recall_rises_with_the_part_that_is_encoded_again(encoders, tmp_path):
    record = upgrade(encoders, tmp_path)
    assert record.status == "ok", record.reason
    recall = {part: record.quality[f"new->{part} recall@10"].value for part in ("0", "0.5", "1", "new")}
    chance = 10 / N
    assert 10 * chance < recall["0"] < recall["0.5"] < recall["1"] <= recall["new"]
    assert record.quality["recall@10"] == record.quality["new->0 recall@10"]
    assert record.bytes is not None
    assert record.bytes.code <= record.budget.bytes == 4 * NEW // 8
    assert upgrade(encoders, tmp_path).environment == record.environment  # read, not measured again


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fractions": (0, 2)}, r"scenario.fractions=\[0, 2\] is out of range; use numbers from 0 to 1"),
        ({"weight": 0}, r"scenario.weight=0 is out of range; use a number above 0"),
        ({"old": "short"}, r"short has 1,499 vectors and 100 queries, new.base has 1,500 and 100; both encoders must"),
        ({"rescore": "int8"}, r"scenario=upgrade does not rescore; leave out rescore=int8"),
    ],
)
def test_what_cannot_be_upgraded_is_refused_before_any_work(encoders, tmp_path, options, message):
    with pytest.raises(UsageError, match=message):
        upgrade(encoders, tmp_path, **options)
    assert not list(tmp_path.rglob("record.json"))


def test_a_method_without_a_successor_names_those_that_have_one(encoders, tmp_path):
    with pytest.raises(NoSuccessor, match=r"pq has no compatible successor; scenario=upgrade does bebr"):
        upgrade(encoders, tmp_path, method="pq")


def test_an_unknown_scenario_names_those_there_are(tmp_path):
    with pytest.raises(UsageError, match=r"no scenario is called 'downgrade'; did you mean upgrade\?"):
        bench.run("bebr", results=tmp_path, scenario={"name": "downgrade"})
