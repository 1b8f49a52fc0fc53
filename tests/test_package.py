"""The wheel is complete: installed outside the checkout, it measures a method and the README's Python runs."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest

import bench
import methods

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("bench", "methods", "conf", "hydra_plugins")


def run(command, **options):
    """Its output; if it fails, what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, so that the checkout gets no build folder; nothing is downloaded."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder]
    run([sys.executable, "-m", "pip", "wheel", *options, source])
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """An environment of its own that has the wheel, and reads the requirements from the present one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    run([sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel])
    # A path in a .pth file is searched, but its own .pth files (that of an editable checkout) are not read.
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "requirements.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


@pytest.fixture
def outside(tmp_path):
    """Keywords for a process that knows nothing of the checkout."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return {"cwd": tmp_path, "env": {**env, "BENCH_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}}


@pytest.mark.slow
def test_the_wheel_has_every_file_of_the_packages(wheel):
    packed = set(zipfile.ZipFile(wheel).namelist())
    there = {path.relative_to(ROOT) for name in PACKAGES for path in (ROOT / name).rglob("*") if path.is_file()}
    missing = {str(path) for path in there if "__pycache__" not in path.parts} - packed
    assert not missing


@pytest.mark.slow
def test_vcbench_measures_outside_the_checkout(environment, outside):
    where = "import bench, conf, methods; print(*(module.__file__ for module in (bench, conf, methods)), sep='\\n')"
    for file in run([environment / "bin" / "python", "-c", where], **outside).split():
        assert Path(file).is_relative_to(environment)
    printed = run([environment / "bin" / "vcbench", "method=int8", "budget=4x"], **outside)
    assert "384 of 384" in printed
    assert len(list((outside["cwd"] / "results" / "runs").rglob("record.json"))) == 1
    run([environment / "bin" / "python", "-m", "bench.report", "results", "--out", "report"], **outside)
    assert "int8" in (outside["cwd"] / "report" / "index.html").read_text()


@pytest.mark.slow
def test_the_order_of_a_race_is_the_same_outside_the_checkout(environment, outside):
    order = (
        "from bench.recommend.prior import Traits, by_expectation, packaged; from methods import registry; "
        "print(by_expectation(registry.names(), Traits(1536, 'angles', frozenset()), 32.0, packaged()))"
    )
    here = run([sys.executable, "-c", order], cwd=ROOT)
    assert "published records of" in here
    assert run([environment / "bin" / "python", "-c", order], **outside) == here


@pytest.mark.slow
def test_the_python_of_the_readme_runs_outside_the_checkout(environment, outside):
    np.save(outside["cwd"] / "vectors.npy", np.random.default_rng(0).standard_normal((300, 32), dtype=np.float32))
    text = (ROOT / "README.md").read_text()
    example = re.search(r"# From Python\n\n```python\n(.*?)```", text, re.DOTALL)[1]
    assert run([environment / "bin" / "python", "-c", example + "\nprint(ids.shape)"], **outside) == "(5, 10)\n"


@pytest.mark.parametrize("package", [bench, methods])
def test_types_are_part_of_the_package(package):
    assert (Path(package.__file__).parent / "py.typed").exists()


def test_exact_versions_satisfy_the_requirements():
    """constraints.txt pins nothing that pyproject.toml forbids."""
    requirements = pytest.importorskip("packaging.requirements")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    allowed = {each.name: each.specifier for each in map(requirements.Requirement, project["dependencies"])}
    pins = re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert len(pins) > 3
    for name, version in pins:
        assert name not in allowed or version in allowed[name], name
