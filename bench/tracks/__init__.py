"""How one run of each kind goes. A track is a module here, named as data sets and methods name it.

It has ``code_bytes(budget, dataset)``, ``configure(config, dataset, code_bytes)``, ``describe(config, dataset)``,
``recall_judge(dataset, truth)`` and ``measure(config, dataset, code_bytes, work)``. What tracks share is in
:mod:`bench.tracks.measurement`.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.config import RunConfig
    from bench.datasets import AnyDataset
    from bench.tracks.measurement import Measurement


def track_of(dataset: AnyDataset) -> Any:
    """The module of the track that ``dataset`` is of."""
    return importlib.import_module(f"bench.tracks.{dataset.track}")


def indexed_track(dataset: AnyDataset) -> Any:
    """The module of runs with an index, for a data set of vectors or of sets."""
    return importlib.import_module(f"bench.tracks.{'indexed' if dataset.track == 'dense' else 'indexed_sets'}")


def measure(config: RunConfig, dataset: AnyDataset, code_bytes: int, work: Path) -> Measurement:
    """One run, by the data set's track and the scenario that ``config`` asks for."""
    module = track_of(dataset)
    if config.names_engine:
        module = importlib.import_module("bench.tracks.engine")
    if config.is_sharded:
        module = importlib.import_module("bench.tracks.sharded")
    elif config.has_index:
        module = indexed_track(dataset)
    if (scenario := config.scenario["name"]) != "none":
        module = importlib.import_module(f"bench.tracks.{scenario}")
    return module.measure(config, dataset, code_bytes, work)
