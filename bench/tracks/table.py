"""The table track: an embedding table trained inside a click model and stored in fewer bytes.

An item is the whole table: its code is every stored array. Measured is the exported artifact; the table that was
trained is gone by then.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bench.config import RunConfig
from bench.datasets import ClickDataset
from bench.execution import turns
from bench.measure import click, latency
from bench.measure.memory import peak_memory
from bench.records import Bytes, DatasetInfo
from bench.tracks.measurement import Measurement, check_budget, ratios
from methods import registry
from methods.budget import Budget
from methods.tables.base import TableArtifact, TableMethod
from methods.tables.training import Examples, Recipe

DEFAULT_MODEL = "dlrm"
_LOOKED_UP = 16_384  # examples looked up at a time
_BATCH = 128  # examples of the larger lookup that is timed
_FEWEST = 1_000  # lookups that are timed
_FILE = "table.bin"


def code_bytes(budget: Budget, dataset: ClickDataset) -> int:
    """The most bytes of the whole table: a ratio is against float32, ``48B`` and ``2bit`` are of a row."""
    return budget.total_bytes(sum(dataset.rows), dataset.dim)


def configure(config: RunConfig, dataset: ClickDataset, code_bytes: int) -> tuple[TableMethod, None, int]:
    """The method and the most bytes that its artifact will take."""
    params = dict(config.method)
    cls = registry.get(params.pop("name"), ClickDataset.track)
    method = registry.configured(cls, dataset.fields, dataset.dim, code_bytes, **params)
    return method, None, method.planned_bytes


def describe(config: RunConfig, dataset: ClickDataset) -> DatasetInfo:
    """The data set as a record has it: one item, the table, of so many rows."""
    return DatasetInfo(
        name=dataset.name,
        n=1,
        dim=dataset.dim,
        queries=len(dataset.test),
        metric=str(dataset.metric),
        checksum=dataset.checksum,
        trained_on="train",
        n_train=len(dataset.train),
        vectors_per_item=float(sum(dataset.rows)),
    )


def determinants() -> dict[str, Any]:
    """What determines a result beyond the configuration: the recipe of training."""
    return {"recipe": asdict(Recipe()) | {"click_model": DEFAULT_MODEL}}


def recipe(config: RunConfig) -> Recipe:
    """How this run is trained."""
    return Recipe(device=config.device)


def measure(config: RunConfig, dataset: ClickDataset, code_bytes: int, work: Path) -> Measurement:
    """One run: train, export, save, then judge the artifact on the test examples.

    Raises
    ------
    OverBudget
        If the artifact takes more than ``code_bytes``.
    """
    from bench.click_models import new_model
    from methods.tables._training import train

    method, _, size = configure(config, dataset, code_bytes)
    run = Measurement(shown_params(method.params()))
    check_budget(size, code_bytes, "the table")
    name = config.click_model or DEFAULT_MODEL
    with run.timed("fit"):
        trained = train(
            method,
            dataset.fields,
            lambda: new_model(name, len(dataset.rows), dataset.dim),
            dataset.train,
            dataset.validation,
            recipe(config),
            config.seed,
            click.auc,
            turns.clock,
        )
    run.seconds |= {f"stage {stage}": seconds for stage, seconds in trained.seconds.items()}
    run.seconds |= {f"epochs of {stage}": float(epochs) for stage, epochs in trained.epochs.items()}
    run.peak_memory_bytes = peak_memory()
    run.memory_bytes |= {f"training: {what}": size for what, size in trained.memory.items()}
    with run.timed("export"):
        artifact = method.export(trained.state)
    check_budget(artifact.nbytes, code_bytes, "the exported table")
    artifact.save(work / _FILE)
    run.memory_bytes["saved file"] = (work / _FILE).stat().st_size
    artifact = TableArtifact.load(method, work / _FILE)
    _count(artifact, dataset, run)
    _time_lookups(artifact, dataset.test, config, run)
    with run.timed("judge"):
        _judge(artifact, trained.model, dataset.test, config.seed, run)
    return run


def shown_params(params: dict[str, Any]) -> dict[str, Any]:
    """Parameters without what the data set tells."""
    return {name: value for name, value in params.items() if name != "rows"}


def _count(artifact: TableArtifact, dataset: ClickDataset, run: Measurement) -> None:
    raw, size = dataset.fields.nbytes(dataset.dim), artifact.nbytes
    run.bytes = Bytes(
        code=size,
        code_total=size,
        parts={},
        parts_total=0,
        searcher=size,
        searcher_padding=0,
        rescore_memory=0,
        rescore_disk=0,
        made_of=artifact.parts(),
    )
    run.ratio = ratios(1, float(raw), float(size), 0)


def _time_lookups(artifact: TableArtifact, test: Examples, config: RunConfig, run: Measurement) -> None:
    """p50 and p99 of looking up one example, and a batch of 128."""
    ids = np.ascontiguousarray(test.ids)
    singles = [ids[i : i + 1] for i in range(min(len(ids), 4 * _FEWEST))]
    starts = range(0, max(1, len(ids) - _BATCH), _BATCH)
    batches = [ids[start : start + _BATCH] for start in starts]
    with turns.alone(), run.timed("lookup"):
        single, other = _timed(artifact, singles, config.latency_s / 2)
        batch, _ = _timed(artifact, batches, config.latency_s / 2)
    p50, p95, p99 = np.percentile(single, [50, 95, 99])
    batch50, batch99 = np.percentile(batch, [50, 99])
    run.latency_ms = {"p50": p50, "p95": p95, "p99": p99, "mean": float(single.mean())}
    run.latency_ms |= {f"p50 of {_BATCH}": batch50, f"p99 of {_BATCH}": batch99}
    run.latency_ms = {name: float(value) for name, value in run.latency_ms.items()}
    run.latency_queries, run.latency_shared = len(single), other > latency.SHARED_CORES
    run.throughput = {"lookups_per_s": _BATCH * 1e3 / float(batch50)}
    run.arrays["milliseconds"] = single


def _timed(artifact: TableArtifact, parts: list[np.ndarray], most_seconds: float) -> tuple[np.ndarray, float]:
    """Milliseconds of each lookup, after a warm-up, and the cores that other processes kept busy meanwhile."""
    for part in parts[:20]:
        artifact.lookup(part)
    return latency.time_calls(artifact.lookup, parts, most_seconds)


def _judge(artifact: TableArtifact, model: Any, test: Examples, seed: int, run: Measurement) -> None:
    """AUC and log loss of the click model over rows of the artifact."""
    import torch

    logits = np.empty(len(test), np.float32)
    start_time = turns.clock()
    for start in range(0, len(test), _LOOKED_UP):
        rows = artifact.lookup(test.ids[start : start + _LOOKED_UP])
        with torch.no_grad():
            logits[start : start + len(rows)] = model(torch.from_numpy(rows)).numpy()
    run.seconds["predict"] = turns.clock() - start_time
    run.quality = click.click_intervals(logits, test.labels, seed)
    run.arrays["logits"] = logits
