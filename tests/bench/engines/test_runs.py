"""Runs that measure an engine: records, what a terminal shows, and one line for whatever cannot be."""

import json

import pytest

from bench import records
from bench.config import RunConfig
from bench.errors import UsageError
from bench.execution.plan import prepare
from methods.errors import BudgetError, MissingDependency, UnsupportedMetric

FAISS = {"name": "faiss", "scheme": "SQ8", "search": None}


def plan(engine, **options):
    return prepare(RunConfig(engine={**FAISS, **engine}, budget=options.pop("budget", "4x"), **options))


@pytest.mark.thorough
def test_a_run_of_an_engine_leaves_a_record(bench):
    options = ("budget=4x", "dataset.max_base=2000", "dataset.max_queries=200", "latency_s=0.2")
    done = bench("engine=faiss:SQ8", *options)
    assert done.returncode == 0, done.stderr
    assert "all codes are scanned" in done.stdout
    (record,) = records.find([bench.results])
    engine = record.engine
    assert (record.method.name, record.method.family) == ("faiss SQ8", "engine")
    assert record.bytes.code == 384
    assert (engine.method, engine.equals, engine.index) == ("int8", True, {"kind": "flat"})
    assert 0.95 * 384 * 2000 < engine.disk_bytes < 1.1 * 384 * 2000
    assert 0.5 * 384 * 2000 < engine.resident_bytes < 10 * 384 * 2000
    assert record.quality["recall@10"].value > 0.95
    assert not list(bench.results.rglob("*.faiss"))
    again = bench("engine=faiss:SQ8", *options)
    assert again.stdout == done.stdout
    method = bench("method=int8", *options, isolated=False)
    assert method.returncode == 0
    of_method = next(each for each in records.find([bench.results]) if each.engine is None)
    assert abs(of_method.quality["recall@10"].value - record.quality["recall@10"].value) < 0.01


def test_a_sweep_over_schemes_skips_what_is_too_large(here):
    done = here(
        "-m",
        "engine=faiss:SQ8,faiss:LSH,faiss:RaBitQ",
        "budget=32x",
        "dataset.max_base=2000",
        "dataset.max_queries=100",
        "latency_s=0.2",
        "dataset.metric=ip",
    )
    assert done.returncode == 0, done.stderr
    by_status = {each.method.name: each for each in records.find([here.results])}
    assert {each.status for each in by_status.values()} == {"skipped"}
    assert "smallest code is 384 B" in by_status["faiss SQ8"].reason
    assert "compares by l2, not ip" in by_status["faiss LSH"].reason
    assert "smallest code is 56 B" in by_status["faiss RaBitQ"].reason


@pytest.mark.thorough
@pytest.mark.integration
def test_an_engine_that_fails_in_building_is_a_record_with_its_words(here):
    done = here("engine=faiss:PQ", "budget=16x", "dataset.max_base=100", "dataset.max_queries=50")
    (record,) = records.find([here.results])
    assert (done.returncode, record.status) == (1, "failed")
    assert "Number of training points (100) should be at least" in record.reason


@pytest.mark.parametrize(
    ("arguments", "right"),
    [
        (("engine=elasticsearch",), "is described"),
        (("engine=fais",), "did you mean faiss"),
        (("engine=faiss:PX",), "no scheme of faiss is called 'PX'"),
        (("engine=faiss", "engine.foo=3"), "use engine.scheme= or engine.search="),
        (("engine=faiss", "engine.schem=PQ"), "did you mean engine.scheme=?"),
        (("engine=faiss", "method=pq"), "a run measures one of them"),
        (("engine=faiss", "budget=2000x"), "byte"),
        (("engine=",), "engine= names nothing"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(here, arguments, right):
    done = here(*arguments)
    assert done.returncode == 2
    assert right in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("engine", "options", "error", "right"),
    [
        ({"scheme": "PX"}, {}, UsageError, "called 'PX'"),
        ({"search": 3}, {}, UsageError, "searches everything"),
        ({}, {"rescore": "disk"}, UsageError, "use rescore=engine"),
        ({}, {"scenario": {"name": "upgrade"}}, UsageError, "is for methods"),
    ],
)
def test_a_plan_is_checked_before_any_work(engine, options, error, right, tmp_path):
    with pytest.raises(error, match=right):
        plan(engine, results=str(tmp_path), **options)


def test_a_method_is_not_rescored_by_an_engine(tmp_path):
    with pytest.raises(UsageError, match="is not for methods"):
        prepare(RunConfig(method={"name": "pq"}, rescore="engine", results=str(tmp_path)))


def test_what_an_engine_cannot_do_is_infeasible_and_no_error(tmp_path, monkeypatch):
    results = str(tmp_path)
    assert isinstance(plan({}, budget="32x", results=results).infeasible, BudgetError)
    assert isinstance(plan({"scheme": "LSH"}, results=results).infeasible, UnsupportedMetric)
    monkeypatch.setattr("bench.execution.subject.missing_packages", lambda engine: ["faiss-cpu"])
    assert isinstance(plan({}, results=results).infeasible, MissingDependency)


def test_keys_of_methods_do_not_know_of_engines(tmp_path):
    of_method = prepare(RunConfig(method={"name": "int8"}, budget="4x", results=str(tmp_path)))
    assert "engine" not in json.dumps(of_method.determinants)
    of_engine = plan({}, results=str(tmp_path))
    assert of_engine.key != of_method.key
    assert of_engine.subject.version.endswith(of_engine.determinants["version"][-5:])
