"""The gate: deterministic figures fail hard, time only against a reference in the same run."""

import dataclasses
import json
import subprocess
import sys

import pytest

from bench import records
from bench.errors import UsageError
from bench.gate.__main__ import main
from bench.gate.case import Case, read_cases
from bench.gate.verdict import Tolerance, compare

BEFORE = Case(
    name="pq@48B",
    dataset="tiny",
    identity="1",
    status="ok",
    reason="",
    code_bytes=48,
    parts_bytes=1000,
    measures={"recall@10": 0.80, "reconstruction_error": 0.10},
    p50_ms=1.0,
    config=None,
)


def changed(**values):
    measures = {**BEFORE.measures, **values.pop("measures", {})}
    return dataclasses.replace(BEFORE, measures=measures, **values)


@pytest.mark.parametrize(
    "after",
    [
        BEFORE,
        changed(measures={"recall@10": 0.79}),
        changed(measures={"recall@10": 0.95, "reconstruction_error": 0.05}, code_bytes=40, parts_bytes=0),
        changed(measures={"reconstruction_error": 0.1019}),
        changed(p50_ms=50.0),
    ],
)
def test_what_is_as_good_passes(after):
    verdict = compare(BEFORE, after, Tolerance())
    assert verdict.passed, verdict.line()
    assert verdict.line().startswith("pass  pq@48B")


@pytest.mark.parametrize(
    ("after", "fault"),
    [
        (None, "it was not measured"),
        (changed(status="failed", reason="broke"), "it ended as failed: broke"),
        (changed(measures={"recall@10": 0.7899}), "recall@10 fell from 0.8000 to 0.7899 (by 0.0101, allowed 0.01)"),
        (changed(measures={"reconstruction_error": 0.11}), "rose from 0.1 to 0.11 (10.0%, allowed 2.0%)"),
        (changed(code_bytes=49), "a code grew from 48 B to 49 B"),
        (changed(parts_bytes=1001), "parts grew from 1,000 B to 1,001 B"),
        (dataclasses.replace(BEFORE, measures={"recall@10": 0.8}), "reconstruction_error is not measured any more"),
    ],
)
def test_what_got_worse_fails_and_is_named(after, fault):
    verdict = compare(BEFORE, after, Tolerance())
    assert not verdict.passed
    assert fault in verdict.line()
    assert verdict.line().startswith("FAIL  pq@48B")


def test_a_time_that_is_gone_fails_where_time_counts():
    assert compare(BEFORE, changed(p50_ms=None), Tolerance()).passed
    verdict = compare(BEFORE, changed(p50_ms=None), Tolerance(max_slowdown=2.0))
    assert verdict.faults == ("p50 is not measured any more",)
    assert compare(changed(p50_ms=None), changed(p50_ms=None), Tolerance(max_slowdown=2.0)).passed


def test_time_trips_at_its_ratio_only():
    assert compare(BEFORE, BEFORE, Tolerance(max_slowdown=1.5), slowdown=1.49).passed
    assert not compare(BEFORE, BEFORE, Tolerance(max_slowdown=1.5), slowdown=1.51).passed
    assert compare(BEFORE, BEFORE, Tolerance(), slowdown=9.0).passed


def test_an_error_of_nothing_may_not_appear():
    exact = changed(measures={"reconstruction_error": 0.0})
    assert compare(exact, exact, Tolerance()).passed
    assert "from none" in compare(exact, BEFORE, Tolerance()).line()


@pytest.fixture(scope="module")
def baseline(bench_env, vectors, tmp_path_factory):
    """Records of two toy methods on the tiny vectors, packed as a project would publish them."""
    folder = tmp_path_factory.mktemp("baseline")
    command = [sys.executable, "-m", "runs_here", "bench", "-m", "method=acme_truncated,float32", "budget=1x"]
    options = ["dataset=path", f"dataset.base={vectors}", "dataset.holdout=50", "latency_s=0.1"]
    done = subprocess.run([*command, *options], cwd=folder, env=bench_env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    packed = folder / "published.jsonl"
    records.pack(records.find([folder / "results"]), packed)
    return packed


@pytest.fixture
def gate(command_line):
    return command_line("bench.gate", main)


@pytest.mark.thorough
@pytest.mark.usefixtures("in_this_process")
def test_measuring_the_baseline_again_passes_and_writes_a_benchmark_file(bench, gate, baseline, tmp_path, monkeypatch):
    done = bench("--baseline", str(baseline), "--json", "gate.json", module="bench.gate", isolated=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "gate: 2 of 2 cases pass" in done.stdout
    written = json.loads((tmp_path / "gate.json").read_text())
    (float32,) = [b for b in written["benchmarks"] if b["name"].startswith("float32")]
    assert float32["extra_info"]["recall@10"] == 1.0
    assert 0 < float32["stats"]["min"] <= float32["stats"]["median"] <= float32["stats"]["max"] < 1
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_CACHE", bench.env["BENCH_CACHE"])
    status, output, errors = gate("--baseline", "gate.json", "--methods", "float32", "--max-slowdown", "9")
    assert status == 0, output + errors
    assert "time x1.00" in output  # the reference is what it is measured against


@pytest.mark.thorough
def test_a_worse_candidate_fails(gate, baseline, tmp_path):
    lines = [json.loads(line) for line in baseline.read_text().splitlines()]
    for line in lines:
        if line["status"] == "ok":
            line["bytes"]["code"] += 1
            line["quality"]["recall@10"]["value"] -= 0.02
    (tmp_path / "worse.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    status, output, _ = gate("--baseline", baseline, "--candidate", tmp_path / "worse.jsonl")
    assert status == 1
    assert "FAIL  acme_truncated@64B" in output
    assert "a code grew from 16 B to 17 B; recall@10 fell" in output
    assert "0 of 2 cases pass, 2 FAIL" in output
    assert gate("--baseline", baseline, "--candidate", baseline)[0] == 0


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--baseline", "none"], "none does not exist; give a record.json, packed records or a folder of them"),
        (["--baseline", "{0}", "--dataset", "glove"], "has no runs of glove; it has tiny"),
        (["--baseline", "{0}", "--max-drop", "2"], "--max-drop 2 is out of range; use a share from 0 to below 1"),
        (["--baseline", "{0}", "--max-slowdown", ".5"], "--max-slowdown 0.5 is out of range"),
        (["--baseline", "{0}", "--max-slowdown", "2", "--reference", "pq"], "has no pq to measure time against"),
        (["--baseline", "{0}", "--methods", "opq"], "has no runs of opq"),
        (["--baseline", "{0}", "--json", "missing/gate.json"], "cannot write missing/gate.json"),
        (["--baseline", "{0}", "--max-drop", "x"], "invalid float value: 'x'"),
        ([], "the following arguments are required: --baseline"),
    ],
)
def test_wrong_input_is_one_line(gate, baseline, arguments, message):
    status, _, errors = gate(*[argument.format(baseline) for argument in arguments])
    assert status == 2
    assert message in errors
    assert errors.startswith("bench.gate: ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("text", ["{", "{}", '{"benchmarks": [{"name": "a"}]}'])
def test_a_file_without_figures_is_refused(tmp_path, text):
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(UsageError, match="is not a pytest-benchmark file of this gate"):
        read_cases(tmp_path / "other.json")
