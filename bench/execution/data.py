"""The data set that a configuration names."""

from __future__ import annotations

import functools
import json

from bench import datasets
from bench.config import RunConfig
from bench.datasets import AnyDataset
from bench.errors import UsageError


@functools.lru_cache(maxsize=16)
def _load(options: str) -> AnyDataset:
    """The data set of a configuration; a sweep's runs share it.

    Its own seed (0 unless ``dataset.seed`` says otherwise) draws samples, not the run's: runs of several seeds are
    to differ in the method only.
    """
    values = {key: value for key, value in json.loads(options).items() if value is not None}
    if not (name := values.pop("name", None)):
        raise UsageError("no data set is named; use dataset=NAME (`python -m bench.datasets list` lists all)")
    return datasets.load(name, **values)


def load_dataset(config: RunConfig) -> AnyDataset:
    """The data set that ``config`` names."""
    return _load(json.dumps(config.dataset, sort_keys=True))
