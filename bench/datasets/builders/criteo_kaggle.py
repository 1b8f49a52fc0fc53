"""Builds ``criteo-kaggle`` from the log that its owner gives out: ``build criteo-kaggle --from PATH``."""

from __future__ import annotations

from pathlib import Path

from bench.datasets.builders.click_logs import CRITEO_KAGGLE, build_log


def build(target: Path, source: Path | None = None) -> None:
    """Write the data set to ``target``; see :func:`bench.datasets.builders.click_logs.build_log`."""
    build_log(CRITEO_KAGGLE, target, source)
