"""Sweeps on a real Slurm of one node, started here: ``make test-cluster``. Loopback only."""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import time

import pytest

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
absent = [name for name in PROGRAMS if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None]
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.integration,
    pytest.mark.skipif(bool(absent), reason=f"no {absent[:1]}; apt-get install slurm-wlm munge"),
    pytest.mark.skipif(importlib.util.find_spec("submitit") is None, reason="no submitit; pip install -e '.[slurm]'"),
    pytest.mark.skipif(os.geteuid() != 0, reason="Slurm's daemons are started as root"),
]

CONFIGURATION = """
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPort=26817
SlurmdPort=26818
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MpiDefault=none
KillWait=5
NodeName=localhost NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """Environment of commands that talk to a Slurm of this machine, which ends with the module's tests."""
    folder = tmp_path_factory.mktemp("slurm")
    for name in ("state", "spool"):
        (folder / name).mkdir()
    (folder / "slurm.conf").write_text(CONFIGURATION.format(folder=folder))
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o600)
    env = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": f"{os.environ['PATH']}:/usr/sbin"}
    options = [
        f"--socket={folder}/munge.sock",
        *(f"--{name}-file={folder}/munge.{name}" for name in ("key", "seed", "pid")),
    ]
    daemons = [
        ["munged", "--foreground", "--force", *options],
        ["slurmctld", "-D"],
        ["slurmd", "-D", "-N", "localhost"],
    ]
    ready = [folder / "munge.pid", folder / "slurmctld.pid", folder / "slurmd.pid"]
    with contextlib.ExitStack() as stack:
        for command, file in zip(daemons, ready):
            daemon = subprocess.Popen(
                command, env={**os.environ, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            stack.callback(daemon.wait)
            stack.callback(daemon.terminate)
            while not file.exists() and daemon.poll() is None:
                time.sleep(0.1)
        yield env


@pytest.fixture
def ask(slurm):
    """``ask("squeue", ...)``: what a command of Slurm says."""

    def run(*command):
        return subprocess.run(command, env={**os.environ, **slurm}, capture_output=True, text=True).stdout

    return run


@pytest.fixture
def sweep(slurm, waiting, ask, eventually):
    assert eventually(lambda: "idle" in ask("sinfo", "--noheader", "--format=%T"), 60)
    yield waiting("hydra/launcher=isolated_slurm", env=slurm)
    ask("scancel", "--user=root")
    assert eventually(lambda: not ask("squeue", "--noheader"), 60)


def test_three_jobs_measure_three_runs(sweep):
    sweep.let_go(0, 1, 2)
    process = sweep.start([0, 1, 2])
    out = process.communicate(timeout=180)[0]
    assert process.returncode == 0, out
    assert "sweep 3/3" in out
    assert sweep.statuses() == dict.fromkeys(range(3), "ok")
    assert sorted(sweep.begun()) == [0, 1, 2]


@pytest.mark.parametrize("how", ["scancel", "kill"])
def test_a_job_killed_in_mid_sweep_loses_nothing(sweep, ask, eventually, how):
    process = sweep.start([0, 1, 2])
    assert eventually(lambda: sweep.begun() == [0])
    (claim,) = sweep.claims()
    if how == "scancel":
        ask("scancel", claim["job"].removeprefix("slurm "))
    else:
        os.kill(claim["pid"], signal.SIGKILL)
    sweep.let_go(0, 1, 2)
    out = process.communicate(timeout=180)[0]
    assert process.returncode == 1, out
    assert sweep.statuses() == {0: "failed", 1: "ok", 2: "ok"}
    assert claim["job"] in sweep.reasons()[0]
    assert sorted(sweep.begun()) == [0, 1, 2]

    again = sweep.start([0, 1, 2])
    out = again.communicate(timeout=180)[0]
    assert again.returncode == 0, out
    assert "2 of them measured before" in out
    assert sweep.statuses() == dict.fromkeys(range(3), "ok")
    assert sorted(sweep.begun()) == [0, 0, 1, 2]


def test_a_job_that_slurm_puts_back_into_its_queue_goes_on(sweep, ask, eventually):
    """As after the loss of its node: the same job, whose claim is still there."""
    process = sweep.start([0, 1])
    assert eventually(lambda: sweep.begun() == [0])
    (claim,) = sweep.claims()
    path = next(sweep.results.rglob(".claim-*"))
    number = claim["job"].removeprefix("slurm ")
    content = path.read_text().replace(claim["machine"], "a node that was lost/1")
    ask("scontrol", "requeue", number)
    assert eventually(lambda: not path.exists())
    path.write_text(content)
    sweep.let_go(0, 1)
    assert eventually(lambda: "PENDING" in ask("squeue", "--noheader", "--array", f"--jobs={number}", "--format=%T"))
    ask("scontrol", "update", f"JobId={number}", "StartTime=now")  # Slurm would wait for two minutes
    out = process.communicate(timeout=240)[0]
    assert process.returncode == 0, out
    assert sweep.statuses() == {0: "ok", 1: "ok"}
    assert sorted(sweep.begun()) == [0, 0, 1]


def test_two_launchers_one_of_them_killed_do_nothing_twice(sweep, eventually):
    first = sweep.start([0, 1])
    assert eventually(lambda: sweep.begun() == [0])
    second = sweep.start([0, 1])
    first.kill()  # its jobs go on
    sweep.let_go(0, 1)
    out = second.communicate(timeout=180)[0]
    assert second.returncode == 0, out
    assert sweep.statuses() == {0: "ok", 1: "ok"}
    assert sorted(sweep.begun()) == [0, 1]


def test_ctrl_c_cancels_the_jobs(sweep, ask, eventually):
    process = sweep.start([0, 1])
    assert eventually(lambda: sweep.begun() == [0])
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert eventually(lambda: not ask("squeue", "--noheader"), 60)
    assert sweep.statuses() == {}
    assert list(sweep.results.rglob(".claim-*")) == []
