"""``python -m bench`` is killed while an engine is measured: no process, no folder, no record is left."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from bench.engines.adaptors import adaptor, missing_packages
from bench.execution import stage

PATIENCE_S = 90


def eventually(holds):
    """What ``holds`` returns, as soon as it is true."""
    end = time.monotonic() + PATIENCE_S
    while not (value := holds()) and time.monotonic() < end:
        time.sleep(0.05)
    return value


def stage_in(results):
    return " ".join(stage.read(work) for work in results.rglob(".work-*"))


@pytest.mark.thorough
@pytest.mark.integration
@pytest.mark.parametrize(
    ("engine", "scheme", "phase"),
    [
        ("faiss", "OPQ", "build"),
        # A slow scan: its single queries take seconds, so that the phase is seen on a busy machine.
        ("faiss", "EDEN", "search single"),
        ("pgvector", "halfvec", "build"),
        ("pgvector", "binary_quantize", "search single"),
        ("clickhouse", "vector_similarity i8", "build"),
    ],
)
def test_a_killed_run_leaves_nothing(engine, scheme, phase, bench_env, tmp_path):
    if missing := missing_packages(adaptor(engine)):
        pytest.skip(f"{', '.join(missing)} is not installed")
    options = [f"engine={engine}", f"engine.scheme='{scheme}'", "budget=1x", "latency_s=60"]
    data = ["dataset.max_base=3000", "dataset.max_queries=1000"]
    run = subprocess.Popen(
        [sys.executable, "-m", "bench", *options, *data],
        cwd=tmp_path,
        env=bench_env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    results, homes = tmp_path / "results", set()
    try:
        begun = eventually(lambda: run.poll() is not None or phase in stage_in(results))
        assert begun
        assert run.poll() is None, run.stderr.read().decode()
        if engine == "pgvector":
            homes = eventually(lambda: socket_folders(psutil.Process(run.pid).children(recursive=True)))
            assert homes
        children = psutil.Process(run.pid).children(recursive=True)
        assert len(list(results.rglob(".work-*"))) == 1
        assert all(home.is_dir() for home in homes)
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
        run.stderr.close()
    assert len(children) >= 2
    assert eventually(lambda: not any(one.is_running() for one in children)), [one for one in children]
    assert eventually(lambda: not list(results.rglob(".work-*")))
    assert eventually(lambda: not any(home.exists() for home in homes))
    assert not list(results.rglob("record.json"))


def socket_folders(processes):
    """Of those that are PostgreSQL."""
    folders = set()
    for one in processes:
        try:
            words = one.cmdline()
        except psutil.Error:
            continue
        if "listen_addresses=" in words:
            folders.add(Path(words[words.index("-k") + 1]))
    return folders
