"""A scan of some rows: what the scanners share."""

from __future__ import annotations

import copy
from typing import ClassVar, Self

import numpy as np

__all__ = ["Ranged", "all_rows"]


def all_rows(size: int) -> np.ndarray:
    """The one range (1, 2) int64 of ``size`` rows."""
    return np.array([[0, size]], np.int64)


class Ranged:
    """Base: scans the rows in :attr:`ranges`, which are all of them at first.

    Attributes
    ----------
    size : int
        Number of rows that are scanned.
    ranges : (r, 2) int64
        First row of each piece that is scanned, and the one after its last.
    """

    _inner: ClassVar[str] = ""  # the attribute that scans, if another one does

    size: int
    ranges: np.ndarray

    def within(self, ranges: np.ndarray) -> Self:
        """The same scan of the rows in ``ranges`` (r, 2) int64 alone; their numbers stay what they are.

        Pieces do not overlap. Nothing is copied but a few references.
        """
        part = copy.copy(self)
        part.ranges, part.size = ranges, int((ranges[:, 1] - ranges[:, 0]).sum())
        if self._inner:
            setattr(part, self._inner, getattr(self, self._inner).within(ranges))
        return part
