"""Queries that a codec may learn from: declared by the caller, and never those that it is judged on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from methods.errors import MethodError
from methods.vectors import as_vectors, normalized

__all__ = ["TrainingQueries"]


def _none() -> np.ndarray:
    return np.empty(0, np.int64)


@dataclass(frozen=True)
class TrainingQueries:
    """Queries of a log, for codecs whose class says ``uses_queries``.

    Attributes
    ----------
    vectors : (n, dim) floating
    answers : (n,) int64 or None
        The row of the vectors given to ``fit`` that each query asks for, -1 where that is not among them; None where
        nothing is known of any.
    validation : (m,) int64
        Rows of ``vectors`` on which settings are chosen; nothing else is learned from them.
    """

    vectors: np.ndarray
    answers: np.ndarray | None = None
    validation: np.ndarray = field(default_factory=_none)

    @property
    def learned(self) -> np.ndarray:
        """Rows of ``vectors`` that are not for validation, ascending."""
        return np.setdiff1d(np.arange(len(self.vectors)), self.validation)

    def prepared(self, dim: int, items: int, unit_norm: bool) -> Self:
        """The same as a codec learns from them: read-only float32, of unit norm where that is requested.

        Parameters
        ----------
        dim : int
            Dimension that they must have.
        items : int
            Vectors given to ``fit``.
        unit_norm : bool

        Raises
        ------
        MethodError
            Wrong shape, no query but for validation, or rows out of range.
        """
        vectors = as_vectors(self.vectors, dim, "training queries")
        validation = _rows(self.validation, "validation", 0, len(vectors))
        if len(validation) and len(np.unique(validation)) != len(validation):
            raise MethodError("validation names a training query twice; give each row once")
        if len(validation) >= len(vectors):
            count = len(vectors)
            raise MethodError(f"{count} training queries, {len(validation)} for validation, leave none; give more")
        answers = None
        if self.answers is not None:
            answers = _rows(self.answers, "answers", -1, items)
            if len(answers) != len(vectors):
                raise MethodError(f"{len(answers)} answers are of {len(vectors)} training queries; give one for each")
        return replace(
            self, vectors=normalized(vectors) if unit_norm else vectors, answers=answers, validation=validation
        )


def _rows(rows: np.ndarray, what: str, least: int, stop: int) -> np.ndarray:
    """``rows`` as (n,) int64; :class:`MethodError` unless they are integers from ``least`` to below ``stop``."""
    array = np.asarray(rows)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise MethodError(f"{what} of training queries have shape {array.shape} of {array.dtype}; give integers (n,)")
    if array.size and not (least <= array.min() and array.max() < stop):
        raise MethodError(f"{what} of training queries are not all in {least} to {stop - 1}; give rows that there are")
    return array.astype(np.int64)
