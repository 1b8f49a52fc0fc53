"""``python -m bench.recommend`` as a process: exit statuses, errors of one line, and Ctrl-C."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from bench.recommend.__main__ import main
from bench.recommend.race import LEAST_LIMIT_S


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of its own for every test."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def command(command_line):
    return command_line("bench.recommend", main)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "none.npy", "--budget", "32x"], "none.npy does not exist"),
        (["--data", "{0}", "--budget", "much"], "budget=much is not a budget"),
        (["--data", "{0}", "--budget", "32x", "--min-recall", "90"], "--min-recall 90 is out of range"),
        (["--data", "{0}", "--budget", "32x", "--max-p50-ms", "0"], "--max-p50-ms 0 is out of range"),
        (["--data", "{0}", "--budget", "32x", "--n", "many"], "many is not a number of vectors"),
        (["--data", "{0}", "--budget", "32x", "--metric", "jaccard"], "jaccard"),
        (["--data", "{0}", "--budget", "32x", "--k", "7"], "--k 7 is not judged; use 1, 10 or 100"),
        (["--data", "{0}", "--budget", "32x", "--methods", "pqq"], "no method is called 'pqq'; did you mean pq"),
        (["--data", "{0}", "--budget", "32x", "--rescore", "tape"], "--rescore tape is unknown"),
        (["--data", "{0}", "--budget", "32x", "--threads", "9999"], "--threads 9999 is out of range"),
        (["--data", "{0}", "--budget", "32x", "--methods", "glob(*pqq)"], "no method matches glob(*pqq)"),
        (["--data", "{0}", "--budget", "32x", "--memory", "4GB"], "give either --budget"),
        (["--data", "{0}"], "give either --budget"),
        (["--data", "{0}", "--memory", "much"], "--memory much is no amount of memory; write 512MB"),
        (["--data", "{0}", "--memory", "4GB"], "holds all 540 vectors of 16 dimensions as float32 (34.6 kB)"),
        (["--data", "{0}", "--memory", "500B"], "--memory 500 B leaves less than a byte for each of 540 vectors"),
        (["--data", "{0}", "--budget", "8B", "--methods", "float32"], "no method has a code of 8 bytes"),
        (["--data", "{0}", "--budget", "8x", "--sample", "10"], "--sample 10 is too small"),
        (
            ["--data", "{0}", "--budget", "8B", "--engine", "qdrunt"],
            "no engine is called 'qdrunt'; did you mean qdrant",
        ),
        (
            ["--data", "{0}", "--budget", "8B", "--engine", "lucene"],
            "lucene has no code within 8 bytes at 16 dimensions: its smallest is SINGLE_BIT",
        ),
        (["--data", "{0}", "--budget", "8B", "--engine", "qdrant", "--metric", "jaccard"], "jaccard"),
        (["--data", "{0}", "--budget", "8B", "--engine", "mariadb", "--metric", "ip"], "mariadb: compares by"),
        (["--data", "{0}", "--budget", "8B", "--engine", "faiss", "--methods", "trellis"], "faiss has none of trellis"),
        (["--data", "{0}", "--budget", "8B", "--engine", "faiss", "--rescore", "int8"], "use disk"),
        (["--data", "{0}", "--budget", "8B", "--engine", "faiss", "--rescore", "disk"], "faiss has nothing within 8"),
        (["--data", "{0}", "--budget", "8B", "--prices", "{0}"], "cannot be read"),
        (
            ["--data", "{0}", "--budget", "8B", "--prices", "none.yaml"],
            "--prices none.yaml cannot be read: No such file",
        ),
        (["--budget", "32x"], "the following arguments are required: --data"),
    ],
)
def test_wrong_input_is_one_line_before_any_work(command, vectors, arguments, message):
    status, _, errors = command(*[argument.format(vectors) for argument in arguments])
    assert status == 2
    assert message in errors
    assert errors.startswith("bench.recommend: ")
    assert errors.count("\n") == 1


def test_help_says_how_much_longer_a_first_method_has(capsys, monkeypatch):
    """``--time 10`` took half a minute, and nothing said why."""
    monkeypatch.setattr(sys, "argv", ["recommend", "--help"])
    with pytest.raises(SystemExit):
        main()
    assert f"a first method has up to {LEAST_LIMIT_S:.0f} more" in " ".join(capsys.readouterr().out.split())


def test_a_column_is_named_as_the_command_takes_it(command, tmp_path):
    vectors = np.random.default_rng(0).standard_normal((20, 4))
    np.savez(tmp_path / "two.npz", first=vectors, second=vectors)
    status, _, message = command("--data", tmp_path / "two.npz", "--budget", "4x")
    assert status == 2
    assert "name it by --column ..." in message


@pytest.mark.parametrize("metric", ["cosine", "ip", "l2"])
def test_vectors_that_are_all_equal_are_refused(command, tmp_path, metric):
    same = np.random.default_rng(0).standard_normal(16).astype(np.float32)
    np.save(tmp_path / "v.npy", np.tile(same, (900, 1)))
    status, _, message = command("--data", str(tmp_path / "v.npy"), "--budget", "8x", "--metric", metric)
    assert status == 2
    assert f"100% of the queries all true neighbors tie by {metric}" in message
    assert message.count("\n") == 1


def test_too_few_vectors_are_refused(command, tmp_path):
    np.save(tmp_path / "few.npy", np.random.default_rng(0).standard_normal((100, 8), np.float32))
    status, _, errors = command("--data", tmp_path / "few.npy", "--budget", "8x")
    assert status == 2
    assert "90 vectors beside the queries are too few to choose by; give at least 500, more where queries" in errors


@pytest.mark.thorough
def test_limits_that_nothing_meets_bring_the_nearest_offer_and_status_one(bench, vectors):
    arguments = ["--data", str(vectors), "--budget", "8B", "--methods", "acme_truncated", "--metric", "l2"]
    done = bench(
        *arguments, "--min-recall", ".95", "--n", "1k", "--time", "600", module="bench.recommend", isolated=False
    )
    assert done.returncode == 1, done.stderr
    assert "nothing that raced within the budget meets the limits" in done.stdout
    assert "best within the budget: acme_truncated at 8 bytes" in done.stdout
    assert "is below 0.95" in done.stdout
    assert "meets them beyond the budget: acme_truncated at 16 bytes" in done.stdout
    assert "\r" not in done.stderr
    assert re.search(
        r"the named methods on a small sample \(135 vectors\) 1/1: acme_truncated, .* s: recall@10 0", done.stderr
    )


def test_the_answer_as_json_alone_and_its_codec_in_a_folder(bench, vectors, tmp_path):
    arguments = ["--data", str(vectors), "--memory", "4.5kB", "--methods", "glob(acme_trunc*)", "--metric", "l2"]
    done = bench(*arguments, "--json", "--save", "kept", "--threads", "512", module="bench.recommend", isolated=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["take"]["method"] == "acme_truncated"
    assert answer["take"]["memory_bytes"] <= 4_500
    assert answer["take"]["threads"] == 512 > answer["take"]["measured_threads"]
    assert answer["rescore_disk"]["kept"][0]["recall"] >= answer["take"]["recall"]
    assert sorted(answer["saved"]["files"]) == ["acme_truncated.codec", "codes.npy"]
    assert np.load(tmp_path / "kept" / "codes.npy").shape == (600, answer["take"]["code_bytes"])
    again = bench(*arguments, "--save", "kept", module="bench.recommend")
    assert again.returncode == 2
    assert "--save kept exists and is not an empty folder" in again.stderr


@pytest.mark.thorough
def test_an_interrupted_race_leaves_no_process_behind(bench, vectors, tmp_path):
    """Ctrl-C in the middle of a round: status 130 at once, and the runs' processes end too."""
    command = [
        sys.executable,
        "-m",
        "bench.recommend",
        "--data",
        str(vectors),
        "--budget",
        "8B",
        "--methods",
        "acme_hangs",
    ]
    child = subprocess.Popen(command, cwd=tmp_path, env=bench.env, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 60
        while not (workers := psutil.Process(child.pid).children(recursive=True)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert workers
        os.kill(child.pid, signal.SIGINT)
        _, errors = child.communicate(timeout=30)
    finally:
        child.kill()
    assert child.returncode == 130
    assert "interrupted" in errors
    psutil.wait_procs(workers, timeout=10)
    assert not any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in workers)
