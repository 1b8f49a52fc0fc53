"""From a configuration to a run that can start: everything that can be wrong is found here, before long work."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench import datasets, own_files, records
from bench.cluster import extras
from bench.config import MAPPED, RunConfig
from bench.datasets import AnyDataset
from bench.datasets.held_out import HELD_OUT
from bench.drift_options import DRIFT
from bench.errors import UsageError
from bench.execution.data import load_dataset
from bench.execution.subject import Subject, subject_of
from bench.hybrid_options import HYBRID
from bench.layers_options import LAYERS
from bench.tracks import drift, engine, hybrid, indexed_track, layers, track_of, train_queries, upgrade
from methods import BudgetError, registry
from methods.budget import Budget
from methods.errors import (
    MissingDependency,
    NeedsQueries,
    NoSuccessor,
    NotMapped,
    NotMeasuredSo,
    UnsupportedMetric,
    WrongTrack,
)

_MOST_K = 100  # may be asked of any data set, however small: results are padded


@dataclass(frozen=True)
class Plan:
    """A checked run.

    Attributes
    ----------
    config : RunConfig
    dataset : Dataset
    code_bytes : int
        The budget in bytes.
    determinants : dict
        What determines the result, apart from the budget.
    params : dict or None
        The codec's parameters at this budget; None where it is infeasible.
    infeasible : Exception or None
        Why the method cannot do this run at all: a ``skipped`` record in a sweep, an error in a single run.
    subject : Subject
        The method or engine.
    earlier : int or None
        The mark (:func:`bench.records.mark`) of the record that was there when the run was prepared.
    """

    config: RunConfig
    dataset: AnyDataset
    code_bytes: int
    determinants: dict[str, Any]
    params: dict[str, Any] | None
    code_size: int | None
    infeasible: Exception | None
    subject: Subject
    earlier: int | None = None

    @property
    def key(self) -> str:
        """Hash of what determines the result."""
        return self.key_at(self.code_bytes)

    def key_at(self, code_bytes: int) -> str:
        """The key of the same run at another budget."""
        text = json.dumps(self.determinants | {"budget": code_bytes}, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def modules(self) -> list[str]:
        """Where its method and the codecs inside it are defined, if that is no module of ``methods``."""
        if self.subject.is_engine:
            return []
        names = [self.subject.name, *_inner(self.params)]
        modules = {registry.get(name, None).__module__ for name in names}
        return sorted(module for module in modules if not module.startswith("methods."))

    @property
    def folder(self) -> Path:
        """Where the record goes."""
        results, method, options = self.config.results, self.subject.name, self.config.dataset
        name, checksum = self.dataset.name, self.dataset.checksum
        folder = records.run_folder(results, own_files.folder_of(name, options, checksum), method, self.key)
        if own_files.is_own(options) and not (folder / records.RECORD_FILE).exists():
            # Earlier versions had one folder for all files: what they measured is not done again.
            earlier = records.run_folder(results, own_files.key_of(name, options), method, self.key)
            if self.reusable(earlier) is not None:
                return earlier
        return folder

    def reusable(self, folder: Path) -> records.Record | None:
        """The record of an earlier run in ``folder``, unless it has to be measured again.

        A run that was over its budget is not repeated: it would end the same. Nor is one that was skipped, while it is
        infeasible (a missing package may be installed by now). A failed run is tried again.
        """
        if self.config.rerun:
            return None
        record = records.read_finished(folder)
        if record is None or record.status in records.FAILURES:
            return None
        return None if record.status == "skipped" and self.infeasible is None else record

    def measured_meanwhile(self) -> records.Record | None:
        """What another process measured since this run was prepared, however that ended; None if nothing."""
        if records.mark(self.folder) in (None, self.earlier):
            return None
        return records.read_finished(self.folder)


def prepare(config: RunConfig) -> Plan:
    """Check ``config`` and load what it names.

    Raises
    ------
    UsageError, bench.datasets.base.DatasetError, methods.MethodError
        With one line that says what was wrong and what would be right. What a method merely cannot do (budget too
        small, metric, missing optional dependency) is no error but :attr:`Plan.infeasible`.
    """
    config.check()
    budget = Budget(config.budget)
    subject = subject_of(config)
    alone = config.scenario["name"] != "none"  # measures codes alone
    if subject.rescored_from is not None and config.rescore is None and not alone:
        config = replace(config, rescore=subject.rescored_from)
        config.check()
    _check_results_folder(Path(config.results))
    dataset = load_dataset(config)
    track = track_of(dataset)
    if config.has_index and isinstance(dataset, datasets.ClickDataset):
        raise UsageError(f"index={config.index['name']} is for searches, and {dataset.name} is none; leave it out")
    measured = engine if subject.is_engine else indexed_track(dataset) if config.has_index else track
    code_bytes = track.code_bytes(budget, dataset)
    if config.k > (most := max(items := track.describe(config, dataset).n, _MOST_K)):
        raise UsageError(f"k={config.k} is more than the {items} items of the base; use at most {most}")
    if config.clients is not None and isinstance(dataset, datasets.ClickDataset):
        raise UsageError(f"clients={config.clients} is for searches, and {dataset.name} is none; leave it out")
    if config.codes == MAPPED and not isinstance(dataset, datasets.Dataset):
        raise UsageError(f"codes={MAPPED} is for single vectors, and {dataset.name} has none; leave it out")
    if config.is_sharded:
        extras.check("ray", "ray", "engine=ray")
        if not isinstance(dataset, datasets.Dataset) or config.shards > dataset.base.shape[0]:
            raise UsageError(f"engine=ray cannot cut {dataset.name} into {config.shards} shards of single vectors")
    determinants = config.determinants() | {
        "dataset": [dataset.checksum, str(dataset.metric)],
        "schema": records.SCHEMA,
        "version": subject.version,
    }
    determinants |= getattr(track, "determinants", dict)()
    scenario = {"upgrade": upgrade, DRIFT: drift, HYBRID: hybrid, LAYERS: layers}.get(config.scenario["name"])
    if scenario in (upgrade, drift) and config.dataset.get("train") == HELD_OUT:
        raise UsageError(
            f"scenario={config.scenario['name']} fits on its own vectors; leave out dataset.train={HELD_OUT}"
        )
    if scenario is not None:
        determinants |= scenario.determinants(config, dataset)
    measured = hybrid if scenario is hybrid else measured
    params, size, infeasible = None, None, None
    try:
        _check_track(subject, dataset)
        if subject.missing:
            raise MissingDependency(f"{subject.name} needs {', '.join(subject.missing)}; install it with pip")
        if subject.rescored_from is not None and alone:
            raise NotMeasuredSo(
                f"{subject.name} re-ranks from {subject.rescored_from}, and what is asked measures codes alone; "
                "leave out scenario="
            )
        if subject.uses_queries:
            determinants |= train_queries.determinants(subject.name, config, dataset)
        if scenario is upgrade:
            upgrade.check_method(subject.name)
        codec, store, size = measured.configure(config, dataset, code_bytes)
        params = getattr(track, "shown_params", dict)(codec.params())
        if store is not None:
            determinants[f"version of {store.name}"] = store.version
    except (
        BudgetError,
        UnsupportedMetric,
        MissingDependency,
        NeedsQueries,
        NoSuccessor,
        NotMapped,
        NotMeasuredSo,
        WrongTrack,
    ) as error:
        infeasible = error
    determinants |= _inner_versions(params)
    plan = Plan(config, dataset, code_bytes, determinants, params, size, infeasible, subject)
    return replace(plan, earlier=records.mark(plan.folder))


def _check_track(subject: Subject, dataset: AnyDataset) -> None:
    """Raise :class:`WrongTrack` with what would be right where a method or an engine is not for the data set."""
    if (track := subject.track) != dataset.track:
        raise WrongTrack(
            f"{subject.name} is of the {track} track and {dataset.name} of the {dataset.track} track; use "
            f"dataset={' or '.join(datasets.names(track))}, or one of {', '.join(registry.names(dataset.track))}"
        )


def _inner_versions(params: dict[str, Any] | None) -> dict[str, str]:
    """Versions of the codecs inside a composed one: what changes their codes changes its own."""
    return {f"version of {name}": registry.class_of(name, own).version for name, own in _inner(params).items()}


def _inner(params: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    """The codecs inside a composed one by name, each with its parameters."""
    if not params or "codec" not in params:
        return {}
    own = params.get("codec_params") or {}
    return {params["codec"]: own} | _inner(own)


def _check_results_folder(folder: Path) -> None:
    """Fail now rather than after an hour if records cannot be written."""
    probe = folder / "runs"
    try:
        probe.mkdir(parents=True, exist_ok=True)
        test = probe / ".writable"
        test.write_bytes(b"1")
        test.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"results={folder} cannot be written: {error.strerror or error}; choose another folder with results=DIR"
        ) from error
