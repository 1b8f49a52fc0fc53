"""``python -m bench`` as a user runs it: rows, records, resume, interruption, every way in which a run can end."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from bench import records


def on(vectors, *rest):
    """Arguments of a quick run on the tiny data set."""
    return ["dataset=path", f"dataset.base={vectors}", "dataset.holdout=50", "latency_s=0.1", *rest]


def only_record(run):
    (record,) = records.find([run.results / "runs"])
    return record


def folder_of(run):
    (path,) = run.results.rglob("record.json")
    return path.parent


@pytest.fixture(scope="module")
def one_run(bench_env, vectors, tmp_path_factory):
    """A finished ``python -m bench`` of one run, and its results: for all tests that look at these."""
    folder = tmp_path_factory.mktemp("one run")
    command = [sys.executable, "-m", "bench", "method=pq", "budget=8x", *on(vectors)]
    env = {**bench_env, "COLUMNS": "200"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120)
    done.results = folder / "results"
    return done


def test_one_run_prints_a_row_and_leaves_a_record(one_run):
    assert one_run.returncode == 0, one_run.stderr
    for word in ("recall@1", "recall@10", "recall@100", "p50", "p95", "p99", "queries/s", "peak memory", "true ratio"):
        assert word in one_run.stdout
    record = only_record(one_run)
    assert record.status == "ok"
    assert record.bytes.code <= record.budget.bytes == 8
    assert record.ratio.codes >= 8 > record.ratio.total  # the codebook is counted
    assert 0 < record.quality["recall@10"].low <= record.quality["recall@10"].value <= 1
    assert record.environment["threads"]["OMP_NUM_THREADS"] == "1"
    assert record.environment["threads"]["faiss"] == 1
    assert record.peak_memory_bytes > 1e7
    arrays = records.read_queries(folder_of(one_run))
    assert arrays["ids"].shape == (50, 100)
    assert len(arrays["milliseconds"]) == record.latency_queries


def test_queries_of_the_base_and_repeated_ones_are_told(here, vectors, tmp_path):
    base = np.load(vectors)
    rng = np.random.default_rng(0)
    new = base[:60] + rng.standard_normal((60, 16)).astype(np.float32)
    np.save(tmp_path / "q.npy", np.concatenate([new, base[:30], np.repeat(new[:1], 10, axis=0)]))
    run = here("method=sign", "dataset=path", f"dataset.base={vectors}", "dataset.queries=q.npy", "latency_s=0.02")
    assert run.returncode == 0, run.stderr
    assert "30% of the queries are rows of the base" in " ".join(run.stdout.split())
    assert "10 of 100 queries repeat an earlier one" in " ".join(run.stdout.split())
    found = next(records.find([here.results])).diagnosis
    assert (found.queries_in_base, found.repeated_queries, found.rows) == (0.3, 10, 600)
    assert found.ties == {"1": 0.0, "10": 0.0}


def test_a_constant_dimension_makes_no_ties_and_no_perfect_recall(here, tmp_path, gaussian):
    vectors = gaussian(700, 16)
    vectors[:, 0] = 1_000
    np.save(tmp_path / "v.npy", vectors)
    run = here("method=sign", "budget=2B", "dataset=path", "dataset.base=v.npy", "latency_s=0.02")
    assert run.returncode == 0, run.stderr
    record = next(records.find([here.results]))
    assert record.quality["recall@10"].value < 0.6
    assert record.diagnosis.most_ties == 0
    assert "vectors share a direction: the mean is 1.00 of their length" in " ".join(run.stdout.split())


@pytest.mark.thorough
def test_ties_are_told_in_a_run_and_in_a_sweep(here, tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "v.npy", np.repeat(rng.standard_normal((50, 16)).astype(np.float32), 12, axis=0))
    np.save(tmp_path / "q.npy", rng.standard_normal((40, 16)).astype(np.float32))
    data = ("dataset=path", "dataset.base=v.npy", "dataset.queries=q.npy", "latency_s=0.02")
    said = "true neighbors tie with others that are not among them, for 100% at 1 and 100% at 10 of the queries"
    assert said in " ".join(here("method=sign", *data).stdout.split())
    assert said in " ".join(here("-m", "method=sign", "budget=2B,8B", *data).stdout.split())


def test_percentiles_are_of_the_stored_pass(one_run):
    record = only_record(one_run)
    times = records.read_queries(folder_of(one_run))["milliseconds"]
    assert record.latency_ms["p95"] == pytest.approx(np.percentile(times, 95))
    assert record.latency_ms["mean"] == pytest.approx(times.mean())


def test_the_same_run_again_reads_its_record(here, vectors):
    here("method=pq", "budget=8x", *on(vectors))
    first = only_record(here)
    assert here("method=pq", "budget=32B", *on(vectors)).returncode == 0
    here("method=pq", "budget=8x", *on(vectors))
    again = [record for record in records.find([here.results / "runs"]) if record.key == first.key]
    assert again == [first]
    here("method=pq", "budget=8x", *on(vectors, "rerun=true"))
    (anew,) = [record for record in records.find([here.results / "runs"]) if record.key == first.key]
    assert anew != first


@pytest.mark.thorough
def test_a_sweep_makes_a_record_of_every_end(bench, vectors):
    """But of a timeout, which takes its time: sweeps that are interrupted, below, end with one."""
    ends = {
        "acme_truncated": ("ok", ""),
        "acme_crashes": ("failed", "crashed with SIGSEGV"),
        "acme_raises": ("failed", "RuntimeError: the encoder broke"),
        "acme_exits": ("failed", "exit status 7"),
        "acme_greedy": ("out_of_memory", "GB of memory"),
        "acme_liar": ("over_budget", "what the searcher keeps for a code takes 12 bytes, the budget is 8"),
        "acme_toolarge": ("over_budget", "a code takes 9 bytes, the budget is 8"),
        "acme_demanding": ("skipped", "its smallest code is 64 B"),
        "acme_dependent": ("skipped", "a_module_that_nobody_has"),
    }
    sweep = ["-m", f"method={','.join(ends)}", "budget=8x", *on(vectors, "limits.memory_gb=1")]
    done = bench(*sweep, timeout=300)
    assert done.returncode == 1, done.stderr
    found = {record.method.name: record for record in records.find([bench.results / "runs"])}
    assert set(found) == set(ends)
    for name, (status, reason) in ends.items():
        assert found[name].status == status, (name, found[name].reason)
        assert reason in found[name].reason
        assert status in done.stdout
    traces = list(bench.results.rglob("traceback.txt"))
    assert any("the encoder" in trace.read_text() for trace in traces)
    assert not list(bench.results.rglob(".work-*"))
    # Again: what ended for good is not run again, what failed is.
    good = [name for name, (status, _) in ends.items() if status in ("ok", "over_budget", "skipped")]
    again = bench("-m", f"method={','.join([*good, 'acme_raises'])}", *sweep[2:], isolated=False)
    assert "6 runs" in again.stdout
    assert "5 of them measured before" in again.stdout
    assert again.returncode == 1


@pytest.mark.thorough
def test_runs_of_a_sweep_are_those_that_single_commands_make(here, vectors):
    """A sweep composes the runs that differ in budget and seed once."""
    for run in (["method=pq", "budget=8B", "seed=1"], ["method=opq", "budget=4x", "seed=0"]):
        assert here(*run, *on(vectors)).returncode == 0
    done = here("-m", "method=pq,opq", "budget=8B,4x", "seed=0,1", *on(vectors))
    assert "8 runs: 8 ok; 2 of them measured before" in done.stdout
    found = [(r.method.name, r.budget.requested, r.config["seed"]) for r in records.find([here.results / "runs"])]
    assert sorted(found) == sorted((m, b, s) for m in ("pq", "opq") for b in ("8B", "4x") for s in (0, 1))


@pytest.mark.thorough
@pytest.mark.parametrize(("wrong", "says"), [("seed=0,abc", "seed"), ("budget=4x,quick", "budget")])
def test_a_wrong_value_in_a_sweep_is_refused_before_any_run(here, vectors, wrong, says):
    done = here("-m", "method=pq", *on(vectors), *(["budget=4x"] if says == "seed" else []), wrong)
    assert done.returncode == 2
    assert says in done.stderr
    assert not list(here.results.rglob("record.json"))


@pytest.mark.thorough
def test_a_sweep_without_failures_exits_zero(bench, vectors):
    methods = "method=acme_truncated,acme_demanding,acme_liar"
    done = bench("-m", methods, "budget=8x,4x", *on(vectors), isolated=False)
    assert done.returncode == 0, done.stderr
    assert "6 runs" in done.stdout
    lines = [line for line in done.stderr.splitlines() if " sweep " in line]
    assert [line.split(" sweep ")[1].split(":")[0] for line in lines] == [f"{i}/6" for i in range(1, 7)]
    assert any(re.search(r": acme_truncated 8x, .* s: recall@10 0\.\d{3}; \d left, about ", line) for line in lines)
    assert "\r" not in done.stderr


def test_infeasible_alone_is_a_one_line_error(here, vectors):
    done = here("method=float32", "budget=8x", *on(vectors))
    assert done.returncode == 2
    assert done.stderr.strip() == (
        "bench: float32 cannot go down to 8 bytes a vector; its smallest code is 64 B "
        "(`python -m methods` lists those of others)"
    )


@pytest.mark.thorough
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_sweep_keeps_what_is_done_and_goes_on(bench, vectors, tmp_path, how):
    sweep = ["-m", "method=acme_truncated,acme_hangs", "budget=8x", *on(vectors)]
    command = [sys.executable, "-m", "bench", *sweep]
    process = subprocess.Popen(command, cwd=tmp_path, env=bench.env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    for line in process.stderr:
        if b"fitting" in line:
            break
    (work,) = bench.results.rglob(".work-*")
    children = [
        int(pid)
        for pid in os.listdir("/proc")
        if pid.isdigit() and pid != str(process.pid) and f"{work.name}\0{process.pid}\0" in _command_line(pid)
    ]
    process.send_signal(how)
    process.wait(timeout=20)
    assert process.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    assert len(children) == 1
    for _ in range(50):
        if not _command_line(str(children[0])):
            break
        time.sleep(0.1)
    assert not _command_line(str(children[0])), "the run's own process outlived the sweep"
    assert [record.status for record in records.find([bench.results / "runs"])] == ["ok"]
    done = bench("-m", "method=acme_truncated,acme_hangs", "budget=8x", *on(vectors, "limits.time_s=2"))
    assert done.returncode == 1, done.stderr
    assert "1 of them measured before" in done.stdout
    assert "timeout" in done.stdout
    ended = {record.status: record.reason for record in records.find([bench.results / "runs"])}
    assert ended.keys() == {"ok", "timeout"}
    assert "limits.time_s=2" in ended["timeout"]
    assert not list(bench.results.rglob(".work-*"))


def _command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline") as file:
            return file.read()
    except OSError:
        return ""


def test_a_users_own_config_folder_is_found(here, vectors, tmp_path):
    (tmp_path / "mine" / "method").mkdir(parents=True)
    (tmp_path / "mine" / "method" / "small_pq.yaml").write_text("name: pq\nbits: 4\n")
    done = here("method=small_pq", "budget=8x", f"hydra.searchpath=[file://{tmp_path}/mine]", *on(vectors))
    assert done.returncode == 0, done.stderr
    assert only_record(here).method.requested == {"name": "pq", "bits": 4}


@pytest.mark.thorough
def test_a_parameter_of_a_third_party_is_checked_like_ours(bench, vectors):
    assert bench("method=acme_truncated", "method.kept=2", *on(vectors), isolated=False).returncode == 0
    assert only_record(bench).method.params["kept"] == 2
    done = bench("method=acme_truncated", "method.kpet=2", *on(vectors))
    assert done.returncode == 2
    assert "no parameter 'kpet'" in done.stderr


def test_rescoring_counts_memory_and_disk_apart(here, vectors):
    done = here("method=pq", "budget=16x", "rescore=disk", *on(vectors))
    assert done.returncode == 0, done.stderr
    record = only_record(here)
    assert record.bytes.rescore_disk == 550 * 16 * 4
    assert record.bytes.rescore_memory == 0
    assert not list(here.results.rglob("vectors.npy"))
    here("method=pq", "budget=24B", "rescore=int8", *on(vectors))
    (other,) = [r for r in records.find([here.results / "runs"]) if r.key != record.key]
    assert other.bytes.code <= 24
    assert other.bytes.rescore_memory == 550 * 16


@pytest.mark.thorough
def test_max_base_and_max_queries(here, vectors):
    here("method=sign", *on(vectors, "dataset.max_base=300", "dataset.max_queries=20"))
    record = only_record(here)
    assert (record.dataset.n, record.dataset.queries) == (300, 20)


def test_the_record_is_plain_json(one_run):
    (path,) = one_run.results.rglob("record.json")
    values = json.loads(path.read_text())
    for name in ("status", "reason", "key", "method", "dataset", "budget", "bytes", "ratio", "quality", "environment"):
        assert name in values
    assert {"p50", "p95", "p99"} <= set(values["latency_ms"])
    assert {"queries_per_s", "encode_vectors_per_s"} <= set(values["throughput"])
    assert set(values["scan_bandwidth"]) == {"single", "share_of_memory", "batch"}
    assert values["scan_bandwidth"]["single"] == pytest.approx(
        values["bytes"]["searcher"] / values["latency_ms"]["p50"] * 1e3
    )
    assert {"fit", "encode", "build"} <= set(values["seconds"])
    assert {"codes", "total", "total_at_1m", "total_at_100m"} <= set(values["ratio"])
    assert {"recall@1", "recall@10", "recall@100"} <= set(values["quality"])
