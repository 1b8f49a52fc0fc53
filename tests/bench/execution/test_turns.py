"""Runs side by side: one that asks for it has the machine to itself, and the others' clocks stand still with them."""

import itertools
import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from bench.config import Limits, RunConfig
from bench.errors import UsageError
from bench.execution import sweep
from bench.execution.isolate import run_isolated
from bench.execution.plan import prepare
from bench.execution.turns import Interrupted, Turns

pytestmark = pytest.mark.integration

HEAD = """
import sys, time
from pathlib import Path
from bench.execution import turns
folder = Path(sys.argv[2])
turns.connect(int(sys.argv[1]), folder)
"""
TICKS = (
    HEAD
    + """
seconds, until = float(sys.argv[3]), Path(sys.argv[4])
with (folder / "ticks").open("w") as file:
    start, real = turns.clock(), time.monotonic()
    while turns.clock() < start + seconds or not until.exists():
        print(time.monotonic(), file=file, flush=True)
        time.sleep(0.005)
    print(time.monotonic(), file=file, flush=True)
(folder / "took").write_text(f"{turns.clock() - start} {time.monotonic() - real}")
"""
)
MEASURES = (
    HEAD
    + """
time.sleep(0.2)
with turns.alone():
    start = time.monotonic()
    time.sleep(float(sys.argv[3]))
    (folder / "alone").write_text(f"{start} {time.monotonic()}")
time.sleep(0.1)
"""
)
DIES_ALONE = (
    HEAD
    + """
time.sleep(0.2)
with turns.alone():
    time.sleep(0.3)
    (folder / "alone").write_text("0 0")
    import os
    os._exit(1)
"""
)


class Programs:
    """Small programs under one :class:`Turns`, each with a folder and a thread of its own."""

    def __init__(self, folder):
        self.folder, self.turns, self.pool = folder, Turns(), ThreadPoolExecutor(4)

    def run(self, name, program, *arguments):
        (self.folder / name).mkdir()
        return self.pool.submit(self._run, self.folder / name, program, [str(argument) for argument in arguments])

    def _run(self, folder, program, arguments):
        def start(link):
            return subprocess.Popen(
                [sys.executable, "-c", program, str(link), str(folder), *arguments],
                start_new_session=True,
                pass_fds=(link,),
            )

        child = self.turns.start(start, folder)
        try:
            while not self.turns.wait(child, 0.05):
                pass
            return child.returncode, self.turns.still(child)
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
            self.turns.leave(child)

    def numbers(self, name, file):
        return [float(value) for value in (self.folder / name / file).read_text().split()]


def until(true, seconds=30):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.01)


@pytest.fixture
def programs(tmp_path):
    found = Programs(tmp_path)
    yield found
    found.turns.interrupt()
    found.pool.shutdown()


def test_others_stand_still_and_so_do_their_clocks(programs, tmp_path):
    ticking = programs.run("ticking", TICKS, 0, tmp_path / "measuring" / "alone")
    until((tmp_path / "ticking" / "ticks").exists)
    assert programs.run("measuring", MEASURES, 0.6).result()[0] == 0
    status, still = ticking.result()
    start, end = programs.numbers("measuring", "alone")
    ticks = programs.numbers("ticking", "ticks")
    assert status == 0
    assert not [tick for tick in ticks if start < tick < end]
    assert [tick for tick in ticks if tick > end], "it went on"
    by_its_clock, real = programs.numbers("ticking", "took")
    gap = max(later - earlier for earlier, later in itertools.pairwise(ticks))
    assert still > end - start
    assert real - by_its_clock == pytest.approx(gap, abs=0.1)


def test_one_at_a_time_is_alone(programs):
    running = [programs.run(name, MEASURES, 0.4) for name in ("first", "second", "third")]
    assert [run.result()[0] for run in running] == [0, 0, 0]
    spans = sorted(programs.numbers(name, "alone") for name in ("first", "second", "third"))
    for earlier, later in itertools.pairwise(spans):
        assert earlier[1] <= later[0]


def test_none_starts_while_one_is_alone(programs):
    measuring = programs.run("measuring", MEASURES, 0.8)
    until(lambda: programs.turns._alone is not None)
    programs.run("ticking", TICKS, 0.5, programs.folder).result()
    measuring.result()
    assert programs.numbers("ticking", "ticks")[0] > programs.numbers("measuring", "alone")[1]


def test_the_others_go_on_if_it_dies_in_its_turn(programs, tmp_path):
    ticking = programs.run("ticking", TICKS, 0, tmp_path / "dying" / "alone")
    until((tmp_path / "ticking" / "ticks").exists)
    assert programs.run("dying", DIES_ALONE).result()[0] == 1
    status, still = ticking.result(timeout=20)
    assert status == 0
    assert still > 0.2


