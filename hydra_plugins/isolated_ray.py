"""``hydra/launcher=isolated_ray``: the runs of a sweep as tasks of Ray, each in a process of its own."""

# No postponed annotations: Hydra loads this file in a way in which dataclasses cannot resolve them.
from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore

from hydra_plugins.isolated_launcher import IsolatedLauncher


@dataclass
class RayConf:
    """Options of tasks (``hydra.launcher.address=10.0.0.1:6379``).

    Attributes
    ----------
    address : str or None
        Of the cluster; None is the one that this machine is part of (or that ``RAY_ADDRESS`` names), and this machine
        alone where there is none.
    cpus_per_task : int or None
        Of a run; None is all of a node (of the smallest, where nodes differ), so that runs do not share one and
        disturb each other's times.
    """

    _target_: str = "hydra_plugins.isolated_ray.IsolatedRayLauncher"
    address: str | None = None
    cpus_per_task: int | None = None


class IsolatedRayLauncher(IsolatedLauncher):
    """Hands the runs of a sweep to Ray."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    def _elsewhere(self) -> Any:
        from bench.cluster.dispatch import through
        from bench.cluster.ray_tasks import RayTasks

        return through(RayTasks(**self.options))


ConfigStore.instance().store(
    group="hydra/launcher", name="isolated_ray", node=RayConf, provider="vector-compression-bench"
)
