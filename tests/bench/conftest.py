"""The command line as a user runs it, and a third party's package of methods that end in every possible way."""

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hydra.core.global_hydra import GlobalHydra
from runs_here import run_here

from bench import commands
from bench.execution import runner, sweep

TESTS = Path(__file__).resolve().parents[1]
THIRD_PARTY = TESTS / "acme_codecs"  # as installed: a module and its entry points


@pytest.fixture(scope="session")
def vectors(tmp_path_factory):
    """A small base file: 600 x 16, clustered."""
    rng = np.random.default_rng(0)
    centers = rng.standard_normal((20, 16), np.float32)
    base = centers[rng.integers(20, size=600)] + 0.3 * rng.standard_normal((600, 16), np.float32)
    path = tmp_path_factory.mktemp("vectors") / "tiny.npy"
    np.save(path, base)
    return path


@pytest.fixture(scope="session")
def bench_env(tmp_path_factory):
    """Environment of a command: the third party's package, a cache of its own."""
    path = os.pathsep.join(filter(None, [str(THIRD_PARTY), str(TESTS / "support"), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, "BENCH_CACHE": str(tmp_path_factory.mktemp("cache"))}


@pytest.fixture
def in_this_process(monkeypatch):
    """What a run measures, it measures in this process: for tests that are not about its process."""
    monkeypatch.setattr(runner, "run_isolated", run_here)


@pytest.fixture
def here(in_this_process, tmp_path, tmp_path_factory, monkeypatch):
    """``here("method=pq", ...)`` does what ``python -m bench`` does, in this process: a tenth of the time.

    Without the third party's package. It returns what the fixture ``bench`` does.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache of runs here"))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> subprocess.CompletedProcess:
        GlobalHydra.instance().clear()
        sweep.SWEEPS.clear()
        monkeypatch.setattr(sys, "argv", ["bench", *arguments])
        out, err, status = io.StringIO(), io.StringIO(), 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                commands.main()
            except SystemExit as ended:
                status = ended.code or 0
        return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())

    run.results = Path(tmp_path) / "results"
    return run


@pytest.fixture
def bench(bench_env, tmp_path):
    """``bench("method=pq", ...)`` runs ``python -m bench`` in an empty folder and returns the finished process.

    With ``isolated=False``, what it measures it measures in its own process.
    """

    def run(*arguments: str, module: str = "bench", isolated=True, **options) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", *([] if isolated else ["runs_here"]), module, *arguments],
            cwd=tmp_path,
            env={**bench_env, "COLUMNS": "200", **options.pop("env", {})},
            capture_output=True,
            text=True,
            timeout=options.pop("timeout", 120),
        )

    run.results = Path(tmp_path) / "results"
    run.env = bench_env
    return run


@pytest.fixture
def command_line(monkeypatch, capsys):
    """``command_line("bench.report", main)`` runs a command in this process: call it with arguments.

    It returns the exit status (0 where ``main`` returns), the output and the errors.
    """

    def command(name, main):
        def run(*arguments):
            monkeypatch.setattr("sys.argv", [name, *map(str, arguments)])
            try:
                main()
                status = 0
            except SystemExit as ended:
                status = ended.code
            return status, *capsys.readouterr()

        return run

    return command
