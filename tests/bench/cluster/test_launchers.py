"""What a user of the launchers gets wrong ends in one line, before long work."""

import sys

import pytest

import bench
from bench.errors import UsageError

ON = ["-m", "method=sign", "dataset.max_base=500", "latency_s=0.02"]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("launcher", "package", "extra"), [("isolated_slurm", "submitit", "slurm"), ("isolated_ray", "ray", "ray")]
)
def test_a_missing_package_is_named_with_what_to_install(here, monkeypatch, launcher, package, extra):
    monkeypatch.setitem(sys.modules, package, None)
    run = here(*ON, f"hydra/launcher={launcher}")
    assert run.returncode == 2
    line = f"hydra/launcher={launcher} needs {package}; pip install 'vector-compression-bench[{extra}]'"
    assert run.stderr.strip().splitlines() == [f"bench: {line}"]


def test_a_sweep_from_python_names_a_launcher_too(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(UsageError, match="hydra/launcher=isolated_slurm needs submitit"):
        bench.sweep("sign", "32x", **{"hydra/launcher": "isolated_slurm", "dataset.max_base": 500})


def test_slurm_s_commands_have_to_be_there(here, monkeypatch, tmp_path):
    monkeypatch.setattr("bench.cluster.slurm.need", lambda *_: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    run = here(*ON, "hydra/launcher=isolated_slurm")
    assert run.returncode == 2
    assert "there is no sbatch here; start the sweep on a machine that has Slurm's commands" in run.stderr


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["hydra/launcher=isolated_slurm", "hydra.launcher.partion=long"],
            "hydra/launcher=isolated_slurm has no option 'partion'; did you mean hydra.launcher.partition=?",
        ),
        (
            ["hydra/launcher=isolated_ray", "hydra.launcher.timeout_min=3"],
            "hydra/launcher=isolated_ray has no option 'timeout_min'; use one of address, cpus_per_task",
        ),
        (
            ["hydra.launcher.partition=long"],
            "hydra/launcher=isolated has no option 'partition'; choose hydra/launcher=isolated_slurm",
        ),
        (["hydra/launcher=isolated_slrm"], "no launcher is called 'isolated_slrm'; did you mean isolated_slurm"),
        (
            ["hydra/launcher=isolated_slurm", "hydra.launcher.timeout_min=long"],
            "hydra.launcher.timeout_min=long is not",
        ),
    ],
)
def test_a_wrong_option_of_a_launcher_is_one_line(here, options, message):
    run = here(*ON, *options)
    assert run.returncode == 2
    assert len(run.stderr.strip().splitlines()) == 1
    assert message in run.stderr
