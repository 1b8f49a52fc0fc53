"""Scores that float32 cannot hold: recognized, or avoided by powers of two, which round nothing."""

from __future__ import annotations

import numpy as np

from bench.datasets.base import DatasetError

__all__ = ["check_overflow", "check_underflow", "scaling", "underflow_error"]

_GREATEST = float(np.finfo(np.float32).max)
_LEAST = float(np.finfo(np.float32).tiny)  # the smallest number of full precision
_SPACING = float(np.finfo(np.float32).smallest_subnormal)  # of smaller numbers: what a product that underflows loses
_ORDINARY = 30  # binary exponents up to this size, of both factors, leave a sum of products far within the range


def check_overflow(scores: np.ndarray, name: str, metric: object) -> None:
    """:class:`DatasetError` if a search in float32 would find a score infinite."""
    if not (np.abs(scores) < _GREATEST).all():
        raise DatasetError(
            f"{name} has values whose {metric} scores overflow float32; divide all vectors by one number, which keeps "
            "the order of neighbors"
        )


def check_underflow(greatest: float, dim: int, name: str, metric: object) -> None:
    """:class:`DatasetError` if a search in float32 would lose every score.

    Parameters
    ----------
    greatest : float
        What no score exceeds, by the norms of queries and base.
    dim : int
        Of the vectors: the products that a score is the sum of are about so many times smaller.
    """
    if 0 < greatest < dim * _LEAST:
        power = -(int(np.frexp(greatest)[1]) // 2)
        raise DatasetError(
            f"{name} has values so small that their {metric} scores vanish in float32 (none exceeds {greatest:.0e}); "
            f"multiply all vectors, queries too, by one number, for example 2**{power}, which keeps the order of "
            "neighbors"
        )


def scaling(greatest: np.ndarray | float) -> np.ndarray:
    """Exponents of two that bring values of at most ``greatest`` near 1; 0 where they are near enough already."""
    exponents = np.frexp(np.asarray(greatest, np.float64))[1]
    return np.where((np.asarray(greatest) > 0) & (np.abs(exponents) > _ORDINARY), -exponents, 0)


def underflow_error(dim: int, exponents: np.ndarray | float) -> np.ndarray:
    """What a sum of ``dim`` products scaled by ``2**exponents`` may have lost below float32's range, scaled back."""
    return dim * np.ldexp(_SPACING, -np.asarray(exponents))
