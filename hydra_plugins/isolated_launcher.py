"""Hydra launcher and sweeper. They stand here because Hydra takes plugins from the package ``hydra_plugins`` only.

The harness is imported when a sweep starts: other Hydra programs in the same environment import this file too.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper, BasicSweeperConf
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

_PLAIN = ("budget=", "seed=", "rescore=")  # numbers and words of a run that choose no config file


class UncheckedSweeper(BasicSweeper):
    """Hydra's own, less its composing of all runs before the launcher, which composes and checks them before any."""

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        pass


class IsolatedLauncher(Launcher):
    """Hands all runs of a sweep to ``bench.execution.sweep``, which gives each a process of its own."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.context, self.task_function, self.config = hydra_context, task_function, config
        self._composed: dict[tuple[str, ...], DictConfig] = {}

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from bench.execution import sweep

        execute = self._elsewhere()  # before the runs are prepared, which takes a while
        sweep.run((self._plan(list(overrides)) for overrides in job_overrides), len(job_overrides), execute)
        return []

    def _elsewhere(self) -> Any:
        """What executes runs on other machines (:class:`bench.execution.sweep.Execute`); None: this machine does."""

    def _plan(self, overrides: list[str]) -> Any:
        """The task function's checked run for these overrides, called as Hydra's own launchers call it."""
        config = self._compose(overrides)
        HydraConfig.instance().set_config(config)
        task_config = copy.deepcopy(config)
        with read_write(task_config), open_dict(task_config):
            del task_config["hydra"]
        return self.task_function(task_config)

    def _compose(self, overrides: list[str]) -> DictConfig:
        """As Hydra composes, which takes a while: once for runs that differ in budget, seed and rescoring alone."""
        plain = [override for override in overrides if override.startswith(_PLAIN)]
        others = tuple(override for override in overrides if override not in plain)
        if others not in self._composed:
            self._composed[others] = self.context.config_loader.load_sweep_config(self.config, list(others))
        config = copy.deepcopy(self._composed[others])
        try:
            for override in OverridesParser.create().parse_overrides(plain):
                OmegaConf.update(config, override.key_or_group, override.value())
        except OmegaConfBaseException:  # Hydra words it better
            return self.context.config_loader.load_sweep_config(self.config, overrides)
        return config


ConfigStore.instance().store(
    group="hydra/launcher",
    name="isolated",
    node={"_target_": "hydra_plugins.isolated_launcher.IsolatedLauncher"},
    provider="vector-compression-bench",
)
ConfigStore.instance().store(
    group="hydra/sweeper",
    name="unchecked",
    node=dataclasses.replace(BasicSweeperConf(), _target_="hydra_plugins.isolated_launcher.UncheckedSweeper"),
    provider="vector-compression-bench",
)
