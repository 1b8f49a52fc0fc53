"""How a table is trained inside a click model: the examples and the recipe; torch is loaded when training starts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Examples:
    """Click examples: ``ids`` (n, fields) integers, each within its field, and ``labels`` (n,) 0 or 1."""

    ids: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, part: slice | np.ndarray) -> Examples:
        return Examples(self.ids[part], self.labels[part])


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes
    ----------
    batch : int
        The most examples a step; fewer (a power of two) where an epoch would have fewer than ``steps``.
    steps : int
        The fewest steps of an epoch.
    epochs : int
        The most, of a stage that validation stops.
    patience : int
        Epochs without a better validation after which such a stage stops.
    table_rate, model_rate, search_rate : float
        Learning rates of Adam for the table (lazily, by row, where its gradient is sparse), for the click model, and
        for what a search trains on validation batches.
    device : str
        ``auto`` is the GPU if there is one.
    """

    batch: int = 2048
    steps: int = 128
    epochs: int = 8
    patience: int = 1
    table_rate: float = 3e-3
    model_rate: float = 1e-3
    search_rate: float = 1e-2
    device: str = "auto"

    def batch_of(self, examples: int) -> int:
        """Examples a step where there are so many in all."""
        return min(self.batch, 1 << max(4, (examples // self.steps).bit_length() - 1))
