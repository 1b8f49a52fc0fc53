"""Claims of runs: one process has one at a time, and a dead one's does not block."""

import dataclasses
import json
import os
import threading
import time

import pytest

from bench.config import RunConfig
from bench.execution import claims, isolate, runner, sweep
from bench.execution.claims import Holder, claimed, holder
from bench.execution.plan import prepare
from bench.measure import environment


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "method" / "0123456789abcdef"


@pytest.fixture
def as_job(monkeypatch):
    """``as_job(name)``: this process does that job of Slurm."""

    def work(name):
        monkeypatch.setattr(environment, "_node", {})
        environment.work_as("slurm", name)

    return work


def left_behind(folder, **changes):
    """The claim of a process on another machine."""
    theirs = dataclasses.replace(Holder.this(), machine="node7/1", **changes)
    folder.parent.mkdir(parents=True, exist_ok=True)
    path = folder.parent / f".claim-{folder.name}"
    path.write_text(json.dumps(dataclasses.asdict(theirs)))
    return path


def test_a_claim_is_one_process_s_at_a_time(folder):
    with claimed(folder) as first, claimed(folder) as second:
        assert first is not None
        assert second is None
        assert first.is_held
        assert holder(folder).pid == os.getpid()
    with claimed(folder) as again:
        assert again is not None
    assert list(folder.parent.iterdir()) == []


def test_the_claim_of_a_process_that_is_gone_is_taken_over(folder):
    path = left_behind(folder, started=1.0)
    path.write_text(path.read_text().replace("node7/1", Holder.this().machine))
    assert holder(folder) is None
    with claimed(folder) as claim:
        assert claim is not None


def test_another_machine_s_claim_holds_while_it_is_touched(folder):
    path = left_behind(folder)
    assert str(holder(folder)) == f"node7, process {os.getpid()}"
    with claimed(folder) as claim:
        assert claim is None
    long_ago = time.time() - claims.DEAD_AFTER_S - 1
    os.utime(path, (long_ago, long_ago))
    assert holder(folder) is None
    with claimed(folder) as claim:
        assert claim is not None


def test_a_holder_touches_its_claim(folder, monkeypatch):
    monkeypatch.setattr(claims, "HEARTBEAT_S", 0.01)
    with claimed(folder) as claim:
        os.utime(claim.path, (1, 1))
        deadline = time.monotonic() + 10
        while claim.path.stat().st_mtime < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert claim.path.stat().st_mtime > 2


def test_a_job_that_is_tried_again_takes_its_own_claim(folder, as_job):
    as_job("12_3")
    left_behind(folder)
    as_job("12_4")
    with claimed(folder) as claim:
        assert claim is None
    as_job("12_3")
    with claimed(folder) as claim:
        assert claim is not None


def test_the_claim_of_a_job_that_ended_can_be_forgotten(folder, as_job):
    as_job("12_3")
    left_behind(folder)
    as_job("submitting")
    claims.forget(folder, "slurm 12_4")
    assert holder(folder) is not None
    claims.forget(folder, "slurm 12_3")
    assert holder(folder) is None


def test_a_claim_that_was_taken_over_is_not_held_nor_released(folder):
    with claimed(folder) as claim:
        path = left_behind(folder)
        assert not claim.is_held
    assert path.exists()


def test_one_of_many_takes_over_a_dead_claim(folder):
    path = left_behind(folder)
    os.utime(path, (1, 1))
    ready, release, taken = threading.Barrier(8), threading.Event(), []

    def take():
        ready.wait()
        with claimed(folder) as claim:
            taken.append(claim is not None)
            release.wait(10)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    while len(taken) < 8:
        time.sleep(0.001)
    release.set()
    for thread in threads:
        thread.join()
    assert sum(taken) == 1
    assert list(folder.parent.iterdir()) == []


def test_who_comes_late_to_a_dead_claim_leaves_the_new_one_in_its_place(folder, monkeypatch):
    dead = claims._read(left_behind(folder, started=1.0))
    os.utime(folder.parent / f".claim-{folder.name}", (1, 1))
    read, in_place = claims._read, []
    with claimed(folder) as claim:
        monkeypatch.setattr(claims, "_read", lambda path: in_place.append(claim.path.exists()) or read(path))
        assert not claims._put_away(claim.path, dead)
        assert in_place == [True]
        assert claim.is_held


