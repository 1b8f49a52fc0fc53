"""Deduplication of blocks of rows by L2 locality-sensitive hashing, then fine-tuning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from methods.registry import register
from methods.tables.base import Fields, Stage, State, TableBudgetError
from methods.tables.bits import smallest_unsigned
from methods.tables.full import DenseTable

if TYPE_CHECKING:
    import torch

_PROJECTIONS = (8, 4, 2, 1)  # fewer where buckets of more leave much of the budget unused
_BISECTIONS = 40
_MOST_MAP = 0.25  # share of the budget that the map of blocks may take


@register("dedup")
class Dedup(DenseTable):
    """The table is trained whole; then blocks of ``block`` rows that fall into one bucket of an L2-LSH become one.

    Zhou et al., Serving Deep Learning Models with Deduplication from Relational Databases, VLDB 2022. The width of a
    bucket is bisected until ``distinct`` blocks, as many as fit with the map of blocks, are left (the paper's fixed
    threshold may miss a budget), with fewer projections where eight leave a tenth of them unused. A merged block
    starts from the mean by frequency and is fine-tuned.
    """

    family = "after training"
    summary = "blocks of rows merged by L2-LSH, then fine-tuned"
    source = "Zhou et al., VLDB 2022"
    version = "2"  # 1: the merged state was no candidate of fine-tuning; few buckets merged too much

    def __init__(self, rows: Sequence[int], dim: int, block: int, distinct: int) -> None:
        super().__init__(rows, dim)
        self.block, self.distinct = block, distinct

    @classmethod
    def _sized(cls, fields: Fields, dim: int, table_bytes: int) -> dict[str, Any]:
        sizes = {}
        for block in (1 << power for power in range(fields.total.bit_length())):
            size = 4 * dim * block
            distinct = 1
            for kind in (1, 2, 4):
                room = (table_bytes - kind * -(-fields.total // block)) // size
                distinct = max(distinct, min(room, 256**kind, -(-fields.total // block)))
            method = cls(fields.rows, dim, block, distinct)
            sizes[block] = method.planned_bytes
            mapped = method._kind.itemsize * method._blocks
            if method.planned_bytes <= table_bytes and mapped <= _MOST_MAP * table_bytes:
                return {"block": block, "distinct": distinct}
        if (smallest := min(sizes.values())) > table_bytes:
            raise TableBudgetError(cls._label(), table_bytes, smallest)
        return {"block": min(sizes, key=lambda block: sizes[block]), "distinct": 1}

    @property
    def _blocks(self) -> int:
        return -(-self.total // self.block)

    @property
    def _kind(self) -> np.dtype:
        return smallest_unsigned(self.distinct - 1)

    @property
    def planned_bytes(self) -> int:
        return 4 * self.dim * self.block * self.distinct + self._kind.itemsize * self._blocks

    def stages(self) -> tuple[Stage, ...]:
        return Stage("train"), Stage("fine-tune")

    def begin_stage(
        self, stage: Stage, state: State, fields: Fields, rng: np.random.Generator, judge: Callable[[State], float]
    ) -> State:
        if stage.name == "train":
            return state
        padding = self._blocks * self.block - self.total
        blocks = np.pad(state.weights["table"], ((0, padding), (0, 0))).reshape(self._blocks, -1)
        popular = np.pad(fields.frequencies, (0, padding)).reshape(self._blocks, -1).sum(axis=1) + 1.0
        which = self._merge(blocks, rng)
        weight = np.bincount(which, popular)
        sums = np.zeros((len(weight), blocks.shape[1]))
        np.add.at(sums, which, blocks * popular[:, None])
        merged = (sums / weight[:, None]).astype(np.float32)
        return State({"table": merged.reshape(-1, self.dim)}, {"which": which.astype(np.int64)})

    def _merge(self, blocks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The distinct block (at most :attr:`distinct` of them) of each block."""
        best = np.zeros(len(blocks), np.int64)
        for projections in _PROJECTIONS:
            which = self._bucketed(blocks, projections, rng)
            if which.max() > best.max():
                best = which
            if best.max() >= 0.9 * (self.distinct - 1):
                break
        return best

    def _bucketed(self, blocks: np.ndarray, projections: int, rng: np.random.Generator) -> np.ndarray:
        """The bucket (at most :attr:`distinct` of them) of each block, of the width that bisection finds."""
        projected = blocks @ rng.standard_normal((blocks.shape[1], projections)).astype(np.float32)
        shift = rng.random(projections)
        low, high = 1e-9, 4 * float(np.abs(projected).max()) + 1e-6
        best = np.zeros(len(blocks), np.int64)
        for _ in range(_BISECTIONS):
            width = (low * high) ** 0.5
            keys = np.floor(projected / width + shift).astype(np.int64)
            distinct, which = np.unique(_mixed(keys), return_inverse=True)
            if len(distinct) <= self.distinct:
                best, high = which.ravel(), width
                if len(distinct) > 0.98 * self.distinct:
                    break
            else:
                low = width
        return best

    def embed(self, t: dict[str, torch.Tensor], rows: torch.Tensor, training: bool) -> torch.Tensor:
        import torch

        if "which" in t:
            block = torch.div(rows, self.block, rounding_mode="floor")
            rows = t["which"][block] * self.block + rows % self.block
        return super().embed(t, rows, training)

    def compress(self, state: State) -> dict[str, np.ndarray]:
        return {"table": state.weights["table"], "which": state.constants["which"].astype(self._kind)}

    def gather(self, arrays: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
        block = arrays["which"][rows // self.block].astype(np.int64)
        return arrays["table"][block * self.block + rows % self.block]


def _mixed(keys: np.ndarray) -> np.ndarray:
    """One 64-bit number for each row of ``keys``; equal rows have equal numbers."""
    mixed = np.zeros(len(keys), np.uint64)
    for column in keys.T.astype(np.uint64):
        mixed = (mixed ^ column) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed
