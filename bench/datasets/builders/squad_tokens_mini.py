"""Builds ``squad-tokens-mini``, the sample of ``squad-tokens`` that is committed with the code."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.datasets.base import DatasetError, Relevance
from bench.datasets.builders import folder
from bench.datasets.builders.squad_tokens_128 import principal_directions, read, reduced

DIM, ITEMS, SEED = 64, 256, 0


def build(target: Path, source: Path | None = None) -> None:
    """Write the data set to ``target`` from ``source``, the folder of the built ``squad-tokens``."""
    if source is None:
        raise DatasetError("squad-tokens-mini is made from squad-tokens; build that first")
    base, queries, relevance, card = read(source)
    relevant = np.unique(relevance.item)
    rows = np.sort(np.random.default_rng(SEED).choice(relevant, ITEMS, replace=False))
    kept = np.flatnonzero(np.isin(relevance.item, rows))
    judged = Relevance(np.arange(len(kept)), np.searchsorted(rows, relevance.item[kept]), relevance.grade[kept])
    directions = principal_directions(base.vectors, DIM)
    card |= {
        "title": f"{ITEMS} paragraphs of squad-tokens and the questions about them, {DIM} dimensions",
        "reduction": f"{DIM} leading eigenvectors of all tokens' second moments, unit norm again",
        "queries": f"the {len(kept)} of squad-tokens that are about these paragraphs",
        "base": f"{ITEMS} of its paragraphs with a question, drawn with seed {SEED}",
        "made_by": "python -m bench.datasets build squad-tokens, then build squad-tokens-mini",
    }
    folder.save_sets(
        target, reduced(base.take(rows), directions), reduced(queries.take(kept), directions), judged, card
    )
