"""The Hydra entry: ``python -m bench key=value``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from bench.arguments import in_order
from bench.config import RunConfig
from bench.config_errors import explain
from bench.datasets.base import DatasetError
from bench.errors import UsageError
from bench.execution import runner, sweep
from bench.execution.plan import Plan, prepare
from bench.records import FAILURES, Record
from methods import MethodError, registry
from methods.kernels.errors import KernelError

BAD_INPUT, FAILED = 2, 1
_USER_ERRORS = (UsageError, DatasetError, MethodError, KernelError)


def main() -> None:
    """Run or sweep. Exit status 0 good, 1 if a run failed, 2 for bad input, 130 if interrupted."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises instead of printing, so that errors become one line here
    results: list[Record] = []
    problems: list[Exception] = []

    def task(config: Any) -> Plan | None:
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            return prepare(_run_config(config))  # the launcher executes it
        try:
            results.append(_run_one(_run_config(config)))
        except _USER_ERRORS as error:  # raised from here, Hydra would print lines of its own about it
            problems.append(error)
        return None

    try:
        sys.argv[1:] = in_order(sys.argv[1:])
        _register_configs()
        hydra.main(version_base="1.3", config_path="pkg://conf", config_name="config")(task)()
        if problems:
            raise problems[0]
    except KeyboardInterrupt:
        _exit("interrupted; start the same command again to go on where it stopped", 130)
    except _USER_ERRORS as error:
        _exit(str(error).replace(" column=", " dataset.column="), BAD_INPUT)
    except (HydraException, OmegaConfBaseException) as error:
        _exit(explain(error), BAD_INPUT)
    except OSError as error:  # a folder that Hydra makes for a sweep, or a run's own; the disk may have become full
        where = f"{error.filename}: " if error.filename else ""
        _exit(
            f"{where}{error.strerror or error}; free space there or choose another folder with results=DIR", BAD_INPUT
        )
    _report(results)


def _run_one(config: RunConfig) -> Record:
    plan = prepare(config)
    if plan.infeasible is not None:
        raise plan.infeasible
    return runner.execute(plan)


def _run_config(config: Any) -> RunConfig:
    values = OmegaConf.to_container(config, resolve=True)
    assert isinstance(values, dict)
    values.pop("experiment", None)
    return RunConfig.from_dict({str(key): value for key, value in values.items()})


def _register_configs() -> None:
    """The schema, and a config for every method that brings no file (those from entry points)."""
    store = ConfigStore.instance()
    store.store(name="schema", node=RunConfig)
    here = Path(__file__).resolve().parents[1] / "conf" / "method"
    for name in registry.names(None):
        if not (here / f"{name}.yaml").exists():
            store.store(group="method", name=name, node={"name": name, **registry.parameters(name)})


def _report(results: list[Record]) -> None:
    """Print what was found and end with the exit status that it deserves."""
    from bench.report import tables

    if results:
        tables.print_record(results[0])
        failed = results[0].status != "ok"
    else:
        records = [record for done in sweep.SWEEPS for record in done.records]
        if not records:
            return  # --help, --cfg and the like
        left_out = sorted({name for done in sweep.SWEEPS for name in done.left_out})
        tables.print_sweep(records, sum(done.reused for done in sweep.SWEEPS), left_out=left_out)
        failed = any(record.status in FAILURES for record in records)
    sys.exit(FAILED if failed else 0)


def _exit(message: str, status: int) -> NoReturn:
    print(f"bench: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(status)
