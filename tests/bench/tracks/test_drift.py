"""``scenario=drift``: what a codec keeps of vectors that change after it was fitted, and when to fit it again."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import bench
from bench.compress.job import Request, append, compress
from bench.datasets import load
from bench.datasets.store import ArrayStore
from bench.drift_options import DEFAULTS
from bench.errors import UsageError
from bench.measure.decoding_error import WARNED_RATIO
from bench.records import read_queries
from bench.report import drift_record, pareto, tables
from bench.report.names import shown_name
from bench.report.ranking import rankings
from bench.report.rows import rows_of
from bench.tracks.arrivals import arrivals_of, moments_of

FIRST, LATER, DIM = 400, 1_200, 16
PQ = {"name": "pq", "bits": 4}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Vectors that vary in some dimensions, then such as vary in the others; queries of both, columns to order by."""
    folder = tmp_path_factory.mktemp("drifting")
    rng = np.random.default_rng(0)
    spread = np.repeat([1.0, 0.05], DIM // 2)
    base = rng.standard_normal((FIRST + LATER, DIM)).astype(np.float32)
    base[:FIRST] *= spread
    base[FIRST:] *= spread[::-1]
    queries = rng.standard_normal((120, DIM)) * np.where(np.arange(120)[:, None] < 60, spread, spread[::-1])
    arrays = {"base": base, "queries": queries.astype(np.float32), "first": base[:FIRST], "later": base[FIRST:]}
    arrays |= {"backwards": -np.arange(len(base)), "short": np.arange(7), "text": np.full(len(base), "May")}
    arrays["gap"] = np.where(np.arange(len(base)) == 5, np.nan, 0.0)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return folder


@pytest.fixture
def drift(files, in_this_process, tmp_path_factory, monkeypatch):
    """``drift(scenario={"steps": 2})`` runs the scenario on the drifting vectors, once for all tests."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache of drift"))

    def run(method=PQ, budget="8x", results=None, **options):
        scenario = {"name": "drift", "order": "rows", "fit": 0.25, "steps": 3, **options.pop("scenario", {})}
        scenario = {"name": "none"} if scenario["name"] == "none" else scenario
        data = {"name": "path", "base": str(files / "base.npy"), "queries": str(files / "queries.npy")}
        common = {"results": results or files / "results", "latency_s": 0.1}
        return bench.run(method, budget, {**data, "metric": "l2"}, scenario=scenario, **common, **options)

    return run


@pytest.fixture
def loaded(files):
    return load("path", base=str(files / "base.npy"), queries=str(files / "queries.npy"), metric="l2")


def test_new_kinds_raise_the_error_and_lose_recall_that_a_refit_gives(drift):
    record = drift()
    assert record.status == "ok", record.reason
    start, *later = record.drift.steps
    assert (start.alive, start.old, start.error_ratio, start.refit, start.gained) == (FIRST, FIRST, None, {}, None)
    for step in later:
        assert step.error_ratio > 10 * WARNED_RATIO
        assert step.kept["new"].value < step.refit["new"].value - 0.2
        assert step.refit["new"].value > 0.6
        assert step.gained.low > 0.1
        assert step.seconds["encode_again"] > 0
    assert record.drift.refit_at == 1
    assert [step.alive for step in record.drift.steps] == [400, 800, 1200, 1600]
    assert record.quality["recall@10"].value == pytest.approx(later[-1].kept["recall@10"].value)
    assert (record.dataset.n_train, record.dataset.trained_on) == (FIRST - 40, "base")
    assert drift_record.statement(record).startswith("refit at step 1: error ratio ")


def test_in_a_random_order_nothing_is_lost(drift):
    record = drift(scenario={"order": "random"}, train_size=200)  # a refit is on no more
    assert record.drift.refit_at is None
    for step in record.drift.steps[1:]:
        assert 0.7 < step.error_ratio < WARNED_RATIO
        assert abs(step.gained.value) < 0.05
        assert abs(step.kept["new"].value - step.kept["old"].value) < 0.05
    assert drift_record.statement(record).startswith("no refit needed: error ratio at most ")


def test_vectors_of_one_cluster_arrive_together(loaded):
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((900, DIM)) + 5 * rng.standard_normal((9, DIM))[np.arange(900) % 9]
    dataset, spread = replace(loaded, base=ArrayStore(vectors.astype(np.float32))), {}
    for order in ("clusters", "random"):
        arrivals = arrivals_of({**DEFAULTS, "order": order, "steps": 8}, dataset)
        np.testing.assert_array_equal(np.sort(arrivals.rows), np.arange(900))
        stops = [0, *(moment.stop for moment in arrivals.moments)]
        spread[order] = sum(vectors[arrivals.rows[a:b]].var(axis=0).sum() for a, b in pairwise(stops))
    assert spread["clusters"] < 0.5 * spread["random"]


@pytest.mark.thorough
def test_a_file_says_who_comes_first_and_its_content_is_the_order(drift, files, tmp_path):
    order = tmp_path / "months.npy"
    np.save(order, np.load(files / "backwards.npy"))
    record = drift(scenario={"order": str(order)})
    assert record.drift.order == "months.npy"
    assert record.drift.steps[1].error_ratio < WARNED_RATIO  # the first and the next are of the wide kind
    moved = order.rename(tmp_path / "moved.npy")
    assert drift(scenario={"order": str(moved)}).key == record.key
    np.save(moved, np.arange(FIRST + LATER))
    other = drift(scenario={"order": str(moved)})
    assert other.key != record.key
    assert shown_name(other) == "base, drift order=moved.npy fit=0.25 steps=3"  # where it lies is nobody's business
    elsewhere = replace(other, config={**other.config, "scenario": {**other.config["scenario"], "order": "moved.npy"}})
    assert len({row.group for row in rows_of([other, elsewhere])}) == 2


def test_neighbors_are_those_among_what_is_alive(loaded, tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    arrivals = arrivals_of({**DEFAULTS, "order": "random", "steps": 4, "delete": 0.3}, loaded)
    vectors = arrivals.dataset.base.read(0, FIRST + LATER)
    np.testing.assert_array_equal(vectors, loaded.base.take(arrivals.rows))
    distances = ((loaded.queries[:, None].astype(np.float64) - vectors) ** 2).sum(axis=2)
    for moment, truth in zip(arrivals.moments, arrivals.truth(100), strict=True):
        nearest = moment.start + np.argsort(distances[:, moment.start : moment.stop], axis=1)[:, :100]
        np.testing.assert_array_equal(truth.ids, nearest)


def test_the_oldest_are_deleted_at_each_step():
    moments = moments_of(1000, 200, 4, 0.5)
    assert [(moment.start, moment.stop) for moment in moments] == [
        (0, 200),
        (100, 400),
        (250, 600),
        (425, 800),
        (612, 1000),
    ]
    assert {moment.start for moment in moments_of(1000, 200, 4, 0)} == {0}


def test_what_is_deleted_is_not_returned(drift, files):
    record = drift(scenario={"delete": 0.5})
    steps = record.drift.steps
    assert [step.deleted for step in steps] == [0, 200, 300, 350]
    assert [step.old for step in steps] == [400, 200, 0, 0]
    assert "old" not in steps[-1].kept  # none of them is left
    arrays = read_queries(next(files.rglob(record.key)))
    assert arrays["ids"].min() == sum(step.deleted for step in steps)


def test_appending_says_the_same_ratio(drift, files, tmp_path):
    record = drift(scenario={"steps": 1})
    out = str(tmp_path / "codes")
    compress(Request(str(files / "first.npy"), out, "pq", "8x", metric="l2", params={"bits": 4}))
    ratio = append(str(files / "later.npy"), out).ratio
    assert ratio > WARNED_RATIO
    assert record.drift.steps[1].error_ratio == pytest.approx(ratio, rel=1e-6)


@pytest.mark.thorough
def test_the_same_run_finds_the_same(drift, tmp_path):
    def without_times(record):
        steps = [replace(step, seconds={}) for step in record.drift.steps]
        return replace(record.drift, steps=steps)

    options = {"order": "clusters", "clusters": 4, "delete": 0.1, "steps": 2}
    first, again = (without_times(drift(scenario=options, results=tmp_path / name)) for name in ("first", "again"))
    assert first == again


def test_codes_that_do_not_decode_have_no_ratio(drift, capsys):
    record = drift("sign", "32x")
    assert {step.error_ratio for step in record.drift.steps} == {None}
    tables.print_record(record)
    text = " ".join(capsys.readouterr().out.split())
    assert "no error ratio says when to refit: codes of sign do not decode" in text


@pytest.mark.thorough
def test_such_rows_compete_with_no_other(drift, capsys):
    drifting, other = drift(), drift(scenario={"order": "random"})
    plain = [drift(method, scenario={"name": "none"}) for method in (PQ, {"name": "pq", "bits": 2})]
    rows = rows_of([drifting, other, *plain])
    assert len({row.group for row in rows}) == 3  # twice in a scenario, and both without
    assert rankings(rows) == []  # of one group
    assert len(pareto(bench.to_frame([drifting, other]))) == 2  # each on a front of its own
    tables.print_sweep([drifting, *plain])
    text = capsys.readouterr().out
    assert "base, drift order=rows fit=0.25 steps=3 (l2)" in text
    assert "refit at step 1: error ratio" in text


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("scenario", "message"),
    [
        ({"order": "months"}, r"scenario.order=months is unknown; use one of clusters, rows, random, or a FILE.npy"),
        ({"order": "none.npy"}, r"scenario.order=none.npy does not exist; give a .npy file with a number for each"),
        ({"order": "{}/short.npy"}, r"short.npy has shape \(7,\); give one number for each of 1,600 vectors"),
        ({"order": "{}/text.npy"}, r"text.npy holds other things than numbers or times"),
        ({"order": "{}/gap.npy"}, r"gap.npy holds other things than numbers or times"),
        ({"fit": 1}, r"scenario.fit=1 is out of range; use a share of the vectors between 0 and 1"),
        ({"delete": 1.0}, r"scenario.delete=1.0 is out of range; use a share from 0 to below 1"),
        ({"steps": 0}, r"scenario.steps=0 is out of range; use an integer of at least 1"),
        ({"steps": 2000}, r"scenario.steps=2000 is more than the 1,200 vectors that arrive later"),
        ({"clusters": 1}, r"scenario.clusters=1 is out of range; use an integer of at least 2"),
        ({"step": 3}, r"scenario=drift has no option 'step'; did you mean scenario.steps=\?"),
    ],
)
def test_wrong_options_are_refused_before_any_work(drift, files, tmp_path, scenario, message):
    scenario = {key: value.format(files) if key == "order" else value for key, value in scenario.items()}
    with pytest.raises(UsageError, match=message):
        drift(scenario=scenario, results=tmp_path)
    assert not list(tmp_path.rglob("record.json"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rescore": "int8"}, r"scenario=drift measures what codes alone keep; leave out rescore=int8"),
        ({"index": "ivf"}, r"index=ivf is for methods, which it searches; leave out scenario="),
    ],
)
def test_what_it_does_not_measure_is_refused(drift, tmp_path, options, message):
    with pytest.raises(UsageError, match=message):
        drift(**options, results=tmp_path)
    assert not list(tmp_path.rglob("record.json"))


def test_sets_of_vectors_are_refused():
    with pytest.raises(UsageError, match=r"scenario=drift is of single vectors, and squad-tokens-mini is of the multi"):
        bench.run("muvera", "8x", "squad-tokens-mini", scenario="drift")
