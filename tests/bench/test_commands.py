"""``python -m bench`` and ``vcbench``: the commands, and what a word that is none of theirs is answered with."""

import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hydra.core.global_hydra import GlobalHydra

import bench
from bench import cli, commands, named_files, own_configs, packages
from bench.arguments import overrides_of
from bench.datasets.base import DatasetError
from bench.errors import UsageError
from methods import registry

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def told(monkeypatch, capsys, tmp_path):
    """``told("--version")`` gives exit status, stdout and stderr of a command in this process."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        GlobalHydra.instance().clear()
        monkeypatch.setattr(sys, "argv", ["bench", *arguments])
        try:
            commands.main()
            status = 0
        except SystemExit as ended:
            status = ended.code or 0
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def measured(told, monkeypatch):
    """``measured("run", "method=pq")`` gives the arguments that reach Hydra."""

    def run(*arguments):
        monkeypatch.setattr(cli, "main", lambda: None)
        assert told(*arguments) == (0, "", "")
        return sys.argv[1:]

    return run


WRONG = {
    "a flag for an option": (("--method", "opq"), "write method=opq"),
    "flags for options": (("--method", "opq", "--budget=32x"), "are no flags; write method=opq budget=32x"),
    "a long flag with one dash": (("-method", "opq"), "write method=opq"),
    "a letter for an option": (("-b", "8x"), "write budget=8x"),
    "a misspelt flag": (("--bugdet", "32x"), "write budget=32x"),
    "a flag of recommend": (("--min-recall", ".9"), "is an option of `python -m bench recommend`"),
    "a flag like nothing": (("--foo",), "options are key=value, as in method=opq budget=8x"),
    "a flag of Hydra, cut short": (("--multi", "method=pq,opq"), "did you mean --multirun?"),
    "--cfg of nothing": (("--cfg",), "use one of job, hydra, all"),
    "--cfg of a wrong word": (("--cfg", "jobs"), "use one of job, hydra, all"),
    "--info of a wrong word": (("--info", "foo"), "defaults-tree"),
    "--resolve alone": (("--resolve",), "--cfg job"),
    "a misspelt command": (("reprot", "results/"), "did you mean report?"),
    "a command behind an option": (("method=pq", "recommend"), "python -m bench recommend ..."),
    "a method alone": (("opq", "budget=8x"), "write method=opq"),
    "a budget alone": (("method=opq", "8x"), "write budget=8x"),
    "a file alone": (("my.npy",), "write dataset=my.npy"),
    "an option and its value": (("method", "opq"), "write method=opq"),
    "a colon": (("method:opq",), "write method=opq"),
    "spaces around =": (("method", "=", "opq"), "write method=opq without"),
    "a space behind =": (("method=opq", "budget=", "8x"), "write budget=8x without"),
    "a space behind a comma": (("-m", "method=opq,", "pq"), "write method=opq,pq without"),
    "a comma too many": (("-m", "budget=8x,,16x"), "write budget=8x,16x"),
    "an empty word": (("",), "an empty argument"),
    "an option twice": (("method=opq", "method=pq"), "python -m bench -m method=opq,pq"),
    "the name of a method as a parameter": (("method.name=opq",), "write method=opq"),
    "no name": (("method=",), "use method=NAME"),
    "a word in capitals": (("method=OPQ",), "did you mean opq"),
    "a number for limits": (("limits=10",), "limits.time_s=VALUE limits.memory_gb=VALUE"),
    "minutes": (("limits.time_s=10m",), "use a number of seconds"),
    "gigabytes with their unit": (("limits.memory_gb=4GB",), "use a number of gigabytes"),
    "no budget": (("budget=null",), "budget=null is no value of budget"),
    "more than float32": (("budget=0.5x",), "is larger than float32 itself"),
    "more bits than float32": (("budget=64bit",), "is larger than float32 itself"),
    "no folder for results": (("results=",), "use results=DIR"),
    "an option of own files": (("dataset.base=my.npy",), "dataset=FILE.npy"),
    "an option of a data set": (("metric=l2",), "did you mean dataset.metric=?"),
    "a parameter of a method": (("method=pq", "bits=4"), "did you mean method.bits=?"),
    "what the budget decides": (("method=pq", "method.subquantizers=3"), "it takes bits, renormalize"),
    "files and names": (("-m", "dataset=a.npy,synthetic"), "sweep over one kind"),
    "two files": (("dataset=a.npy", "dataset.base=b.npy"), "leave one out"),
    "no such file": (("dataset=some/file.npy",), "some/file.npy does not exist"),
    "a pattern of nothing": (("-m", "method=glob(zz*)"), "matches nothing"),
    "a bracket": (("-m", "method=glob(*"), "opens a bracket"),
    "a folder that is not there": (("hydra.searchpath=[file:///not/there]",), "is no folder"),
    "a launcher of Hydra's": (("hydra/launcher=joblib",), "use one of isolated, isolated_ray, isolated_slurm"),
}


@pytest.mark.thorough
@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_word_is_answered_with_the_right_form(told, case):
    arguments, right = WRONG[case]
    status, printed, said = told(*arguments)
    assert right in said
    assert (status, printed) == (2, "")
    assert said.startswith("bench: ")
    assert said.count("\n") == 1
    assert "usage:" not in said


@pytest.mark.parametrize("module", ["datasets", "engines", "methods", "report", "recommend", "gate", "subsample"])
def test_commands_refuse_a_wrong_flag_in_one_line(told, module):
    status, printed, said = told(module, "--nonsense")
    assert (status, printed, said.count("\n")) == (2, "", 1)
    assert "--help names the options" in said


def test_recommend_refuses_a_budget_above_float32(told, tmp_path):
    np.save("my.npy", np.random.default_rng(0).standard_normal((50, 8)).astype(np.float32))
    status, _, said = told("recommend", "--data", "my.npy", "--budget", "0.5x")
    assert (status, said.count("\n")) == (2, 1)
    assert "budget=0.5x is larger than float32 itself" in said


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",), ("help",), ("run", "--help"), ("method=pq", "-h")])
def test_help_is_ours_and_names_every_command(told, arguments):
    status, printed, said = told(*arguments)
    assert (status, said) == (0, "")
    assert all(f"\n  {name} " in printed for name in commands.COMMANDS)
    assert "Powered by Hydra" not in printed
    assert "COMMANDS" not in printed
    assert max(map(len, printed.splitlines())) <= 120


@pytest.mark.parametrize("argument", ["--version", "version", "-V"])
def test_the_version_is_ours(told, argument):
    version = importlib.metadata.version(commands.DISTRIBUTION)
    assert told(argument) == (0, f"vector-compression-bench {version}\n", "")


def test_a_checkout_that_is_not_installed_says_where_it_lies(told, monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert told("--version")[1] == f"vector-compression-bench, not installed: {ROOT}\n"


def test_run_and_sweep_are_what_stands_without_a_command(measured):
    assert measured("method=pq", "budget=8x") == measured("run", "method=pq", "budget=8x") == ["method=pq", "budget=8x"]
    assert measured("sweep", "method=pq,opq") == ["-m", "method=pq,opq"]


def test_a_command_is_what_its_module_is(told):
    status, printed, said = told("datasets", "list")
    assert (status, said) == (0, "")
    assert "squad-sentences-mini" in printed
    assert told("methods", "pq")[1].startswith("method          pq")


def test_the_installed_command_is_this_one():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {"vcbench": "bench.commands:main"}


@pytest.mark.integration
def test_other_commands_start_without_hydra():
    code = "import sys; sys.argv = ['bench', '--help']; from bench import commands; commands.main(); "
    code += "assert not {'hydra', 'numpy', 'torch'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (["dataset=my.npy"], ["dataset=path", "dataset.base='my.npy'"]),
        (["dataset=A/my.FBIN", "k=5"], ["dataset=path", "dataset.base='A/my.FBIN'", "k=5"]),
        (["dataset='a b.npy'"], ["dataset=path", "dataset.base='a b.npy'"]),
        (["dataset=a.npy,b.npy"], ["dataset=path", "dataset.base='a.npy','b.npy'"]),
        (["dataset=glove-100,fashion-mnist"], ["dataset=glove-100,fashion-mnist"]),
        (["dataset=glob(*)", "method=pq"], ["dataset=glob(*)", "method=pq"]),
        (["dataset.base=my.npy", "dataset=path"], ["dataset.base=my.npy", "dataset=path"]),
    ],
)
def test_a_file_stands_where_a_data_set_does(given, made):
    assert named_files.named(given) == made


def test_a_file_with_a_comma_in_its_name_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a,b.npy", np.zeros((2, 2)))
    assert named_files.named(["dataset=a,b.npy"]) == ["dataset=path", "dataset.base='a,b.npy'"]


def test_a_file_stands_where_a_data_set_does_from_python_too(tmp_path):
    assert overrides_of({"dataset": Path("x/my.npy")}) == ["dataset=path", "dataset.base='x/my.npy'"]
    several = overrides_of({"dataset": ["a.npy", "b.npy"]}, several=True)
    assert several == ["dataset=path", "dataset.base='a.npy','b.npy'"]
    with pytest.raises(DatasetError, match=r"a\.npy does not exist"):
        bench.run("pq", dataset="a.npy", results=tmp_path)


def mine(folder, group, name, text):
    (folder / group).mkdir(parents=True, exist_ok=True)
    (folder / group / f"{name}.yaml").write_text(text)
    return f"hydra.searchpath=[file://{folder}]"


@pytest.fixture
def nothing_said(monkeypatch):
    monkeypatch.setattr(own_configs, "_said", set())


def test_a_file_of_the_users_in_place_of_a_method_is_said(told, nothing_said, tmp_path, monkeypatch):
    plans = []
    monkeypatch.setattr(cli.runner, "run", lambda plan: plans.append(plan) or sys.exit(0))
    path = mine(tmp_path / "mine", "method", "pq", "name: pq\nbits: 4\n")
    _, _, said = told("method=pq", path)
    assert said.splitlines() == [
        f"bench: method=pq is {tmp_path}/mine/method/pq.yaml, in place of the method that is called so; "
        "rename the file to have both"
    ]
    assert plans[0].config.method["bits"] == 4


def test_a_file_of_the_users_that_is_not_read_is_said(told, nothing_said, tmp_path, monkeypatch):
    monkeypatch.setattr(cli.runner, "run", lambda plan: sys.exit(0))
    path = mine(tmp_path / "mine", "dataset", "squad-sentences-mini", "name: squad-sentences-mini\n")
    _, _, said = told(path)
    assert said.count("\n") == 1
    assert "dataset=squad-sentences-mini is the built-in one; " in said


def test_a_file_of_the_users_with_a_name_of_its_own_needs_no_word(told, nothing_said, tmp_path, monkeypatch):
    monkeypatch.setattr(cli.runner, "run", lambda plan: sys.exit(0))
    path = mine(tmp_path / "mine", "method", "small_pq", "name: pq\nbits: 4\n")
    assert told("method=small_pq", path)[2] == ""


def test_a_broken_package_is_named_in_one_line_and_stops_nothing(told, monkeypatch):
    monkeypatch.setattr(packages, "_said", set())
    monkeypatch.setattr(cli.runner, "run", lambda plan: sys.exit(0))
    monkeypatch.setattr(registry, "left_out", lambda: ["the entry point mine of bench.methods is left out: no"])
    line = "the entry point mine of bench.methods is left out: no\n"
    assert told("method=pq") == (0, "", "")  # its module alone is imported
    assert told("budget=8x") == (0, "", f"bench: {line}")
    assert told("budget=8x") == (0, "", "")
    assert told("methods", "pq")[2] == f"warning: {line}"
    packages._said.clear()
    assert told("gate", "--baseline", "none")[2].startswith(f"bench.gate: {line}bench.gate: none ")


def test_named_files_refuse_a_mixture_from_the_command_line():
    with pytest.raises(UsageError, match="mixes files and names"):
        named_files.named(["dataset=a.npy,glove-100"])
