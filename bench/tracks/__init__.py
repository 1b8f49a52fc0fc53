"""Tracks: how one run of each kind of workload goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.config import RunConfig
    from bench.datasets.base import Dataset
    from bench.tracks.dense import Measurement


def measure(config: RunConfig, dataset: Dataset, code_bytes: int, work: Path) -> Measurement:
    """One run, by the track and scenario that ``config`` asks for; see :func:`bench.tracks.dense.measure`."""
    if config.scenario["name"] == "upgrade":
        from bench.tracks import upgrade

        return upgrade.measure(config, dataset, code_bytes, work)
    from bench.tracks import dense

    return dense.measure(config, dataset, code_bytes, work)
