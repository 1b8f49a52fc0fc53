"""Runs: from a configuration to a record on disk; nothing is measured twice."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import platform
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bench import datasets, records
from bench.datasets.diagnosis import diagnose
from bench.execution import claims, stage
from bench.execution.isolate import Outcome, run_isolated
from bench.execution.naming import names_of
from bench.execution.plan import Plan
from bench.execution.subject import label
from bench.execution.turns import Turns
from bench.execution.worker import TRACEBACK_FILE
from bench.hybrid_options import HYBRID
from bench.measure import environment
from bench.processes import removed_with_this
from bench.progress import Progress
from bench.records import BudgetInfo, MethodInfo, Record, Status
from bench.tracks import track_of
from bench.tracks.measurement import TRUTH_K

_POLL_S = 1.0  # between looks whether another process has ended


def run(plan: Plan) -> Record:
    """As :func:`execute`, for a single run: an infeasible one is an error, not a record.

    Raises
    ------
    MethodError
        The reason in :attr:`Plan.infeasible`.
    """
    if plan.infeasible is not None:
        raise plan.infeasible
    (name,) = names_of([plan])
    with Progress("bench", 1, lines=False, leave=False) as progress:
        progress.begin(name, lambda: stage_of(plan))
        return execute(plan)


def stage_of(plan: Plan) -> str:
    """What a run is at, on whatever machine; empty before and after it."""
    if text := stage.read(_work_path(plan.folder)):
        return text
    known = claims.holder(plan.folder)
    if known is None or known.pid == os.getpid():
        return ""
    texts = (stage.read(work) for work in _works(plan.folder))
    return f"{next(filter(None, texts), 'starts')} on {known}"


def finished(plan: Plan) -> Record | None:
    """The record of an earlier run with the same key, unless it has to be measured again."""
    return plan.reusable(plan.folder)


def execute(plan: Plan, turns: Turns | None = None) -> Record:
    """The finished record of ``plan``: measured now unless it is on disk already, or another process measures it.

    ``turns`` is shared with the runs of the same sweep that other threads execute meanwhile.
    """
    waits = Turns() if turns is None else turns
    while (record := attempt(plan, turns)) is None:
        waits.pause(_POLL_S)
    return record


def attempt(plan: Plan, turns: Turns | None = None) -> Record | None:
    """As :func:`execute`; None at once while another process measures the run."""
    if (record := finished(plan)) is not None:
        return record
    with claims.claimed(plan.folder) as claim:
        if claim is None:
            return None
        return finished(plan) or plan.measured_meanwhile() or _measure(plan, turns, claim)


def fail(plan: Plan, status: Status, reason: str) -> Record | None:
    """Record that a run ended without a record of its own; None while another process measures it."""
    with claims.claimed(plan.folder) as claim:
        if claim is None:
            return None
        record = finished(plan) or plan.measured_meanwhile()
        if record is None:
            record = _record(plan, Outcome(status, reason, None, 0, 0.0))
            records.write(record, plan.folder)
        return record


def _measure(plan: Plan, turns: Turns | None, claim: claims.Claim) -> Record | None:
    """None if another process has taken this one for dead meanwhile, and measures the run too."""
    if plan.infeasible is not None:
        record = _record(plan, Outcome("skipped", str(plan.infeasible), None, 0, 0.0))
        records.write(record, plan.folder)
        return record
    if (shared := _shared(plan)) is not None:
        return shared
    find_truth(plan)
    # An engine's data may be large, and no later run may come to remove them.
    kept = removed_with_this if plan.subject.is_engine else contextlib.nullcontext
    with _work_folder(plan.folder) as work, kept(work):
        job = {"config": plan.config.to_dict(), "code_bytes": plan.code_bytes, "modules": plan.modules}
        memory_share = 1.0 if turns is None else 1 / plan.config.jobs
        outcome = run_isolated(job, work, plan.config.limits, plan.config.threads, turns, memory_share)
        queries = work / records.QUERIES_FILE
        has_queries = outcome.status == "ok"
        record = _record(plan, outcome, records.file_sha256(queries) if has_queries else None)
        if not claim.is_held:
            return None
        records.write(record, plan.folder, queries if has_queries else None)
        if (trace := work / TRACEBACK_FILE).exists():
            os.replace(trace, plan.folder / TRACEBACK_FILE)
        else:
            (plan.folder / TRACEBACK_FILE).unlink(missing_ok=True)
    return record


def find_truth(plan: Plan) -> None:
    """Compute the data set's ground truth and the diagnosis of its vectors into the cache: here they count neither in a
    run's time nor in its memory. Where several processes need it, one computes it; of a base in shards, they do."""
    if not isinstance(plan.dataset, datasets.ClickDataset) and not plan.config.is_sharded:
        name = f"{plan.dataset.checksum[:40]}-{plan.dataset.metric}"
        with claims.in_turn(datasets.cache_dir() / "ground-truth" / name):
            datasets.ground_truth(plan.dataset, TRUTH_K)
        diagnose(plan.dataset)


