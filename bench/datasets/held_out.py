"""``dataset.train=held_out``: methods are fitted on vectors of the base that are not searched.

Codebooks that are fitted on the vectors which are searched learn some of them by heart, and the more so the larger the
codebooks are beside the base. Fitted on as many others of the same kind, methods show what they would keep of vectors
that arrive later.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.datasets.base import DatasetError
from bench.datasets.sources import Source
from bench.datasets.store import Rows

HELD_OUT = "held_out"
SUFFIX = "+held_out"  # of a data set's name


def check_train(name: str, train: object) -> None:
    """Raise :class:`DatasetError` unless ``train`` is ``held_out`` or None, for a data set that names no file by it."""
    if train not in (None, HELD_OUT):
        raise DatasetError(f"train={train} is unknown of {name}; use train={HELD_OUT}, or null to fit on the base")


def sampled(items: int, count: int | None, seed: int) -> np.ndarray | None:
    """Sorted rows of a sample without replacement, or None for all ``items``."""
    if count is None or count >= items:
        return None
    return np.sort(np.random.default_rng(seed).choice(items, count, replace=False))


def halves(items: int, max_base: int | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sorted rows that are searched, and as many others, that methods are fitted on.

    The first are those of :func:`sampled`, so that a data set with ``max_base`` has the same base whether methods are
    fitted on it or on others. Without ``max_base``, or where it is more, half of all are searched.
    """
    if items < 2:
        raise DatasetError(f"train={HELD_OUT} splits the base, which has {items} vectors; it needs at least 2")
    half = -(-items // 2)
    count = half if max_base is None else min(half, max_base)
    searched = sampled(items, count, seed)
    assert searched is not None
    others = np.setdiff1d(np.arange(items), searched, assume_unique=True)
    chosen = sampled(len(others), count, seed + 1)
    return searched, others if chosen is None else others[chosen]


def held_out(name: str, source: Source, max_base: int | None, seed: int) -> tuple[Source, np.ndarray]:
    """``source`` with training vectors of its own base, and the sorted rows of the base that are searched.

    Raises
    ------
    DatasetError
        If it has training vectors already, or fewer than two vectors.
    """
    if source.train is not None:
        raise DatasetError(f"{name} has training vectors that are not in its base; leave train={HELD_OUT} out")
    searched, others = halves(source.base.shape[0], max_base, seed)
    label = f"{len(others)} rows of seed {seed} that are not searched"
    train = Rows(source.base, others)
    identity = None if source.identity is None else f"{source.identity} {label}"
    card = {**source.card, "train": f"{len(others)} vectors of the base that are not searched, drawn with seed {seed}"}
    return replace(source, train=train, train_identity=identity, card=card), searched
