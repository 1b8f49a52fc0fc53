"""A sweep through a cluster's jobs: records come back, what is lost is recorded and measured by the next sweep."""

import dataclasses
import json
import os
import platform
import signal
import time

import pytest

from bench.cluster import dispatch, job
from bench.errors import UsageError
from bench.execution import claims, sweep
from bench.execution.claims import Holder

pytestmark = pytest.mark.usefixtures("in_this_process")


def theirs(plan):
    """The claim of a run by a process on another machine."""
    plan.folder.parent.mkdir(parents=True, exist_ok=True)
    path = plan.folder.parent / f".claim-{plan.folder.name}"
    path.write_text(json.dumps(dataclasses.asdict(dataclasses.replace(Holder.this(), machine="node7/1"))))
    return path


@pytest.mark.thorough
def test_records_come_back_with_the_node_that_measured_them(plans, cluster):
    here = cluster()
    done = sweep.run(plans("sign", "int8"), execute=dispatch.through(here))
    assert [record.status for record in done.records] == ["ok", "ok"]
    nodes = [record.environment["node"] for record in done.records]
    assert nodes == [{"name": platform.node(), "scheduler": "slurm", "job": str(number)} for number in range(2)]
    assert here.closed


@pytest.mark.thorough
def test_a_lost_job_is_recorded_and_the_next_sweep_measures_it_alone(plans, cluster):
    killed = cluster({0: lambda: dispatch.End("failed", "its job was killed")})
    done = sweep.run(plans("sign", "int8"), execute=dispatch.through(killed))
    assert [(record.status, record.reason) for record in done.records] == [("failed", "its job was killed"), ("ok", "")]
    again = cluster()
    done = sweep.run(plans("sign", "int8"), execute=dispatch.through(again))
    assert [record.status for record in done.records] == ["ok", "ok"]
    assert (again.submitted, done.reused) == (1, 1)


def test_the_claim_of_a_killed_job_does_not_block(plans, cluster):
    (plan,) = plans("sign")
    path = theirs(plan)
    path.write_text(path.read_text().replace('"job": ""', '"job": "slurm 0"'))
    killed = cluster({0: lambda: dispatch.End("timeout", "too long")})
    (record,) = sweep.run([plan], execute=dispatch.through(killed)).records
    assert record.status == "timeout"


@pytest.mark.thorough
def test_what_another_sweep_measures_is_waited_for(plans, cluster, monkeypatch):
    (plan,) = plans("sign")
    path, looks, known = theirs(plan), [], claims.holder

    def ends_after_a_while(folder):
        looks.append(folder)
        if len(looks) == 5:
            path.unlink()  # it died: a new job measures the run
        return known(folder)

    monkeypatch.setattr(claims, "holder", ends_after_a_while)
    here = cluster()
    (record,) = sweep.run([plan], execute=dispatch.through(here)).records
    assert (record.status, here.submitted) == ("ok", 2)


def test_a_job_without_a_record_says_what_has_to_be_shared(plans, cluster, monkeypatch):
    monkeypatch.setattr(dispatch, "_LATE_S", 0.05)
    (record,) = sweep.run(plans("sign"), execute=dispatch.through(cluster({0: dispatch.End}))).records
    assert record.status == "failed"
    assert "a folder that all nodes share" in record.reason


def test_a_node_with_another_version_or_other_data_refuses(plans):
    (plan,) = plans("sign")
    text = json.loads(job.text_of([plan]))
    text["runs"][0]["key"] = "another"
    status, reason = job.run(json.dumps(text), "slurm", "1")
    assert status == "failed"
    assert "the same version of the program" in reason
    assert f"slurm job 1 on {platform.node()}" in reason


def test_a_node_without_the_folder_says_so(plans, tmp_path):
    text = json.loads(job.text_of(plans("sign"))) | {"folder": str(tmp_path / "gone")}
    assert "start it in a folder that all nodes share" in job.run(json.dumps(text), "slurm", "1")[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR2])
def test_a_scheduler_s_signal_ends_a_job_without_a_record(plans, monkeypatch, number):
    (plan,) = plans("sign")
    text = job.text_of([plan])

    def run(*_):
        os.kill(os.getpid(), number)
        time.sleep(10)

    monkeypatch.setattr(job.runner, "run_isolated", run)
    if number == signal.SIGTERM:
        with pytest.raises(SystemExit):
            job.run(text, "slurm", "1")
    else:
        status, reason = job.run(text, "slurm", "1")
        assert (status, "raise hydra.launcher.timeout_min" in reason) == ("timeout", True)
    assert list(plan.folder.parent.iterdir()) == []  # no record, nor a claim, nor a work folder


def test_a_job_s_memory_bounds_its_runs(plans):
    (plan,) = plans("sign")
    job.run(job.text_of([plan]), "slurm", "1", memory=2.0)
    assert json.loads((plan.folder / "record.json").read_text())["config"]["limits"]["memory_gb"] == 1.8


def test_jobs_side_by_side_are_for_one_machine(plans, cluster):
    with pytest.raises(UsageError, match="jobs=2 is for sweeps on one machine; slurm decides"):
        sweep.run(plans("sign", jobs=2), execute=dispatch.through(cluster()))
