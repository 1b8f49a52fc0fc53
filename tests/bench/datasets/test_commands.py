"""``python -m bench.datasets``: tables for people, one line for an error."""

import subprocess
import sys

import numpy as np
import pytest

from bench import datasets
from bench.datasets.__main__ import main


def test_list_names_every_data_set(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["list"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in datasets.names())
    assert "to build" in printed


def test_list_prints_whole_names_where_there_is_no_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["list"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in datasets.names())


def test_info_prints_shape_checksum_and_license(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["info", "squad-sentences-mini", "max_base=1000"]) == 0
    printed = capsys.readouterr().out
    assert "1,000 x 384" in printed
    assert datasets.load("squad-sentences-mini", max_base=1000).checksum in printed
    assert "CC BY-SA 4.0" in printed


def test_building_what_is_built_does_nothing(capsys):
    assert main(["build", "squad-sentences-mini"]) == 0
    assert "is built already" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["info", "squad-sentence"], "did you mean"),
        (["info", "squad-sentences"], "python -m bench.datasets build squad-sentences"),
        (["info", "squad-sentences-mini", "max_base"], "KEY=VALUE"),
        (["info", "path", "base=none.npy"], "does not exist"),
        (["info", "mine.npy"], "write info --vectors mine.npy"),
        (["build", "squad-sentences-con"], "did you mean squad-sentences-cone"),
        (["build", "synthetic"], "glove-100-ip, fashion-mnist, photo-sift"),
        (["build", "glove-100", "--from", "none.tgz"], "cannot read none.tgz"),
    ],
)
def test_an_error_is_one_line_and_status_2(capsys, arguments, fragment):
    assert main(arguments) == 2
    printed = capsys.readouterr().err
    assert fragment in printed
    assert printed.count("\n") == 1


@pytest.mark.integration
def test_the_module_runs_and_explains_itself(tmp_path):
    np.save(tmp_path / "v.npy", np.eye(20, dtype=np.float32))
    run = [sys.executable, "-m", "bench.datasets"]
    helped = subprocess.run([*run, "--help"], capture_output=True, text=True, check=True)
    assert "build" in helped.stdout
    told = subprocess.run([*run, "info", "path", f"base={tmp_path}/v.npy"], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert "18 x 20" in told.stdout


def test_info_of_a_file_is_headed_by_it_and_says_where_kinds_stand(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    vectors = np.random.default_rng(0).standard_normal((200, 16)) + 1
    np.savez("mine.npz", first=vectors, second=-vectors)
    assert main(["info", "--vectors", "mine.npz", "--column", "second"]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[0].strip() == "mine.npz"
    assert "vectors share a direction" in printed
    assert "docs/embeddings.md" in printed