def _shared(plan: Plan) -> Record | None:
    """The record of ``plan`` copied from a run at another budget that led to the same codec, if there is one."""
    if plan.config.rerun or plan.config.scenario["name"] == HYBRID:  # whose other code has the whole budget
        return None
    subject = plan.subject
    for folder in sorted(plan.folder.parent.glob("[!.]*")):
        finished = records.read_finished(folder)
        if finished is None or finished.status != "ok" or finished.key != plan.key_at(finished.budget.bytes):
            continue
        queries = folder / records.QUERIES_FILE
        same = finished.bytes is not None and finished.bytes.code == plan.code_size
        same = same and subject.comparable(finished.method.params) == subject.comparable(plan.params)
        if not same or not queries.exists() or records.file_sha256(queries) != finished.queries_sha256:
            continue
        with _work_folder(plan.folder) as work:
            copy = Path(shutil.copyfile(queries, work / records.QUERIES_FILE))
            record = dataclasses.replace(
                finished,
                key=plan.key,
                reason=f"the same codec as at budget {finished.budget.requested}, measured there",
                budget=_budget(plan),
                config=plan.config.to_dict(),
            )
            records.write(record, plan.folder, copy)
        return record
    return None


def _budget(plan: Plan) -> BudgetInfo:
    unused = None if plan.code_size is None else plan.code_bytes - plan.code_size
    return BudgetInfo(plan.config.budget, plan.code_bytes, unused)


@contextlib.contextmanager
def _work_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder of this process beside ``folder``; those of runs that died, on any machine, are removed."""
    for stale in _works(folder):
        shutil.rmtree(stale, ignore_errors=True)
    _remove_works(folder.parent)
    work = _work_path(folder)
    work.mkdir()
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def clear_up(plans: Iterable[Plan]) -> None:
    """Remove what processes that died left beside the folders of these runs: claims and temporary folders."""
    for parent in dict.fromkeys(plan.folder.parent for plan in plans):
        with contextlib.suppress(OSError):  # records that are only read
            claims.forget_dead(parent)
            _remove_works(parent)


def _remove_works(parent: Path) -> None:
    """Remove the temporary folders in ``parent`` of runs that no process measures."""
    for work in parent.glob(".work-*"):
        if claims.holder(parent / work.name.split("-")[1]) is None:
            shutil.rmtree(work, ignore_errors=True)


def _work_path(folder: Path) -> Path:
    return folder.parent / f".work-{folder.name}-{platform.node()}-{os.getpid()}"


def _works(folder: Path) -> list[Path]:
    """Temporary folders of the run with this folder: of its claim's holder, and of processes that died."""
    return list(folder.parent.glob(f".work-{folder.name}-*"))


def _record(plan: Plan, outcome: Outcome, queries_sha256: str | None = None) -> Record:
    config, dataset = plan.config, plan.dataset
    subject = plan.subject
    measured = dict((outcome.result or {}).get("measurement") or {})
    measured.pop("arrays", None)
    params = measured.pop("params", None) or plan.params
    threads = (outcome.result or {}).get("threads") or environment.thread_environment(config.threads)
    measured.setdefault("peak_memory_bytes", outcome.peak_memory_bytes or None)
    measured["seconds"] = {**measured.get("seconds", {}), "process": outcome.seconds}
    described = environment.describe()
    values = {
        "schema": records.SCHEMA,
        "key": plan.key,
        "status": outcome.status,
        "reason": outcome.reason,
        "method": MethodInfo(
            label(subject, params),
            subject.family,
            subject.version,
            dict(subject.options),
            params,
            subject.uses_queries,
        ).__dict__,
        "dataset": track_of(dataset).describe(config, dataset).__dict__,
        "budget": _budget(plan).__dict__,
        "config": config.to_dict(),
        "environment": {**described, "threads": threads},
        "scan_bandwidth": _scan_bandwidth(measured, described["memory_bandwidth_bytes_per_s"]),
        "queries_sha256": queries_sha256,
        "diagnosis": _diagnosis(plan, outcome),
        **measured,
    }
    return records.from_dict(values)


def _diagnosis(plan: Plan, outcome: Outcome) -> dict[str, Any] | None:
    """The diagnosis of the vectors; None where nothing was measured on them."""
    if outcome.status == "skipped" or isinstance(plan.dataset, datasets.ClickDataset):
        return None
    if plan.config.is_sharded and outcome.status != "ok":  # the shards may have found no neighbors
        return None
    truth = datasets.ground_truth(plan.dataset, TRUTH_K)
    return dataclasses.asdict(diagnose(plan.dataset, truth))


def _scan_bandwidth(measured: dict[str, Any], memory: float) -> dict[str, float] | None:
    """:class:`bench.records.ScanBandwidth` of a measurement; None where nothing was searched, or not all of it."""
    latency, throughput, size = measured.get("latency_ms"), measured.get("throughput") or {}, measured.get("bytes")
    if size is None or not latency or "queries_per_s" not in throughput:
        return None
    if measured.get("index") or measured.get("shards") or measured.get("hybrid"):
        return None
    single = size["searcher"] / (latency["p50"] / 1e3)
    return {
        "single": single,
        "share_of_memory": single / memory,
        "batch": size["searcher"] * throughput["queries_per_s"],
    }
