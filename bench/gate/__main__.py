"""``python -m bench.gate --baseline RECORDS``: measure again what a baseline holds, and fail if it got worse."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import records
from bench.config import RunConfig
from bench.datasets.base import DatasetError
from bench.errors import UsageError
from bench.execution import runner
from bench.execution.naming import names_of, outcome_of
from bench.execution.plan import Plan, prepare
from bench.files import check_writable
from bench.gate import benchmark_file
from bench.gate.case import Case, read_cases
from bench.gate.verdict import Tolerance, Verdict, compare
from bench.options import OneLineParser
from bench.packages import say_left_out
from bench.progress import Progress
from bench.records import Record
from methods import MethodError

_QUICK_LATENCY_S = 0.1  # where time is not judged
_EPILOG = (
    "Exit status: 0 nothing got worse, 1 something did, 2 bad input. Recall, bytes and reconstruction error are "
    "deterministic under a seed, so they fail hard; time is left alone unless --max-slowdown is given."
)


def main() -> None:
    """Entry of the command."""
    parser = OneLineParser(prog="python -m bench.gate", description=__doc__, epilog=_EPILOG)
    parser.add_argument(
        "--baseline", required=True, metavar="RECORDS", help="folder, packed records, or pytest-benchmark .json"
    )
    parser.add_argument("--candidate", metavar="RECORDS", help="compare these instead of measuring again")
    parser.add_argument("--dataset", help="only cases of this data set")
    parser.add_argument("--methods", default="", metavar="A,B", help="only cases of these methods")
    parser.add_argument(
        "--max-drop", type=float, default=0.01, metavar="D", help="of a recall, absolute (default 0.01)"
    )
    parser.add_argument("--max-error-rise", type=float, default=0.02, metavar="D", help="relative (default 0.02)")
    parser.add_argument("--max-slowdown", type=float, metavar="R", help="of p50 over the reference's, e.g. 1.5")
    parser.add_argument("--reference", default="float32", help="method that time is measured against (default float32)")
    parser.add_argument("--json", metavar="FILE", help="write what was measured as a pytest-benchmark file")
    try:
        options = parser.parse_args()
        say_left_out("bench.gate")
        verdicts = _gate(options)
    except (UsageError, DatasetError, MethodError) as error:
        print(f"bench.gate: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    for verdict in verdicts:
        print(verdict.line())
    failed = sum(not verdict.passed for verdict in verdicts)
    print(f"gate: {len(verdicts) - failed} of {len(verdicts)} cases pass" + (f", {failed} FAIL" if failed else ""))
    sys.exit(1 if failed else 0)


def _gate(options: argparse.Namespace) -> list[Verdict]:
    tolerance = Tolerance(options.max_drop, options.max_error_rise, options.max_slowdown)
    wanted = {name for name in options.methods.split(",") if name}
    baseline = [
        case
        for case in read_cases(options.baseline, options.dataset)
        if not wanted or case.name.split("@")[0] in wanted
    ]
    if not baseline:
        raise UsageError(f"{options.baseline} has no runs of {', '.join(sorted(wanted))}")
    reference = next((case for case in baseline if case.name.split("@")[0] == options.reference), None)
    timed = options.max_slowdown is not None
    if timed and reference is None:
        raise UsageError(
            f"{options.baseline} has no {options.reference} to measure time against; name another --reference"
        )
    if options.candidate is not None:
        if options.json:
            raise UsageError("--json writes what is measured; leave out --candidate")
        candidate = {case.identity: case for case in read_cases(options.candidate, options.dataset)}
    else:
        candidate = _measure(baseline, timed, Path(options.json) if options.json else None)
    verdicts = []
    for case in baseline:
        slowdown = _slowdown(case, reference, candidate) if timed and reference is not None else None
        verdicts.append(compare(case, candidate.get(case.identity), tolerance, slowdown))
    return verdicts


def _slowdown(case: Case, reference: Case, candidate: dict[str, Case]) -> float | None:
    """p50 over the reference's now, as a ratio to what it was: other machines and other load cancel out."""
    after, reference_after = candidate.get(case.identity), candidate.get(reference.identity)
    times = [c.p50_ms if c else None for c in (after, reference_after, case, reference)]
    if any(not time for time in times):
        return None
    now, reference_now, before, reference_before = (float(time) for time in times if time)
    return (now / reference_now) / (before / reference_before)


def _measure(baseline: Sequence[Case], timed: bool, json_file: Path | None) -> dict[str, Case]:
    """The cases, measured now in a folder that goes away; all are prepared before the first one runs."""
    if json_file is not None:
        check_writable(json_file)
    with tempfile.TemporaryDirectory(prefix="bench-gate-") as folder:
        plans = [_plan(case, folder, timed) for case in baseline]
        measured: list[tuple[Record, Plan]] = []
        with Progress("gate", len(plans)) as progress:
            for name, plan in zip(names_of(plans), plans):
                progress.begin(name, functools.partial(runner.stage_of, plan))
                measured.append((runner.execute(plan), plan))
                progress.end(name, outcome_of(measured[-1][0]))
        if json_file is not None:
            good = [(record, plan) for record, plan in measured if record.status == "ok"]
            times = [records.read_queries(plan.folder)["milliseconds"] for _, plan in good]
            benchmark_file.write(json_file, [(record, ms) for (record, _), ms in zip(good, times)])
        return {case.identity: case for case in (Case.of_record(record) for record, _ in measured)}


def _plan(case: Case, folder: str, timed: bool) -> Plan:
    if case.config is None:
        raise UsageError(f"the baseline does not say how to run {case.name}; give --candidate")
    config = RunConfig.from_dict(case.config)
    latency_s = config.latency_s if timed else _QUICK_LATENCY_S
    plan = prepare(dataclasses.replace(config, results=folder, jobs=1, rerun=False, latency_s=latency_s))
    if plan.dataset.checksum not in case.identity:
        raise UsageError(f"{plan.dataset.name} is not what {case.name} was recorded on; record the baseline anew")
    return plan


if __name__ == "__main__":
    main()
