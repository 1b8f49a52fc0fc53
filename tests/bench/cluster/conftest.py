"""Runs whose jobs execute in this process, as on a node; sweeps whose runs a test holds up."""

import dataclasses
import json
import subprocess
import sys
import time

import pytest

from bench import records
from bench.cluster import dispatch, job
from bench.config import RunConfig
from bench.execution.plan import prepare
from bench.measure import environment


@pytest.fixture
def plans(vectors, tmp_path, monkeypatch):
    """``plans("sign", "pq", ...)``: prepared runs, here and with all that they write in an empty folder."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(environment, "_node", {})
    monkeypatch.setattr(dispatch, "_POLL_S", 0.01)

    def make(*names, **options):
        return [
            prepare(
                RunConfig(
                    method={"name": name},
                    dataset={"name": "path", "base": str(vectors), "holdout": 50},
                    latency_s=0.05,
                    budget="4x",
                    **options,
                )
            )
            for name in names
        ]

    return make


@dataclasses.dataclass
class JobHere:
    """A job that is executed when it is first looked at, by ``work``."""

    name: str
    work: object

    def ended(self):
        return self.work()


class Here:
    """A cluster of this process. ``before[i]`` is called instead of the job of that number, if it is there."""

    name = "slurm"

    def __init__(self, instead=None):
        self.instead, self.submitted, self.closed = instead or {}, 0, False

    def submit(self, texts, config):
        return [self._job(text) for text in texts]

    def _job(self, text):
        number, self.submitted = self.submitted, self.submitted + 1
        work = self.instead.get(number, lambda: dispatch.End(*job.run(text, self.name, str(number))))
        return JobHere(f"{self.name} {number}", work)

    def close(self):
        self.closed = True


@pytest.fixture
def cluster():
    return Here


class Waiting:
    """A sweep of the method ``acme_waits`` over seeds, as a user starts it in ``folder``."""

    def __init__(self, folder, env, vectors, launcher):
        self.folder, self.env, self.results = folder, {**env, "ACME_FOLDER": str(folder)}, folder / "results"
        data = ["dataset=path", f"dataset.base={vectors}", "dataset.holdout=50", "latency_s=0.05", "budget=8x"]
        self.launcher, self.method, self.options, self.started = list(launcher), "acme_waits", data, []

    def start(self, seeds):
        seed = f"seed={','.join(map(str, seeds))}"
        process = subprocess.Popen(
            [sys.executable, "-m", "bench", "-m", *self.launcher, f"method={self.method}", *self.options, seed],
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(process)
        return process

    def begun(self):
        """Seeds whose runs have begun, in order; one that began twice comes twice."""
        path = self.folder / "begun"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def let_go(self, *seeds):
        """Let the runs with these seeds go on."""
        for seed in seeds:
            (self.folder / str(seed)).touch()

    def claims(self):
        """Who measures each run that is under way."""
        return [json.loads(path.read_text()) for path in sorted(self.results.rglob(".claim-*"))]

    def statuses(self):
        return {record.config["seed"]: record.status for record in records.find([self.results / "runs"])}

    def reasons(self):
        return {record.config["seed"]: record.reason for record in records.find([self.results / "runs"])}


@pytest.fixture
def waiting(tmp_path, bench_env, vectors):
    """``waiting("hydra/launcher=...")``: a sweep whose runs begin and end as a test wants."""
    sweeps = []

    def make(*launcher, env=None):
        sweeps.append(Waiting(tmp_path, {**bench_env, **(env or {})}, vectors, launcher))
        return sweeps[-1]

    yield make
    for process in (process for one in sweeps for process in one.started):
        process.kill()
        process.wait()


@pytest.fixture
def eventually():
    """``eventually(what)``: whether ``what()`` becomes true."""

    def wait(what, seconds=120):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if what():
                return True
            time.sleep(0.1)
        return False

    return wait
