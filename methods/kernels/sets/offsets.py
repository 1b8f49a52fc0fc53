"""Where sets begin among rows that stand side by side: what is checked before a kernel reads them."""

from __future__ import annotations

import numpy as np

from methods.kernels.errors import KernelError

__all__ = ["as_offsets", "owners"]


def as_offsets(offsets: np.ndarray, total: int, what: str) -> np.ndarray:
    """(n + 1,) int64, C-contiguous: rows ``offsets[i] : offsets[i + 1]`` of ``total`` are set i's.

    :class:`KernelError` where that would reach beyond the rows.
    """
    integers = np.ascontiguousarray(offsets, np.int64)
    if (
        np.ndim(offsets) != 1
        or not len(integers)
        or integers[0] < 0
        or integers[-1] > total
        or (integers[1:] < integers[:-1]).any()
    ):
        raise KernelError(f"{what} must ascend from 0 to at most {total}, the number of rows; they are {offsets}")
    return integers


def owners(offsets: np.ndarray, total: int) -> np.ndarray:
    """(total,) int32: the set of each row, for offsets from 0 to ``total``."""
    sizes = np.diff(as_offsets(offsets, total, "offsets"))
    if sizes.sum() != total:
        raise KernelError(f"offsets must go from 0 to {total}, the number of codes; they are {offsets}")
    return np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
