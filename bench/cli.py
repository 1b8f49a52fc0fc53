"""Runs and sweeps: what Hydra makes of ``key=value``."""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf.errors import OmegaConfBaseException

from bench import composition, named_files, own_configs
from bench.arguments import in_order, is_sweep
from bench.execution import runner, sweep
from bench.execution.plan import Plan
from bench.records import FAILURES, Record

BAD_INPUT, FAILED = 2, 1


def main() -> None:
    """Run or sweep. Exit status 0 good, 1 if a run failed, 2 for bad input, 130 if interrupted."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # makes Hydra raise instead of print: errors become one line here
    results: list[Record] = []
    sweeps: list[sweep.Sweep] = []
    try:
        sys.argv[1:] = words = in_order(named_files.named(sys.argv[1:]))
        if any(word.startswith(("-", "hydra.mode=")) for word in words[is_sweep(words) :]):
            results, sweeps = _through_hydra()
        elif is_sweep(words):
            sweeps = composition.run_sweep(words[1:])
        else:
            results = [runner.run(composition.plan_of(words))]
    except KeyboardInterrupt:
        _exit("interrupted; start the same command again to go on where it stopped", 130)
    except (*composition.USER_ERRORS, HydraException, OmegaConfBaseException, OSError) as error:
        _exit(composition.one_line(error, sys.argv[1:]), BAD_INPUT)
    _report(results, sweeps)


def _through_hydra() -> tuple[list[Record], list[sweep.Sweep]]:
    """A run or a sweep with Hydra's own flags (``--cfg job``, ``--config-dir mine``), which composes it twice."""
    results: list[Record] = []
    problems: list[Exception] = []

    def task(config: Any) -> Plan | None:
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            return composition.plan(config)  # the launcher executes it
        try:
            results.append(runner.run(composition.plan(config)))
        except composition.USER_ERRORS as error:  # if raised here, Hydra would print lines of its own about it
            problems.append(error)
        return None

    own_configs.quieten()
    composition.register_configs()
    options = {"version_base": composition.VERSION_BASE, "config_name": composition.CONFIG_NAME}
    hydra.main(config_path="pkg://conf", **options)(task)()
    if problems:
        raise problems[0]
    return results, sweep.SWEEPS


def _report(results: list[Record], sweeps: list[sweep.Sweep]) -> None:
    """Print the results and exit with their status."""
    from bench.report import tables

    if results:
        tables.print_record(results[0])
        failed = results[0].status != "ok"
    else:
        records = [record for done in sweeps for record in done.records]
        if not records:
            return  # --help, --cfg and the like
        left_out = sorted({name for done in sweeps for name in done.left_out})
        tables.print_sweep(records, sum(done.reused for done in sweeps), left_out=left_out)
        failed = any(record.status in FAILURES for record in records)
    sys.exit(FAILED if failed else 0)


def _exit(message: str, status: int) -> NoReturn:
    print(f"bench: {message}", file=sys.stderr)
    sys.exit(status)
