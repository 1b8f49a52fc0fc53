"""``hydra/launcher=isolated_slurm``: the runs of a sweep as jobs of Slurm, each in a process of its own."""

# No postponed annotations: Hydra loads this file in a way in which dataclasses cannot resolve them.
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore

from hydra_plugins.isolated_launcher import IsolatedLauncher


@dataclass
class SlurmConf:
    """Options of sbatch (``hydra.launcher.partition=long``).

    Attributes
    ----------
    partition, account, qos, constraint : str or None
        Slurm's own where None.
    timeout_min : int or None
        Of a job; ``limits.time_s`` and half an hour where None.
    cpus_per_task : int or None
        ``threads`` where None.
    mem_gb : float or None
        Of a job. A run may use nine tenths of it, unless ``limits.memory_gb`` says otherwise.
    exclusive : bool
        Whether a job has its node to itself. Jobs that share one disturb each other's times.
    array_parallelism : int
        Most jobs at a time.
    setup : list of str
        Lines of shell before a run: ``[module load python]``.
    additional_parameters : dict
        Other options of sbatch by name: ``{nodelist: node7}``.
    """

    _target_: str = "hydra_plugins.isolated_slurm.IsolatedSlurmLauncher"
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    timeout_min: int | None = None
    cpus_per_task: int | None = None
    mem_gb: float | None = None
    exclusive: bool = True
    array_parallelism: int = 256
    setup: list[str] = field(default_factory=list)
    additional_parameters: dict[str, Any] = field(default_factory=dict)


class IsolatedSlurmLauncher(IsolatedLauncher):
    """Hands the runs of a sweep to Slurm."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    def _elsewhere(self) -> Any:
        from bench.cluster.dispatch import through
        from bench.cluster.slurm import Slurm

        return through(Slurm(**self.options))


ConfigStore.instance().store(
    group="hydra/launcher", name="isolated_slurm", node=SlurmConf, provider="vector-compression-bench"
)
