"""Jobs of Slurm, through submitit."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.cluster import job
from bench.cluster.dispatch import End
from bench.cluster.extras import need
from bench.config import RunConfig
from bench.errors import UsageError

_LOOK_S = 5.0  # between two questions to Slurm
_SPARE_MIN = 30  # of a job beyond its run's own limit: loading, exact neighbors
_STATUSES = {"TIMEOUT": "timeout", "OUT_OF_MEMORY": "out_of_memory"}  # of runs whose job ends so; else failed
_OVER = ("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "TIMEOUT")


class Slurm:
    """Submits jobs with the options of :class:`hydra_plugins.isolated_slurm.SlurmConf`.

    Raises
    ------
    UsageError
        submitit is not installed, or Slurm's commands are not.
    """

    name = "slurm"

    def __init__(self, **options: Any) -> None:
        self._submitit = need("submitit", "slurm", "hydra/launcher=isolated_slurm")
        if absent := [command for command in ("sbatch", "squeue", "srun") if shutil.which(command) is None]:
            raise UsageError(f"there is no {absent[0]} here; start the sweep on a machine that has Slurm's commands")
        self._options = {key: value for key, value in options.items() if value is not None}
        self._states = _States()
        self._jobs: list[_SlurmJob] = []

    def submit(self, texts: Sequence[str], config: RunConfig) -> list[_SlurmJob]:
        """One array of jobs; Slurm's own words, in a :class:`UsageError`, if it takes none."""
        options = dict(self._options)
        options.setdefault(
            "time", options.pop("timeout_min", None) or math.ceil(config.limits.time_s / 60) + _SPARE_MIN
        )
        options.setdefault("cpus_per_task", config.threads)
        memory = options.pop("mem_gb", None)
        if memory is not None:
            options["mem"] = memory
        executor = self._submitit.SlurmExecutor(folder=Path(config.results).absolute() / ".slurm")
        executor.update_parameters(job_name="bench", **options)
        try:
            submitted = executor.map_array(_run, texts)
        except self._submitit.core.utils.FailedJobError as error:
            said = str(error).strip().splitlines()
            raise UsageError(f"Slurm takes no job: {said[-1] if said else error}") from None
        jobs = [_SlurmJob(f"{self.name} {each.job_id}", each, self._states) for each in submitted]
        self._states.watch([each.job_id for each in submitted])
        self._jobs += jobs
        return jobs

    def close(self) -> None:
        """Cancel what still waits or runs."""
        if open_ := [each.id for each in self._jobs if not each.over]:
            subprocess.run(["scancel", *open_], check=False, capture_output=True)


def _run(text: str) -> tuple[str, str]:
    """On a node, called by submitit."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    name = f"{array}_{task}" if array else os.environ["SLURM_JOB_ID"]
    memory = os.environ.get("SLURM_MEM_PER_NODE")  # megabytes; 0 or nothing: all that there is
    return job.run(text, Slurm.name, name, float(memory) * 2**20 / 1e9 if memory and float(memory) else None)


@dataclass
class _SlurmJob:
    name: str
    submitted: Any
    states: _States
    over: bool = False

    @property
    def id(self) -> str:
        return self.submitted.job_id

    def ended(self) -> End | None:
        state = self.states.of(self.id)
        if self.submitted.paths.result_pickle.exists():
            end = self._result()
        elif state == "COMPLETED":
            end = End()  # what it left may be seen later
        elif state in _OVER or state == "":
            end = End(_STATUSES.get(state, "failed"), f"its job, {self.name}, {_said_of(state)}")
        else:
            return None
        self.over = True
        return end

    def _result(self) -> End:
        error = self.submitted.exception()
        if error is None:
            return End(*self.submitted.result())
        lines = [line.strip() for line in str(error).splitlines() if set(line.strip()) - set("-")]
        return End("failed", f"its job, {self.name}, failed: {lines[-1] if lines else error}")


def _said_of(state: str) -> str:
    return f"was ended by Slurm as {state}" if state else "is no longer known to Slurm"


@dataclass
class _States:
    """What Slurm says of the jobs, of all together and not too often. It needs no accounting."""

    ids: dict[str, str | None] = field(default_factory=dict)  # id -> state; None before the first answer
    last: float = -math.inf  # look at them, by the monotonic clock

    def watch(self, ids: Sequence[str]) -> None:
        self.ids |= dict.fromkeys(ids)

    def of(self, id_: str) -> str | None:
        """``PENDING``, ``RUNNING``, ...; empty once Slurm has forgotten the job, None while it does not answer."""
        if time.monotonic() - self.last > _LOOK_S:
            self.last = time.monotonic()
            self._ask()
        return self.ids[id_]

    def _ask(self) -> None:
        arrays = sorted({each.partition("_")[0] for each, state in self.ids.items() if state not in _OVER})
        for array in arrays:
            command = ["squeue", "--noheader", "--array", "--states=all", "--format=%i %T", f"--jobs={array}"]
            try:
                answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
            except subprocess.TimeoutExpired:
                continue
            if answer.returncode and "Invalid job id" not in answer.stderr:
                continue  # the controller is away for a while
            states = dict(line.split(maxsplit=1) for line in answer.stdout.splitlines())
            for each in self.ids:
                if each.partition("_")[0] == array:
                    self.ids[each] = states.get(each, "")
