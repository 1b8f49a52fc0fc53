"""A user's own configuration files (``--config-dir mine``): which take the place of ours, and which are not read."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from bench import datasets
from bench.errors import UsageError
from methods import registry

_SCHEMA = r"\s*'[^']*' is validated against ConfigStore schema"  # Hydra's words for what is said here
_MISSING = r"provider=.* is not available"
_said: set[str] = set()


def quieten() -> None:
    """Leave out what Hydra warns of and :func:`look_at` says."""
    for words in (_SCHEMA, _MISSING):
        warnings.filterwarnings("ignore", message=words, category=UserWarning)


def look_at(hydra: Any) -> None:
    """Say once, on stderr, which file of the user's stands for a name of ours.

    Parameters
    ----------
    hydra : DictConfig
        Hydra's own part of a composed configuration.

    Raises
    ------
    UsageError
        A folder that was named is not there.
    """
    for line in _remarks(hydra):
        if line not in _said:
            _said.add(line)
            print(f"bench: {line}", file=sys.stderr)


def _remarks(hydra: Any) -> Iterator[str]:
    choices = OmegaConf.to_container(hydra.runtime.choices)
    assert isinstance(choices, dict)
    for folder in _folders(hydra):
        if not folder.is_dir():
            raise UsageError(f"{folder}, where own configurations are to be, is no folder; name one that is there")
        method, dataset = choices.get("method"), choices.get("dataset")
        own = folder / "method" / f"{method}.yaml"
        if own.is_file() and method in registry.names(None):
            yield f"method={method} is {own}, in place of the method that is called so; rename the file to have both"
        own = folder / "dataset" / f"{dataset}.yaml"
        if own.is_file() and dataset in datasets.names():
            yield f"dataset={dataset} is the built-in one; {own} is not read, rename it"


def _folders(hydra: Any) -> list[Path]:
    """Where Hydra looks besides this package."""
    return [
        Path(source.path.removeprefix("file://"))
        for source in hydra.runtime.config_sources
        if source.schema == "file" and source.provider not in ("main", "hydra")
    ]