def test_an_interrupt_reaches_those_that_stand_still_or_wait(programs):
    stopped = programs.run("stopped", TICKS, 60, programs.folder)
    until((programs.folder / "stopped" / "ticks").exists)
    measuring = programs.run("measuring", MEASURES, 60)
    until(lambda: programs.turns._alone is not None)
    unstarted = programs.run("unstarted", TICKS, 0, programs.folder)
    time.sleep(0.3)
    assert not (programs.folder / "unstarted" / "ticks").exists()
    programs.turns.interrupt()
    for run in (stopped, measuring, unstarted):
        with pytest.raises(Interrupted):
            run.result(timeout=20)
    assert not programs.turns._runs


def test_time_of_standing_still_is_not_of_the_limit(tmp_path, monkeypatch):
    """A run ends well that stands still for longer than its limit."""
    monkeypatch.setattr("bench.execution.isolate._child", _pretend_run)
    turns = Turns()
    other, short = tmp_path / "other", tmp_path / "short"
    other.mkdir()
    short.mkdir()
    with ThreadPoolExecutor(2) as pool:
        ticks = {"program": TICKS, "arguments": ["0", str(other / "alone")]}
        second = pool.submit(run_isolated, ticks, short, Limits(time_s=5), 1, turns)
        until((short / "ticks").exists)
        first = pool.submit(run_isolated, {"program": MEASURES, "arguments": ["6"]}, other, Limits(), 1, turns)
        assert first.result().status == "ok"
        found = second.result()
    assert found.status == "ok", found.reason
    assert found.seconds < 5


def _pretend_run(work, threads, link):
    job = json.loads((work / "job.json").read_text())
    (work / "result.json").write_text('{"status": "ok", "reason": ""}')
    command = [sys.executable, "-c", job["program"], str(link), str(work), *job["arguments"]]
    return subprocess.Popen(command, start_new_session=True, pass_fds=(link,))


@pytest.fixture
def plans(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    base = tmp_path / "base.npy"
    np.save(base, np.random.default_rng(0).standard_normal((600, 64), dtype=np.float32))

    def make(jobs, methods):
        dataset = {"name": "path", "base": str(base), "metric": "ip", "max_queries": 30}
        common = {"dataset": dataset, "results": str(tmp_path / f"jobs{jobs}"), "latency_s": 0.1, "jobs": jobs}
        runs = [(name, budget) for name in methods for budget in ("8x", "32x") if (name, budget) != ("pq", "32x")]
        return [prepare(RunConfig(method={"name": name}, budget=budget, **common)) for name, budget in runs]

    return make


@pytest.mark.thorough
def test_a_sweep_side_by_side_finds_what_one_after_another_finds(plans, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    methods = ("pq", "sign", "int8")
    together, start = [], Turns.start
    both_started = threading.Barrier(1)

    def counted(turns, *arguments):
        child = start(turns, *arguments)
        together.append(len(turns._runs))
        both_started.wait(30)  # else a short first run may have its turn, and end, before the second starts
        return child

    monkeypatch.setattr(Turns, "start", counted)
    one = sweep.run(plans(1, methods)).records
    assert max(together) == 1
    both_started = threading.Barrier(2)  # pq and sign at 8x: int8 is too large, and sign at 32x is the same codec
    two = sweep.run(plans(2, methods)).records
    assert max(together) == 2
    assert [(r.key, r.status) for r in one] == [(r.key, r.status) for r in two]
    assert {r.status for r in one} == {"ok", "skipped"}
    for alone, beside in zip(one, two, strict=True):
        assert alone.quality == beside.quality
        assert alone.bytes == beside.bytes
        assert alone.reason == beside.reason
    assert sum("measured there" in r.reason for r in two) == 1  # sign has one size
    again = sweep.run(plans(2, methods))
    assert again.reused == len(again.records) == 5


def test_an_interrupted_sweep_leaves_no_process(plans, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    begun, children = threading.Event(), []

    def endless(work, threads, link):
        children.append(
            subprocess.Popen(
                [sys.executable, "-c", "import time; time.sleep(100)"], start_new_session=True, pass_fds=(link,)
            )
        )
        if len(children) == 2:
            begun.set()
        return children[-1]

    def interrupted(futures):
        assert begun.wait(20)
        raise KeyboardInterrupt

    monkeypatch.setattr("bench.execution.isolate._child", endless)
    monkeypatch.setattr("bench.execution.sweep.as_completed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep.run(plans(2, ("pq", "sign")))
    assert len(children) == 2
    assert all(child.poll() is not None for child in children)


def test_more_jobs_than_cores_are_refused(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    config = RunConfig(method={"name": "pq"}, threads=2, jobs=3)
    with pytest.raises(UsageError, match="use at most jobs=2"):
        config.check()
