"""Tables with few values left, stored as CSR or COO, whichever is smaller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from methods.errors import MethodError
from methods.tables.base import Fields, Stage, State, TableBudgetError
from methods.tables.full import DenseTable

if TYPE_CHECKING:
    import torch


def csr_bytes(total: int, kept: int) -> int:
    """Row starts (uint32), columns (uint8) and values (float32)."""
    return 4 * (total + 1) + 5 * kept


def coo_bytes(kept: int) -> int:
    """Places ``row * dim + column`` (uint32) and values (float32)."""
    return 8 * kept


def most_kept(total: int, dim: int, table_bytes: int) -> int:
    """How many values fit in either format."""
    return min(total * dim, max(table_bytes // 8, (table_bytes - 4 * (total + 1)) // 5))


class Pruned(DenseTable):
    """The table is trained whole, then at most ``kept`` of its values are not zero."""

    family = "pruning"

    def __init__(self, rows: Sequence[int], dim: int, kept: int) -> None:
        super().__init__(rows, dim)
        if self.dim > 256 or self.total * self.dim >= 2**32:
            raise MethodError(f"{self._label()} stores tables of at most 256 columns and 2^32 values")
        self.kept = kept

    @classmethod
    def _sized(cls, fields: Fields, dim: int, table_bytes: int) -> dict[str, Any]:
        if table_bytes < (least := coo_bytes(1)):
            raise TableBudgetError(cls._label(), table_bytes, least)
        return {"kept": most_kept(fields.total, dim, table_bytes)}

    @property
    def planned_bytes(self) -> int:
        return min(coo_bytes(self.kept), csr_bytes(self.total, self.kept))

    def _largest(self, scores: np.ndarray) -> np.ndarray:
        """Mask of the :attr:`kept` largest scores (total, dim)."""
        mask = np.zeros(scores.size, bool)
        mask[np.argpartition(-scores.ravel(), self.kept - 1)[: self.kept]] = True
        return mask.reshape(scores.shape)

    def after_step(self, t: dict[str, torch.Tensor], rows: torch.Tensor, step: int, stage: Stage) -> None:
        """Zeros stay zero once there is a mask."""
        if "mask" in t:
            flat = rows.flatten()
            t["table"][flat] = t["table"][flat] * t["mask"][flat]

    def compress(self, state: State) -> dict[str, np.ndarray]:
        return sparse_arrays(state.weights["table"])

    def gather(self, arrays: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
        return sparse_rows(arrays, rows, self.dim)


def sparse_arrays(table: np.ndarray) -> dict[str, np.ndarray]:
    """The values of ``table`` that are not zero, in the smaller format."""
    flat = table.ravel()
    places = np.flatnonzero(flat)
    if coo_bytes(len(places)) <= csr_bytes(len(table), len(places)):
        return {"places": places.astype(np.uint32), "values": flat[places]}
    counts = np.bincount(places // table.shape[1], minlength=len(table))
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32)
    return {"starts": starts, "columns": (places % table.shape[1]).astype(np.uint8), "values": flat[places]}


def sparse_rows(arrays: dict[str, np.ndarray], rows: np.ndarray, dim: int) -> np.ndarray:
    """Rows (*rows.shape, dim) float32 of a table stored by :func:`sparse_arrays`."""
    flat = rows.ravel()
    if "starts" in arrays:
        first, last = arrays["starts"][flat].astype(np.int64), arrays["starts"][flat + 1].astype(np.int64)
    else:
        first = np.searchsorted(arrays["places"], (flat * dim).astype(np.uint32), "left")
        last = np.searchsorted(arrays["places"], (flat * dim + dim - 1).astype(np.uint32), "right")
    counts = last - first
    which = np.repeat(np.arange(len(flat)), counts)
    place = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(first, counts)
    columns = arrays["columns"][place] if "columns" in arrays else arrays["places"][place] % dim
    vectors = np.zeros((len(flat), dim), np.float32)
    vectors[which, columns] = arrays["values"][place]
    return vectors.reshape(*rows.shape, dim)
