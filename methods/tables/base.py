"""The contract of a table method: an embedding table that is trained inside a click model and stored in fewer bytes.

A click model reads one row for each categorical field of an example. The fields' rows lie one after the other in one
table of ``sum(rows)`` rows; a *row number* here is an id plus the offset of its field. What is measured is the
exported :class:`TableArtifact`, whose lookup is NumPy over the stored arrays, never the table that was trained.

A method's file needs no torch to be imported: weights and constants are NumPy arrays in a :class:`State`, and only
``embed`` and ``after_step``, which the training loop calls, see tensors.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from methods.errors import BudgetError, MethodError
from methods.method import Method
from methods.parameters import check_integer
from methods.tables.state import Fields, Stage, State

if TYPE_CHECKING:
    from pathlib import Path

    import torch

__all__ = ["INIT_BOUND", "Fields", "Stage", "State", "TableArtifact", "TableBudgetError", "TableMethod"]

INIT_BOUND = 0.02  # rows start uniform in +- this
_MOST_ROWS = 2**31 - 1  # row numbers are hashed in 64-bit integers by 31-bit factors


class TableBudgetError(BudgetError):
    """The budget is below the least bytes to which a method can shrink the table."""

    def __init__(self, method: str, table_bytes: int, smallest: int) -> None:
        super().__init__(method, table_bytes, smallest)
        self.args = (f"{method} cannot shrink this table to {table_bytes:,} bytes; its least is {smallest:,} bytes",)


class TableArtifact:
    """A finished table: the stored arrays and the lookup over them.

    Parameters
    ----------
    method : TableMethod
    arrays : name -> array
        Everything that is stored, codes at their real bit width.
    """

    def __init__(self, method: TableMethod, arrays: dict[str, np.ndarray]) -> None:
        self.method = method
        self.arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
        self._limits = np.asarray(method.rows, np.int64)
        self._offsets = method.offsets
        self._ready = method.ready(self.arrays)

    @property
    def nbytes(self) -> int:
        """Bytes of all stored arrays."""
        return sum(int(array.nbytes) for array in self.arrays.values())

    def parts(self) -> dict[str, int]:
        """Bytes by the name of the array."""
        return {name: int(array.nbytes) for name, array in self.arrays.items()}

    def lookup(self, ids: np.ndarray) -> np.ndarray:
        """Rows (batch, fields, dim) float32 of ``ids`` (batch, fields) integers, each within its field.

        A row that no training example had is what the method makes of an untrained one.

        Raises
        ------
        MethodError
            For an id that is not in ``0 .. rows - 1`` of its field, or another number of fields.
        """
        ids = np.asarray(ids)
        if ids.ndim != 2 or ids.shape[1] != len(self._limits) or ids.dtype.kind not in "iu":
            raise MethodError(
                f"ids are integers (batch, {len(self._limits)}), not {ids.dtype} of shape {ids.shape}; one id a field"
            )
        if ids.size and not ((ids >= 0) & (ids < self._limits)).all():
            example, column = np.argwhere((ids < 0) | (ids >= self._limits))[0].tolist()
            raise MethodError(
                f"id {ids[example, column]} of field {column} is out of range; use 0 to {self._limits[column] - 1}"
            )
        return self.method.gather(self._ready, ids.astype(np.int64) + self._offsets)

    def save(self, path: Path) -> None:
        """Write the arrays into one file; :meth:`load` reads it back."""
        from methods.tables.files import write_arrays

        write_arrays(path, self.arrays)

    @classmethod
    def load(cls, method: TableMethod, path: Path) -> TableArtifact:
        """The artifact of a method with the same parameters, from the file of :meth:`save`."""
        from methods.tables.files import read_arrays

        return cls(method, read_arrays(path))


class TableMethod(Method):
    """A way to shrink an embedding table.

    Parameters
    ----------
    rows : sequence of int
        Rows of each field.
    dim : int
        Width of a row as the click model sees it.

    Notes
    -----
    Class attributes are those of :class:`~methods.method.Method`; ``sparse`` names the weights whose gradient is of the
    looked-up rows only, ``searched`` those that a search stage trains on validation batches (they, and what the
    optimizer keeps for them, count as search state).
    """

    track = "table"
    requires = ("torch",)
    sparse: ClassVar[frozenset[str]] = frozenset()
    searched: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, rows: Sequence[int], dim: int) -> None:
        self.rows = [check_integer("rows", count, 1, _MOST_ROWS) for count in rows]
        self.dim = check_integer("dim", dim, 1, 4096)
        if not self.rows or self.total > _MOST_ROWS:
            raise MethodError(f"a table has 1 field or more and at most {_MOST_ROWS:,} rows in all, not {self.total:,}")

    @property
    def total(self) -> int:
        """Rows of all fields."""
        return sum(self.rows)

    @property
    def offsets(self) -> np.ndarray:
        """(fields,) int64: the first row number of each field."""
        return np.concatenate([[0], np.cumsum(self.rows)[:-1]]).astype(np.int64)

    def field_of_rows(self) -> np.ndarray:
        """(total,) int64: the field of each row."""
        return np.repeat(np.arange(len(self.rows)), self.rows)

    # --- what a method tells -------------------------------------------------------------------------

    @classmethod
    def for_budget(cls, fields: Fields, dim: int, table_bytes: int, **params: Any) -> Self:
        """The best configuration whose artifact takes at most ``table_bytes``, by the method's documented rule.

        Raises
        ------
        TableBudgetError
            If the method cannot go so low; it names the least that it reaches.
        """
        method = cls(fields.rows, dim, **cls._configuration((fields, dim, table_bytes), params))
        if method.planned_bytes > table_bytes:
            raise TableBudgetError(cls._label(), table_bytes, method.planned_bytes)
        return method

    @classmethod
    def _sized(cls, fields: Fields, dim: int, table_bytes: int, *args: Any, **options: Any) -> dict[str, Any]:
        return {}

    @property
    @abstractmethod
    def planned_bytes(self) -> int:
        """The most bytes that the artifact will take, known before training."""

    # --- training --------------------------------------------------------------------------------------

    @abstractmethod
    def initialize(self, fields: Fields, rng: np.random.Generator) -> State:
        """The table before training."""

    @abstractmethod
    def embed(self, t: dict[str, torch.Tensor], rows: torch.Tensor, training: bool) -> torch.Tensor:
        """Rows (batch, fields, dim) of row numbers (batch, fields) int64; ``t`` has weights and constants."""

    def stages(self) -> tuple[Stage, ...]:
        """Parts of the training, in order."""
        return (Stage("train"),)

    def begin_stage(
        self, stage: Stage, state: State, fields: Fields, rng: np.random.Generator, judge: Callable[[State], float]
    ) -> State:
        """The state from which ``stage`` starts; ``judge`` gives a state's AUC on a part of the validation examples."""
        return state

    def after_step(self, t: dict[str, torch.Tensor], rows: torch.Tensor, step: int, stage: Stage) -> None:
        """Changes ``t`` in place after step ``step`` (from 1) of a stage, without gradient."""

    def penalty(self, t: dict[str, torch.Tensor], rows: torch.Tensor) -> torch.Tensor | None:
        """A term added to the loss of a batch, or None."""
        return None

    # --- the artifact ----------------------------------------------------------------------------------

    @abstractmethod
    def compress(self, state: State) -> dict[str, np.ndarray]:
        """The arrays to store."""

    def ready(self, arrays: dict[str, np.ndarray]) -> Any:
        """What :meth:`gather` reads: the stored arrays, or objects made of them once."""
        return arrays

    @abstractmethod
    def gather(self, arrays: Any, rows: np.ndarray) -> np.ndarray:
        """Rows (batch, fields, dim) float32 of sound row numbers (batch, fields) int64, from :meth:`ready`."""

    def export(self, state: State) -> TableArtifact:
        """The finished table."""
        return TableArtifact(self, self.compress(state))


def uniform(rng: np.random.Generator, *shape: int, bound: float = INIT_BOUND) -> np.ndarray:
    """float32, uniform in +- ``bound``."""
    return rng.uniform(-bound, bound, shape).astype(np.float32)
