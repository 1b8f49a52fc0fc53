"""What is made of Slurm's answers, by a squeue that says what a test wants."""

from types import SimpleNamespace

import pytest

from bench.cluster import slurm
from bench.cluster.dispatch import End


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    """``squeue(lines, status, errors)``: what the command says from now on."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(slurm, "_LOOK_S", -1.0)

    def say(lines, status=0, errors=""):
        (tmp_path / "squeue").write_text(f"#!/bin/sh\nprintf '{lines}'\nprintf '{errors}' >&2\nexit {status}\n")
        (tmp_path / "squeue").chmod(0o755)

    return say


@pytest.fixture
def jobs(tmp_path):
    """Three jobs of an array, none of which has left a result."""
    states = slurm._States()
    states.watch(["7_0", "7_1", "7_2"])
    paths = SimpleNamespace(result_pickle=tmp_path / "result")
    return [slurm._SlurmJob(f"slurm 7_{i}", SimpleNamespace(job_id=f"7_{i}", paths=paths), states) for i in range(3)]


def test_states_tell_which_jobs_were_lost_and_how(squeue, jobs):
    squeue("7_0 RUNNING\\n7_1 PENDING\\n7_2 CANCELLED\\n")
    ended = [job.ended() for job in jobs]
    assert ended == [None, None, End("failed", "its job, slurm 7_2, was ended by Slurm as CANCELLED")]
    squeue("7_0 TIMEOUT\\n7_1 OUT_OF_MEMORY\\n7_2 CANCELLED\\n")
    assert [job.ended().status for job in jobs[:2]] == ["timeout", "out_of_memory"]
    assert all(job.over for job in jobs)


def test_a_job_may_be_over_before_its_result_is_seen(squeue, jobs):
    squeue("7_0 COMPLETED\\n")
    assert jobs[0].ended() == End()


def test_a_job_that_slurm_has_forgotten_is_lost(squeue, jobs):
    squeue("", 1, "slurm_load_jobs error: Invalid job id specified")
    assert jobs[0].ended() == End("failed", "its job, slurm 7_0, is no longer known to Slurm")


def test_a_controller_that_is_away_loses_nothing(squeue, jobs):
    squeue("", 1, "Unable to contact slurm controller")
    assert jobs[0].ended() is None
    squeue("7_0 NODE_FAIL\\n7_1 RUNNING\\n7_2 RUNNING\\n")
    assert jobs[0].ended().status == "failed"


def test_a_result_goes_before_what_slurm_says(squeue, jobs, tmp_path):
    squeue("7_0 COMPLETED\\n")
    (tmp_path / "result").touch()
    jobs[0].submitted.exception = lambda: None
    jobs[0].submitted.result = lambda: ("", "")
    assert jobs[0].ended() == End()
    jobs[1].submitted.exception = lambda: RuntimeError("Traceback\n-----\nValueError: broken\n")
    assert jobs[1].ended() == End("failed", "its job, slurm 7_1, failed: ValueError: broken")
