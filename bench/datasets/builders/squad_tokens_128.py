"""Builds ``squad-tokens-128``: ``squad-tokens`` in its 128 principal directions, the width that ColBERT uses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.base import DatasetError, Relevance
from bench.datasets.builders import folder
from methods.multivector import Ragged
from methods.vectors import normalized

DIM = 128
_ROWS = 16_384


def principal_directions(vectors: np.ndarray, dim: int) -> np.ndarray:
    """(width, dim) float64: the leading eigenvectors of ``vectors.T @ vectors``, each with its largest entry positive.

    Not centered: what is to be kept are inner products with queries, whose mean is another.
    """
    moment = np.zeros((vectors.shape[1],) * 2)
    for start in range(0, len(vectors), _ROWS):
        block = vectors[start : start + _ROWS].astype(np.float64)
        moment += block.T @ block
    _, axes = np.linalg.eigh(moment)
    axes = axes[:, ::-1][:, :dim]
    return axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(dim)])


def reduced(sets: Ragged, directions: np.ndarray) -> Ragged:
    """Every vector in the given directions, of unit norm again, as float16."""
    blocks = [sets.vectors[at : at + _ROWS].astype(np.float64) @ directions for at in range(0, sets.total, _ROWS)]
    return Ragged(normalized(np.concatenate(blocks).astype(np.float32)).astype(np.float16), sets.offsets)


def read(source: Path) -> tuple[Ragged, Ragged, Relevance, dict[str, Any]]:
    """Base, queries, judgements and card of the built data set in the folder ``source``."""
    try:
        arrays = {
            name: np.load(source / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            for name in ("base", "base_offsets", "queries", "queries_offsets", "relevance")
        }
        card = json.loads((source / "card.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{source} is not a built squad-tokens ({error}); build that first") from None
    base = Ragged(arrays["base"], arrays["base_offsets"])
    queries = Ragged(arrays["queries"], arrays["queries_offsets"])
    return base, queries, Relevance(*arrays["relevance"].astype(np.int64).T.copy()), card


def build(target: Path, source: Path | None = None) -> None:
    """Write the data set to ``target`` from ``source``, the folder of the built ``squad-tokens``."""
    if source is None:
        raise DatasetError("squad-tokens-128 is made from squad-tokens; build that first")
    base, queries, relevance, card = read(source)
    directions = principal_directions(base.vectors, DIM)
    card |= {
        "title": f"squad-tokens in the {DIM} principal directions of its paragraphs' tokens",
        "reduction": f"{DIM} leading eigenvectors of the tokens' second moments, unit norm again",
        "made_by": "python -m bench.datasets build squad-tokens-128",
    }
    folder.save_sets(target, reduced(base, directions), reduced(queries, directions), relevance, card)
