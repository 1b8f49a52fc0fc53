"""The README is true: its example is a complete method, its Python runs, its commands exist."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hydra.core.global_hydra import GlobalHydra

from methods import registry

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def link(source, copy, changed):
    """``copy`` leads to ``source``; folders that are ``changed`` are folders of links, for a file to be added there."""
    if copy not in changed:
        copy.symlink_to(source)  # with what Python and Numba have compiled there
        return
    copy.mkdir()
    for each in source.iterdir():
        if each.name != "__pycache__":
            link(each, copy / each.name, changed)


@pytest.mark.thorough
@pytest.mark.integration
def test_the_example_method_is_complete(tmp_path):
    """Written where the README says, it is registered, passes the suite and runs; nothing else is needed."""
    examples = dict(re.findall(r"<!-- example: (\S+) -->\n```\w+\n(.*?)```", README, re.DOTALL))
    assert set(examples) == {"methods/binary/sign_norm.py"}
    for name in ("bench", "methods", "conf", "hydra_plugins"):
        link(ROOT / name, tmp_path / name, {tmp_path / parent for each in examples for parent in Path(each).parents})
    for name, text in examples.items():
        (tmp_path / name).write_text(text)
    check = [sys.executable, "-m", "methods", "--check", "sign_norm"]
    done = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    run = [sys.executable, "-m", "bench", "method=sign_norm", "budget=16x", "dataset.max_base=2000", "latency_s=0.1"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "50 of 96" in done.stdout


def test_members_of_families_are_methods_of_these_families():
    rows = re.findall(r"^\| \[([\w ]+)\]\(docs/methods.md#[\w-]+\) \|.*\| (.*) \|$", README, re.MULTILINE)
    for family, members in rows:
        assert {registry.get(name).family for name in re.findall(r"`(\w+)`", members)} == {family}
    assert {family for family, _ in rows} == {registry.get(name).family for name in registry.names()} - {"identity"}


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 180


@pytest.mark.parametrize(
    "module", ["bench", "methods", "bench.datasets", "bench.report", "bench.recommend", "bench.gate", "bench.subsample"]
)
def test_every_command_has_help(module, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [module, "--help"])
    GlobalHydra.instance().clear()
    status = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        status = ended.code or 0
    assert status == 0
    assert len(capsys.readouterr().out.splitlines()) > 3


def test_the_python_example_saves_and_searches(tmp_path, monkeypatch, gaussian):
    monkeypatch.chdir(tmp_path)
    vectors = gaussian(300, 32)
    np.save("vectors.npy", vectors)
    names = {}
    exec(re.search(r"## From Python\n\n```python\n(.*?)```", README, re.DOTALL)[1], names)
    assert names["ids"].shape == (5, 10)
    assert (names["ids"] == np.arange(5)[:, None]).any(axis=1).all()  # each is among its own nearest
    assert np.load("codes.npy").shape == (300, names["codec"].code_size)