def test_a_claim_that_is_being_written_is_not_taken_for_an_old_one(folder):
    path = left_behind(folder)
    path.write_text("")
    os.utime(path, (1, 1))
    half_written = claims._read(path)
    path.touch()  # by then it is another process's
    assert not claims._put_away(path, half_written)
    assert path.exists()
    os.utime(path, (1, 1))
    assert claims._put_away(path, half_written)


def test_a_process_that_died_while_it_took_over_does_not_block(folder):
    path = left_behind(folder)
    os.utime(path, (1, 1))
    turn = path.with_name(f"{path.name}-{claims._read(path).token}")
    turn.touch()
    with claimed(folder) as claim:
        assert claim is None  # somebody is about to
    os.utime(turn, (1, 1))
    with claimed(folder) as claim:
        assert claim is None  # who finds it so ends that turn
    with claimed(folder) as claim:
        assert claim is not None
    assert list(folder.parent.iterdir()) == []


def test_what_the_dead_left_is_removed_and_what_the_living_have_stays(folder):
    parent = folder.parent
    left_behind(folder, started=1.0)  # by a process of another machine that touched it just now
    dead = left_behind(parent / "dead", started=1.0)
    dead.write_text(dead.read_text().replace("node7/1", Holder.this().machine))
    long_ago, new = [".claim-old-token", ".clock-old", ".claim-half"], [".claim-new-token", ".clock-new"]
    for name in long_ago + new:
        (parent / name).touch()
    for name in long_ago:
        os.utime(parent / name, (1, 1))
    with claimed(parent / "mine"):
        claims.forget_dead(parent)
        left = sorted(path.name for path in parent.iterdir())
    assert left == sorted([*new, f".claim-{folder.name}", ".claim-mine"])
    claims.forget_dead(parent / "nowhere")


def test_a_sweep_that_ends_leaves_nothing_of_those_before(vectors, tmp_path):
    """A process that died between its record and its claim left the claim for good."""
    dataset = {"name": "path", "base": str(vectors), "holdout": 50}
    plan = prepare(RunConfig({"name": "float32"}, dataset, results=str(tmp_path / "results")))
    sweep.run([plan])
    os.utime(left_behind(plan.folder), (1, 1))
    (plan.folder.parent / f".work-{plan.folder.name}-node7-1").mkdir()
    assert sweep.run([plan]).reused == 1
    assert list(plan.folder.parent.iterdir()) == [plan.folder]


def test_turns_are_taken_one_after_the_other(folder, monkeypatch):
    monkeypatch.setattr(claims, "_POLL_S", 0.01)
    inside, most = [], []

    def enter():
        with claims.in_turn(folder):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.02)
            inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1, 1]


def test_a_turn_needs_no_folder_that_can_be_written(tmp_path):
    (tmp_path / "file").touch()
    with claims.in_turn(tmp_path / "file" / "key"):
        assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_two_sweeps_into_one_folder_do_nothing_twice(vectors, tmp_path, monkeypatch):
    """Not even what fails, which a later sweep would try again."""
    started, sweeps = [], []

    def run(job, *_):
        started.append(job["config"]["method"]["name"])
        time.sleep(0.2)
        return isolate.Outcome("failed", "to be counted", None, 0, 0.2)

    monkeypatch.setattr(runner, "run_isolated", run)
    monkeypatch.setattr(runner, "_POLL_S", 0.01)
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    names = ["sign", "pq", "int8", "opq"]
    configs = [
        RunConfig(
            method={"name": name},
            dataset={"name": "path", "base": str(vectors), "holdout": 50},
            results=str(tmp_path / "results"),
            budget="4x",
        )
        for name in names
    ]
    plans = [[prepare(config) for config in configs] for _ in range(2)]
    threads = [threading.Thread(target=lambda one: sweeps.append(sweep.run(one)), args=(one,)) for one in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(started) == sorted(names)
    assert [[record.reason for record in one.records] for one in sweeps] == [["to be counted"] * 4] * 2


def test_a_record_is_not_written_by_who_was_taken_for_dead(vectors, tmp_path, monkeypatch):
    plan = prepare(
        RunConfig(
            method={"name": "sign"},
            dataset={"name": "path", "base": str(vectors), "holdout": 50},
            results=str(tmp_path / "results"),
        )
    )

    def run(*_):
        left_behind(plan.folder)
        return isolate.Outcome("failed", "late", None, 0, 0.2)

    monkeypatch.setattr(runner, "run_isolated", run)
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    assert runner.attempt(plan) is None
    assert not (plan.folder / "record.json").exists()
