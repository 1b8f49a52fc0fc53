"""Vectors in a cone: every one mixed with one direction, as many text encoders in service make theirs.

That embeddings share a large mean is measured by Mu and Viswanath 2018 ("All-but-the-Top: Simple and Effective
Postprocessing for Word Representations") and Ethayarajh 2019 ("How Contextual are Contextualized Word
Representations?"). In a cone the neighbors keep nearly their order, so that what a method loses against the plain set
is what the common direction costs it.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from bench.datasets.base import DatasetError, VectorStore
from bench.datasets.sources import Source
from bench.datasets.store import Rows, read_only

_DIRECTION_SEED = 0
_BLOCK_BYTES = 4 << 20  # of float64, so that what is read at once needs little beside itself


def check_cone(cone: Any) -> float:
    """``cone`` as a float; :class:`DatasetError` unless it is a number strictly between 0 and 1."""
    if isinstance(cone, bool) or not isinstance(cone, int | float) or not 0 < cone < 1:
        raise DatasetError(
            f"cone={cone} is out of range; use a number between 0 and 1, as .75 (the average cosine of two vectors), "
            "or null for the vectors as they are"
        )
    return float(cone)


def suffix(cone: float) -> str:
    """What the name of a data set in a cone ends in: ``+cone.75``."""
    return f"+cone{repr(cone).removeprefix('0')}"


def in_cone(source: Source, cone: float) -> Source:
    """``source`` with base, queries, training vectors and training queries each mixed with one direction."""
    learned = source.train_queries
    return replace(
        source,
        base=_mixed(source.base, cone),
        queries=_mixed(source.queries, cone),
        train=None if source.train is None else _mixed(source.train, cone),
        train_queries=None if learned is None else replace(learned, store=_mixed(learned.store, cone)),
        neighbors=None,
        identity=_identity(source.identity, cone),
        train_identity=_identity(source.train_identity, cone),
        card={
            **source.card,
            "cone": f"vectors and queries are mixed with one direction: average cosine about {cone:g}, more if they "
            "shared one before",
        },
    )


def _mixed(store: VectorStore, cone: float) -> VectorStore:
    """``store`` in the cone; a choice of rows stays one, so that errors name the rows of its file."""
    return Rows(Cone(store.store, cone), store.rows) if isinstance(store, Rows) else Cone(store, cone)


def _identity(identity: str | None, cone: float) -> str | None:
    return None if identity is None else f"{identity} cone {cone!r}"


def common_direction(dim: int) -> np.ndarray:
    """The direction (dim,) float64 of unit norm that all share; always the same one in a dimension."""
    drawn = np.random.default_rng(_DIRECTION_SEED).standard_normal(dim)
    return drawn / np.sqrt(np.square(drawn).sum())


class Cone:
    """The vectors x of another store as ``sqrt(1 - cone) x / |x| + sqrt(cone) u`` of unit norm, computed when read.

    ``u`` is :func:`common_direction`. Where the vectors were centered, ``cone`` is then the average cosine of two of
    them. Zero vectors become u. Computed in float64 and rounded once, so that a row is the same in any block.
    """

    def __init__(self, store: VectorStore, cone: float) -> None:
        self._store, self._cone = store, cone
        self._common = math.sqrt(cone) * common_direction(store.shape[1])

    @property
    def shape(self) -> tuple[int, int]:
        return self._store.shape

    def read(self, start: int, stop: int) -> np.ndarray:
        """Rows ``start:stop`` (clipped to n) as read-only C-contiguous float32."""
        return self._mix(self._store.read(start, stop))

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The given rows, in their order, as read-only C-contiguous float32."""
        return self._mix(self._store.take(rows))

    def _mix(self, vectors: np.ndarray) -> np.ndarray:
        mixed = np.empty(vectors.shape, np.float32)
        step = max(1, _BLOCK_BYTES // (8 * max(1, vectors.shape[1])))
        for start in range(0, len(vectors), step):
            block = _unit(vectors[start : start + step].astype(np.float64)) * math.sqrt(1 - self._cone)
            mixed[start : start + step] = _unit(block + self._common)
        return read_only(mixed)


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Float64 vectors at unit norm; zero vectors stay zero, and what is not finite stays so for the check of rows."""
    norms = np.sqrt(np.square(vectors).sum(axis=1, keepdims=True))
    with np.errstate(invalid="ignore"):
        return np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms != 0)
