"""From options to a run's configuration: Hydra composes them with ``conf/``, for the command line and for Python."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra import initialize_config_module
from hydra._internal.hydra import Hydra
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from hydra.version import VersionBase
from omegaconf import OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from bench import own_configs
from bench.arguments import for_sweep
from bench.config import NO_ENGINE, RAY, RunConfig
from bench.config_errors import explain
from bench.datasets.base import DatasetError
from bench.engines import adaptors
from bench.errors import UsageError
from bench.execution import sweep
from bench.execution.plan import Plan, prepare
from bench.index_options import INDEXES
from bench.packages import say_left_out
from methods import MethodError, registry
from methods.kernels.errors import KernelError

VERSION_BASE, CONFIG_NAME = "1.3", "config"
USER_ERRORS = (UsageError, DatasetError, MethodError, KernelError)


def plan_of(overrides: Sequence[str]) -> Plan:
    """The checked run that ``python -m bench OVERRIDES`` executes.

    Raises
    ------
    UsageError, DatasetError, MethodError
        For what cannot work; one line that says what would be right.
    """
    with _hydra(overrides, one_run=True) as hydra:
        config = hydra.compose_config(CONFIG_NAME, list(overrides), RunMode.RUN, from_shell=False)
        if config.hydra.mode == RunMode.MULTIRUN:
            raise UsageError("this experiment is a sweep; bench.sweep measures it")
        own_configs.look_at(config.hydra)
        with open_dict(config):
            del config["hydra"]
        return prepare(run_config(config))


def run_sweep(overrides: Sequence[str]) -> list[sweep.Sweep]:
    """Execute what ``python -m bench -m OVERRIDES`` does.

    Raises
    ------
    UsageError, DatasetError, MethodError
        For what cannot work; one line that says what would be right.
    """
    before = len(sweep.SWEEPS)
    try:
        with _hydra(overrides) as hydra:
            hydra.multirun(CONFIG_NAME, plan, for_sweep(overrides), with_log_configuration=False)
        return sweep.SWEEPS[before:]
    finally:
        del sweep.SWEEPS[before:]


def plan(config: Any) -> Plan:
    """The checked run of a configuration that Hydra composed; a sweep's launcher executes it."""
    own_configs.look_at(HydraConfig.get())
    return prepare(run_config(config))


def run_config(config: Any) -> RunConfig:
    """A composed configuration (``DictConfig``, without Hydra's own part) as the dataclass."""
    values = OmegaConf.to_container(config, resolve=True)
    assert isinstance(values, dict)
    values.pop("experiment", None)
    return RunConfig.from_dict({str(key): value for key, value in values.items()})


_stored: dict[tuple[str, str], dict[str, Any]] = {}


def register_configs(overrides: Sequence[str] | None = None) -> None:
    """The schema, and ``method=NAME`` for every registered method, with its parameters and their defaults, and
    ``engine=NAME`` and ``engine=NAME:SCHEME`` for every engine that can be measured, and ``index=NAME``.

    Parameters
    ----------
    overrides : sequence of str, optional
        Only the methods (and engines) that these name, if they are ours and named one by one: a run of one method
        waits for the modules of no other.
    """
    methods = None if overrides is None else _methods_named(overrides)
    if methods is None:
        say_left_out()
        methods = registry.names(None)
    ConfigStore.instance().store(name="schema", node=RunConfig)
    for name in methods:
        _store("method", name, registry.parameters(name))
    _store("engine", NO_ENGINE, {})
    _store("engine", RAY, {"address": None})
    for name, own in INDEXES.items():
        _store("index", name, own)
    if overrides is None or any("engine" in override for override in overrides):
        _store_engines()


def _methods_named(overrides: Sequence[str]) -> list[str] | None:
    """The methods that overrides name, if all are of this package; None for patterns and whatever else Hydra reads."""
    given = [word for word in overrides if word.lstrip("+~").startswith(("method=", "method@", "experiment="))]
    names = given[0].removeprefix("method=").strip("'").split(",") if len(given) == 1 else []
    return names if names and all(map(registry.is_own, names)) else None


def _store_engines() -> None:
    options = {"scheme": None, "search": None}
    for name in adaptors.runnable():
        _store("engine", name, options)
    for short, scheme in adaptors.short_names():
        _store("engine", short, {**options, "scheme": scheme}, name=short.partition(":")[0])


def _store(group: str, chosen: str, options: Mapping[str, Any], name: str = "") -> None:
    """``group=CHOSEN`` in Hydra's store, which takes milliseconds for each and keeps them: once for equal options."""
    store, node = ConfigStore.instance(), {"name": name or chosen, **options}
    if _stored.get((group, chosen)) != node or f"{chosen}.yaml" not in store.repo.get(group, {}):
        store.store(group=group, name=chosen, node=node)
        _stored[group, chosen] = node


def one_line(error: Exception, overrides: Sequence[str]) -> str:
    """An error that is the user's to mend in one line; ``overrides`` are the options that were given."""
    if isinstance(error, (HydraException, OmegaConfBaseException)):
        text = explain(error, overrides)
    elif isinstance(error, OSError):  # a folder that Hydra makes for a sweep, or a run's own; or the disk is full
        where = f"{error.filename}: " if error.filename else ""
        text = f"{where}{error.strerror or error}; free space there or choose another folder with results=DIR"
    else:
        text = str(error).replace(" column=", " dataset.column=")
    return " ".join(text.split())


@contextlib.contextmanager
def _hydra(overrides: Sequence[str], one_run: bool = False) -> Iterator[Hydra]:
    """Hydra with this package's configuration; a program that uses Hydra itself finds its own as it left it."""
    theirs, base, config = GlobalHydra.instance().hydra, VersionBase.instance().getbase(), HydraConfig.instance().cfg
    GlobalHydra.instance().clear()
    try:
        with warnings.catch_warnings():
            own_configs.quieten()
            register_configs(overrides if one_run else None)  # a sweep is composed with the default method first
            initialize_config_module("conf", job_name="bench", version_base=VERSION_BASE)
            hydra = GlobalHydra.instance().hydra
            assert hydra is not None
            yield hydra
    except (HydraException, OmegaConfBaseException, OSError, DatasetError) as error:
        message = one_line(error, overrides)
        raise (DatasetError if isinstance(error, DatasetError) else UsageError)(message) from None
    finally:
        GlobalHydra.instance().hydra, HydraConfig.instance().cfg = theirs, config
        VersionBase.instance().version_base = base
