"""Data sets of the table track: examples of categorical fields with a label, split into train, validation and test."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from bench.datasets.base import DatasetError
from bench.datasets.builders import folder_of, is_built
from bench.datasets.builders.clicks import NUMBERING
from methods.tables.state import Fields
from methods.tables.training import Examples

__all__ = ["BUILT", "PARTS", "ClickDataset", "ClickMetric", "built", "cut"]

BUILT = ("book-crossing", "ml-100k", "criteo-kaggle", "avazu", "criteo-tb")
PARTS = ("train", "validation", "test")
_BLOCK = 1 << 20  # examples counted and hashed at a time


class ClickMetric(StrEnum):
    """What a click model is judged by: the area under the ROC curve."""

    AUC = "auc"

    @property
    def descending(self) -> bool:
        """True: more is better."""
        return True


@dataclass(frozen=True)
class ClickDataset:
    """One workload of the table track.

    Attributes
    ----------
    name : str
    field_names : tuple of str
    rows : tuple of int
        Vocabulary of each field, over all three parts.
    train, validation, test : Examples
        Perhaps memory-mapped. Methods see the first two, early stopping and every choice the second alone.
    dim : int
        Width of the table.
    checksum : str
        SHA-256 over vocabulary, width and examples as used.
    card : dict
    """

    track: ClassVar[str] = "table"
    metric: ClassVar[ClickMetric] = ClickMetric.AUC
    relevance: ClassVar[None] = None
    neighbors: ClassVar[None] = None

    name: str
    field_names: tuple[str, ...]
    rows: tuple[int, ...]
    train: Examples
    validation: Examples
    test: Examples
    dim: int
    checksum: str
    card: dict[str, Any] = field(default_factory=dict)

    @property
    def queries(self) -> Examples:
        """The test examples."""
        return self.test

    @cached_property
    def fields(self) -> Fields:
        """The vocabulary with the frequencies of the training examples."""
        offsets = np.concatenate([[0], np.cumsum(self.rows)[:-1]]).astype(np.int64)
        counts = np.zeros(sum(self.rows), np.int64)
        for start in range(0, len(self.train), _BLOCK):
            counts += np.bincount((self.train.ids[start : start + _BLOCK] + offsets).ravel(), minlength=len(counts))
        return Fields(self.rows, counts)


@dataclass(frozen=True)
class ClickSource:
    """A data set as its files have it."""

    field_names: tuple[str, ...]
    rows: tuple[int, ...]
    parts: dict[str, Examples]
    dim: int
    card: dict[str, Any]


def built(name: str, dim: int = 16) -> ClickSource:
    """A data set that ``python -m bench.datasets build`` made.

    Parameters
    ----------
    dim : int
        Width of the embedding table.
    """
    if isinstance(dim, bool) or not isinstance(dim, int) or not 1 <= dim <= 4096:
        raise DatasetError(f"{name}: dim={dim} is out of range; use an integer from 1 to 4096")
    folder = folder_of(name)
    if not is_built(name):
        raise DatasetError(f"{name} is not built here; run `python -m bench.datasets build {name}`")
    again = f"run `python -m bench.datasets build {name} --force`"
    try:
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        parts = {
            part: Examples(*(np.load(folder / f"{part}-{what}.npy", mmap_mode="r") for what in ("ids", "labels")))
            for part in PARTS
        }
        source = ClickSource(tuple(card["fields"]), tuple(card["rows"]), parts, dim, card)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{folder} is damaged ({error}); {again}") from None
    if card.get("numbering") != NUMBERING:
        raise DatasetError(f"{name} was built by an older version, its values numbered by the file's order; {again}")
    return source


def cut(name: str, source: ClickSource, max_queries: int | None, sampled: np.ndarray | None) -> ClickDataset:
    """The data set of the first ``max_queries`` test examples and the ``sampled`` rows of the training ones."""
    train, test = source.parts["train"], source.parts["test"][: max_queries or None]
    if sampled is not None:
        train = train[sampled]
    parts = {"train": train, "validation": source.parts["validation"], "test": test}
    digest = hashlib.sha256(json.dumps([source.rows, source.dim]).encode())
    for examples in parts.values():
        for start in range(0, len(examples), _BLOCK):
            block = examples[start : start + _BLOCK]
            digest.update(np.ascontiguousarray(block.ids, "<i4").data)
            digest.update(np.ascontiguousarray(block.labels, np.uint8).data)
    return ClickDataset(
        name=name,
        field_names=source.field_names,
        rows=source.rows,
        **parts,
        dim=source.dim,
        checksum=digest.hexdigest(),
        card=dict(source.card),
    )
