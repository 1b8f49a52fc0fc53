"""Low-rank factors of a finished table, whole or by groups of rows of similar norm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from methods import registry
from methods.base import Metric
from methods.tables.base import Fields, TableBudgetError
from methods.tables.post_training import AfterTraining
from methods.tables.tt_rec import TensorTrain, dim_factors, row_factors

_SHARES = (0.05, 0.15, 0.3, 0.5)  # of the rows in each group, from the largest norms on
_EXPONENT = 0.3  # of a group's norm, to which its rank is proportional


def factors(table: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, rank) and (rank, dim): the best product of that rank, by the eigenvectors of the second moments."""
    _, vectors = np.linalg.eigh(table.T.astype(np.float64) @ table)
    right = vectors[:, ::-1][:, :rank].T
    return (table @ right.T).astype(np.float32), right.astype(np.float32)


@registry.register("svd")
class SVD(AfterTraining):
    """The product of (total, rank) and (rank, dim) factors, of the largest rank that fits."""

    summary = "a finished table as a product of two factors"
    source = "Eckart and Young, Psychometrika 1936"

    def __init__(self, rows: Sequence[int], dim: int, rank: int) -> None:
        super().__init__(rows, dim)
        self.rank = rank

    @classmethod
    def _sized(cls, fields: Fields, dim: int, table_bytes: int) -> dict[str, Any]:
        least = 4 * (fields.total + dim)
        if table_bytes < least:
            raise TableBudgetError(cls._label(), table_bytes, least)
        return {"rank": min(dim, table_bytes // least)}

    @property
    def planned_bytes(self) -> int:
        return 4 * self.rank * (self.total + self.dim)

    def squeeze(self, table: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        left, right = factors(table, self.rank)
        return {"left": left, "right": right}

    def gather(self, arrays: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
        return arrays["left"][rows] @ arrays["right"]


class ByMagnitude(AfterTraining):
    """Rows are ordered by norm and cut into groups; ``place``, counted, says where each row went."""

    @property
    def _edges(self) -> np.ndarray:
        """(groups + 1,) int64: where groups begin in the order of norms."""
        inner = [int(share * self.total) for share in np.cumsum(_SHARES)[:-1]]
        return np.array([0, *inner, self.total], np.int64)

    def _ordered(self, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows by descending norm, and each row's place among them (uint32)."""
        order = np.argsort(-np.linalg.norm(table, axis=1), kind="stable")
        place = np.empty(self.total, np.uint32)
        place[order] = np.arange(self.total)
        return table[order], place

    def _group_rows(self, arrays: Any, group: int, places: np.ndarray) -> np.ndarray:
        """Rows (n, dim) at ``places`` (n,) inside a group."""
        raise NotImplementedError

    def gather(self, arrays: Any, rows: np.ndarray) -> np.ndarray:
        places = arrays["place"][rows.ravel()].astype(np.int64)
        edges = self._edges
        which = np.searchsorted(edges, places, "right") - 1
        vectors = np.zeros((len(places), self.dim), np.float32)
        for group in np.unique(which).tolist():
            chosen = which == group
            vectors[chosen] = self._group_rows(arrays, group, places[chosen] - edges[group])
        return vectors.reshape(*rows.shape, self.dim)


@registry.register("magnitude_svd")
class MagnitudeSVD(ByMagnitude):
    """A factorization for each group of rows of similar norm, with ranks in proportion to the norm to the power 0.3.

    "MagSVD" of Zhang et al., VLDB 2024; the factor of proportion is bisected to the budget.
    """

    summary = "factors by groups of similar norm, larger rank for larger norm"
    source = "Zhang et al., VLDB 2024"

    def __init__(self, rows: Sequence[int], dim: int, budget: int) -> None:
        super().__init__(rows, dim)
        self.budget = budget

    @classmethod
    def _sized(cls, fields: Fields, dim: int, table_bytes: int) -> dict[str, Any]:
        least = cls(fields.rows, dim, 0)._size([1, 0, 0, 0])
        if table_bytes < least:
            raise TableBudgetError(cls._label(), table_bytes, least)
        return {"budget": table_bytes}

    def _size(self, ranks: Sequence[int]) -> int:
        counts = np.diff(self._edges).tolist()
        return 4 * self.total + sum(4 * rank * (count + self.dim) for rank, count in zip(ranks, counts))

    @property
    def planned_bytes(self) -> int:
        return self.budget

    def squeeze(self, table: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        ordered, place = self._ordered(table)
        groups = np.split(ordered, self._edges[1:-1])
        norms = np.array([np.linalg.norm(rows, axis=1).mean() if len(rows) else 0.0 for rows in groups])
        weight = (norms / max(norms.max(), 1e-30)) ** _EXPONENT
        tried = [[int(min(self.dim, t * w)) for w in weight] for t in np.arange(1.0, 40.0 * self.dim, 0.25)]
        fitting = [ranks for ranks in tried if self._size(ranks) <= self.budget] or [[1, 0, 0, 0]]
        stored = {"place": place}
        for group, (rows, rank) in enumerate(zip(groups, fitting[-1])):
            stored[f"left{group}"], stored[f"right{group}"] = factors(rows, min(rank, self.dim))
        return stored

    def _group_rows(self, arrays: Any, group: int, places: np.ndarray) -> np.ndarray:
        return arrays[f"left{group}"][places] @ arrays[f"right{group}"]


@registry.register("magnitude_pq")
class MagnitudePQ(ByMagnitude):
    """Product quantization with codes of halving length for groups of falling norm; a group without a code is zero.

    "MagPQ" of Zhang et al., VLDB 2024, over the registry's ``pq``.
    """

    summary = "product quantization with longer codes for larger norms"
    source = "Zhang et al., VLDB 2024"

    def __init__(self, rows: Sequence[int], dim: int, code_bytes: Sequence[int]) -> None:
        super().__init__(rows, dim)
        self.code_bytes = [int(size) for size in code_bytes]

    @classmethod
    def _sized(cls, fields: Fields, dim: int, table_bytes: int) -> dict[str, Any]:
        largest = 1 << (dim.bit_length() - 1)
        for power in range(largest.bit_length() - 1, -1, -1):
            code_bytes = [(1 << power) >> group for group in range(len(_SHARES))]
            method = cls(fields.rows, dim, code_bytes)
            if method.planned_bytes <= table_bytes:
                return {"code_bytes": code_bytes}
        raise TableBudgetError(cls._label(), table_bytes, method.planned_bytes)

    @property
    def planned_bytes(self) -> int:
        counts = np.diff(self._edges).tolist()
        codebook = 4 * 256 * self.dim
        return 4 * self.total + sum(
            size * count + codebook for size, count in zip(self.code_bytes, counts) if size and count
        )

    def squeeze(self, table: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        ordered, place = self._ordered(table)
        stored = {"place": place}
        for group, (rows, size) in enumerate(zip(np.split(ordered, self._edges[1:-1]), self.code_bytes)):
            if size and len(rows):
                codec = self._codec(size).fit(rows, int(rng.integers(2**31)))
                stored[f"codes{group}"] = codec.encode(rows)
                stored |= {f"part{group}.{name}": array for name, array in codec.parts().items()}
        return stored

    def _codec(self, size: int) -> Any:
        return registry.for_budget("pq", self.dim, size, Metric.L2)

    def ready(self, arrays: dict[str, np.ndarray]) -> Any:
        ready: dict[str, Any] = {"place": arrays["place"]}
        for group, size in enumerate(self.code_bytes):
            if f"codes{group}" in arrays:
                head = f"part{group}."
                parts = {name[len(head) :]: array for name, array in arrays.items() if name.startswith(head)}
                codec = self._codec(size)
                ready[f"codes{group}"] = arrays[f"codes{group}"]
                ready[f"codec{group}"] = type(codec).from_parts(codec.params(), parts)
        return ready

    def _group_rows(self, arrays: Any, group: int, places: np.ndarray) -> np.ndarray:
        if f"codes{group}" not in arrays:
            return np.zeros((len(places), self.dim), np.float32)
        return arrays[f"codec{group}"].decode(arrays[f"codes{group}"][places])


@registry.register("tt_svd")
class TTSVD(AfterTraining, TensorTrain):
    """A finished table as three tensor-train cores, by two singular value decompositions.

    Oseledets, Tensor-Train Decomposition, SIAM J. Sci. Comput. 2011, algorithm 1; places as in ``tt_rec``.

    Parameters
    ----------
    rows, dim
        As for :class:`~methods.tables.base.TableMethod`.
    rank : int
        Of the cores; an id reads 2 rank^2 numbers of the middle one.
    max_rank : int, of ``for_budget``
        The largest rank that is taken.
    """

    family = "after training"
    summary = "a finished table as three tensor-train cores"
    source = "Oseledets, SIAM J. Sci. Comput. 2011"

    @classmethod
    def _sized(cls, fields: Fields, dim: int, table_bytes: int, *, max_rank: int = 32) -> dict[str, Any]:
        return super()._sized(fields, dim, table_bytes, max_rank=max_rank)

    def squeeze(self, table: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        (n1, n2, n3), (d1, d2, d3) = row_factors(self.total), dim_factors(self.dim)
        r = self.rank
        padded = np.pad(table, ((0, n1 * n2 * n3 - self.total), (0, 0))).reshape(n3, n2, n1, d1, d2, d3)
        first = padded.transpose(2, 3, 1, 4, 0, 5).reshape(n1 * d1, -1)
        core1, rest = _split(first, r)
        core2, core3 = _split(rest.reshape(r * n2 * d2, n3 * d3), r)
        return {
            "core1": np.ascontiguousarray(core1.reshape(n1, d1, r)),
            "core2": core2.reshape(r, n2, d2, r).transpose(1, 0, 2, 3).reshape(n2, r, d2 * r),
            "core3": np.ascontiguousarray(core3.reshape(r, n3, d3).transpose(1, 0, 2)),
        }

    def compress(self, state: Any) -> dict[str, np.ndarray]:
        return AfterTraining.compress(self, state)


def _split(matrix: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """(rows, rank) orthonormal columns and (rank, columns) of the best product; zeros beyond the matrix' own rank."""
    if len(matrix) <= matrix.shape[1]:
        left = np.linalg.eigh(matrix.astype(np.float64) @ matrix.T)[1][:, ::-1]
    else:
        left = np.linalg.svd(matrix, full_matrices=False)[0]
    left = np.pad(left[:, :rank], ((0, 0), (0, max(0, rank - left.shape[1]))))
    return left.astype(np.float32), (left.T @ matrix).astype(np.float32)
