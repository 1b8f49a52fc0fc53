"""Kinds of sets of vectors that encoders make and that break codes, each made of plain sets that have none of it.

As :mod:`methods.checks.kinds`, some of whose changes are made to the vectors of sets here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from methods.checks import kinds as dense
from methods.multivector.ragged import Ragged

__all__ = ["KINDS", "SetKind"]

Sets = tuple[Ragged, Ragged]  # documents and queries
Vectors = tuple[np.ndarray, np.ndarray]

PADDING, LENGTHS, DIRECTION, VALUES = "padding", dense.LENGTHS, dense.DIRECTION, dense.VALUES
_ROGUE = 30.0


@dataclass(frozen=True)
class SetKind:
    """One kind of sets.

    Attributes
    ----------
    name : str
        For tables and for ``MultiVectorCodec.kind_exceptions``.
    what : str
        What is peculiar about them; one line.
    group : str
        What it has in common with others; may stand in ``kind_exceptions`` for all of them.
    make : Callable
        Makes documents and queries of it from plain ones.
    """

    name: str
    what: str
    group: str
    make: Callable[[Ragged, Ragged], Sets]


KINDS: dict[str, SetKind] = {}


def _kind(group: str, name: str, what: str, make: Callable[[Ragged, Ragged], Sets]) -> None:
    KINDS[name] = SetKind(name, what, group, make)


def _of_vectors(change: Callable[[np.ndarray, np.ndarray], Vectors]) -> Callable[[Ragged, Ragged], Sets]:
    """Sets of as many vectors, of which ``change`` makes others."""

    def make(documents: Ragged, queries: Ragged) -> Sets:
        changed, changed_queries = change(documents.vectors, queries.vectors)
        return (
            Ragged(changed.astype(np.float32), documents.offsets),
            Ragged(changed_queries.astype(np.float32), queries.offsets),
        )

    return make


def padded(sets: Ragged) -> Ragged:
    """Every set with half as many vectors of zeros behind its own, of every other one before them."""
    parts = []
    for i in range(len(sets)):
        zeros = np.zeros((len(sets.set(i)) // 2 + 1, sets.dim), np.float32)
        parts.append(np.concatenate([zeros, sets.set(i)] if i % 2 else [sets.set(i), zeros]))
    return Ragged.from_list(parts)


_kind(PADDING, "padded documents", "half as many zeros beside a document's vectors", lambda b, q: (padded(b), q))
_kind(PADDING, "padded queries", "half as many zeros beside a query's vectors", lambda b, q: (b, padded(q)))


def _times(documents: float, queries: float) -> Callable[[Ragged, Ragged], Sets]:
    return _of_vectors(lambda base, others: (base * np.float32(documents), others * np.float32(queries)))


_kind(LENGTHS, "all x 1e-3", "all vectors are very short", _times(1e-3, 1e-3))
_kind(LENGTHS, "all x 100", "all vectors are very long", _times(100, 100))
_kind(LENGTHS, "queries x .01", "queries' vectors are shorter than documents'", _times(1, 0.01))
_kind(LENGTHS, "queries x 100", "queries' vectors are longer than documents'", _times(1, 100))


def _one_long(base: np.ndarray, queries: np.ndarray) -> Vectors:
    return base * np.where(np.arange(len(base)) == len(base) // 100, np.float32(100), np.float32(1))[:, None], queries


_kind(LENGTHS, "one vector x 100", "one vector of one document is 100 times as long as others", _of_vectors(_one_long))

for _name in ("average cosine .75", "queries apart"):
    _kind(DIRECTION, _name, dense.KINDS[_name].what, _of_vectors(dense.KINDS[_name].make))


def _rogue(base: np.ndarray, queries: np.ndarray) -> Vectors:
    """Two dimensions 30 times as large; of unit length again where vectors were."""
    dim = base.shape[1]
    factors = np.ones(dim)
    factors[[dim // 8, 3 * dim // 4]] = _ROGUE
    return dense.unit(base * factors), dense.unit(queries * factors)


_kind(VALUES, "rogue dimensions", "two dimensions are 30 times as large as others", _of_vectors(_rogue))
