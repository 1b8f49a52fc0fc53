"""Samples of the user's vectors, written so that runs read them like any other data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench import datasets
from bench.datasets.base import Dataset
from bench.errors import UsageError

LEAST_VECTORS = 500


@dataclass(frozen=True)
class Sample:
    """A nested part of the user's vectors: every smaller sample of the same seed lies inside a larger one.

    Attributes
    ----------
    config : dict
        The run's ``dataset``: name and options of :func:`bench.datasets.load`.
    n : int
        Base vectors.
    train_size : int
        Vectors that methods are fitted on.
    queries : int
    """

    config: dict
    n: int
    train_size: int
    queries: int

    def load(self) -> Dataset:
        """The sample as a data set."""
        dataset = datasets.load(**{key: value for key, value in self.config.items() if value is not None})
        assert isinstance(dataset, Dataset)
        return dataset


def write_samples(
    user: Dataset, folder: Path, sizes: list[tuple[int, int, int]], metric: str, seed: int
) -> list[Sample]:
    """Write base, queries and training vectors of each size.

    Parameters
    ----------
    user : Dataset
        The user's vectors; queries are theirs, or were held out of them.
    sizes : list of (base vectors, queries, training vectors)
        Cut to what there is.

    Raises
    ------
    UsageError
        If there are too few vectors to distinguish methods.
    """
    n = user.base.shape[0]
    if n < LEAST_VECTORS:
        raise UsageError(
            f"{n} vectors beside the queries are too few to choose by; give at least {LEAST_VECTORS}, more where "
            "queries are held out of them (and keep so few as they are)"
        )
    rng = np.random.default_rng(seed)
    base_order, train_order = rng.permutation(n), rng.permutation(n)
    query_order = rng.permutation(len(user.queries))
    samples = []
    for number, (base, queries, train) in enumerate(sizes):
        files = {"base": base_order[:base], "train": train_order[:train]}
        for name, rows in files.items():
            np.save(folder / f"{name}{number}.npy", user.base.take(np.sort(rows)))
        query_rows = np.sort(query_order[:queries])
        np.save(folder / f"queries{number}.npy", user.queries[query_rows])
        config = {
            "name": "path",
            **{key: str(folder / f"{key}{number}.npy") for key in ("base", "queries", "train")},
            "metric": metric,
            "max_queries": None,
        }
        samples.append(Sample(config, len(files["base"]), len(files["train"]), len(query_rows)))
    return samples
