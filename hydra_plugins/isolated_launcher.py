"""Hydra launcher of a sweep. It stands here because Hydra takes launchers from the package ``hydra_plugins`` only.

The harness is imported when a sweep starts: other Hydra programs in the same environment import this file too.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict, read_write


class IsolatedLauncher(Launcher):
    """Hands all runs of a sweep to ``bench.sweep``, which gives each a process of its own."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from bench import sweep

        sweep.run((self._plan(list(overrides)) for overrides in job_overrides), len(job_overrides))
        return []

    def _plan(self, overrides: list[str]) -> Any:
        """The task function's checked run for these overrides, called as Hydra's own launchers call it."""
        config = self.context.config_loader.load_sweep_config(self.config, overrides)
        HydraConfig.instance().set_config(config)
        task_config = copy.deepcopy(config)
        with read_write(task_config), open_dict(task_config):
            del task_config["hydra"]
        return self.task_function(task_config)


ConfigStore.instance().store(
    group="hydra/launcher",
    name="isolated",
    node={"_target_": "hydra_plugins.isolated_launcher.IsolatedLauncher"},
    provider="vector-compression-bench",
)
