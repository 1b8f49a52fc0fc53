"""What a table method is given and what it trains: the vocabulary, the arrays, and the stages of the training."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

__all__ = ["Fields", "Stage", "State"]


@dataclass(frozen=True)
class Fields:
    """The vocabulary of a table.

    Attributes
    ----------
    rows : tuple of int
        Rows of each field.
    frequencies : (sum(rows),) int64
        How often each row occurs in the training examples, the fields one after the other.
    """

    rows: tuple[int, ...]
    frequencies: np.ndarray

    @property
    def total(self) -> int:
        return sum(self.rows)

    def nbytes(self, dim: int) -> int:
        """Bytes of the uncompressed float32 table."""
        return 4 * self.total * dim


@dataclass
class State:
    """What a table consists of while it is trained.

    Attributes
    ----------
    weights : name -> float32 array
        Trained by gradient.
    constants : name -> array
        Hash factors, remap tables, masks: not trained.
    """

    weights: dict[str, np.ndarray]
    constants: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """One part of a training.

    Attributes
    ----------
    name : str
        ``train``, ``search``, ``prune``, ``retrain`` and the like.
    epochs : int or None
        Exactly so many, and the last state is kept (0: nothing is trained); None trains until validation stops it
        and keeps the best; so is the state from which a later stage without ``restart`` starts.
    restart : bool
        The click model starts afresh.
    search : bool
        The method's ``searched`` weights are trained too, on validation batches.
    """

    name: str
    epochs: int | None = None
    restart: bool = False
    search: bool = False
