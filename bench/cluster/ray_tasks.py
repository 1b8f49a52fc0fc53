"""Tasks of Ray. Ray repeats those of a node that was lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.cluster import job
from bench.cluster.dispatch import End
from bench.cluster.ray_connection import connect
from bench.config import RunConfig
from bench.errors import UsageError

_TRIES = 10  # of a task whose node or process is lost


class RayTasks:
    """Submits tasks with the options of :class:`hydra_plugins.isolated_ray.RayConf`.

    Raises
    ------
    UsageError
        As :func:`connect`.
    """

    name = "ray"

    def __init__(self, address: str | None = None, cpus_per_task: int | None = None) -> None:
        self._ray = connect("hydra/launcher=isolated_ray", address)
        self._cpus = cpus_per_task
        self._jobs: list[_RayJob] = []

    def submit(self, texts: Sequence[str], config: RunConfig) -> list[_RayJob]:
        """A task each; it takes a node for itself unless a number of processors was given."""
        nodes = [int(node["Resources"].get("CPU", 0)) for node in self._ray.nodes() if node["Alive"]]
        cpus = self._cpus or min((count for count in nodes if count), default=1)
        if cpus > max(nodes, default=0):
            raise UsageError(f"hydra.launcher.cpus_per_task={cpus} is more than a node has; use at most {max(nodes)}")
        task = self._ray.remote(num_cpus=cpus, max_retries=_TRIES)(_run)
        refs = [task.remote(text) for text in texts]
        jobs = [_RayJob(f"{self.name} {ref.task_id().hex()}", ref, self._ray) for ref in refs]
        self._jobs += jobs
        return jobs

    def close(self) -> None:
        """Cancel what still waits or runs, and leave the cluster."""
        for each in self._jobs:
            if not each.over:
                self._ray.cancel(each.ref, force=True)
        self._ray.shutdown()


def _run(text: str) -> tuple[str, str]:
    """On a node, called by Ray."""
    import ray

    return job.run(text, RayTasks.name, ray.get_runtime_context().get_task_id())


@dataclass
class _RayJob:
    name: str
    ref: Any
    ray: Any
    over: bool = False

    def ended(self) -> End | None:
        if not self.ray.wait([self.ref], timeout=0)[0]:
            return None
        self.over = True
        try:
            return End(*self.ray.get(self.ref))
        except Exception as error:  # whatever the task raised, or Ray of a node that is lost for good
            lines = str(error).strip().splitlines()
            return End("failed", f"its task failed: {lines[-1].strip() if lines else type(error).__name__}")
