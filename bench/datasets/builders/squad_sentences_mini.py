"""Builds ``squad-sentences-mini``, the subset of ``squad-sentences`` that is committed with the code."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from bench.datasets.base import DatasetError, Relevance
from bench.datasets.builders import folder

QUERIES, ITEMS, SEED = 1_000, 20_000, 0
LEARNED, VALIDATION = 2_500, 500  # training queries


def choose_rows(items: int, answers: np.ndarray) -> np.ndarray:
    """Sorted rows (20,000,) of ``squad-sentences``: all ``answers``, filled up by a seeded draw from the rest."""
    kept = np.unique(answers)
    rest = np.setdiff1d(np.arange(items), kept)
    filling = np.random.default_rng(SEED).choice(rest, ITEMS - len(kept), replace=False)
    return np.sort(np.concatenate([kept, filling]))


def choose_training(rows: np.ndarray, answers: np.ndarray, validation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of training queries, ascending, and the places of those for validation among them.

    Parameters
    ----------
    rows : (items,) integers
        Kept rows of the base, ascending.
    answers, validation : (n,), (m,) integers
        Of ``squad-sentences``: the row that answers each training query, and the queries for validation.
    """
    rng, answered = np.random.default_rng(SEED), np.flatnonzero(np.isin(answers, rows))
    held_out = np.isin(answered, validation)
    parts = [
        rng.choice(some, min(count, len(some)), replace=False)
        for some, count in ((answered[~held_out], LEARNED), (answered[held_out], VALIDATION))
    ]
    chosen = np.sort(np.concatenate(parts))
    return chosen, np.flatnonzero(np.isin(chosen, parts[1]))


def build(target: Path, source: Path | None = None) -> None:
    """Write the data set to ``target`` from ``source``, the folder of the built ``squad-sentences``."""
    if source is None:
        raise DatasetError("squad-sentences-mini is made from squad-sentences; build that first")
    relevance = np.load(source / "relevance.npy", allow_pickle=False)
    answers = relevance[relevance[:, 0] < QUERIES, 1]
    base = np.load(source / "base.npy", mmap_mode="r", allow_pickle=False)
    rows = choose_rows(len(base), answers)
    queries = np.load(source / "queries.npy", mmap_mode="r", allow_pickle=False)[:QUERIES]
    judged = Relevance(np.arange(QUERIES), np.searchsorted(rows, answers), np.ones(QUERIES, np.int64))
    card = json.loads((source / "card.json").read_text(encoding="utf-8"))
    card |= {
        "title": "20,000 sentences of squad-sentences that hold the answers to its first 1,000 queries",
        "queries": f"the first {QUERIES:,} of squad-sentences",
        "base": f"{ITEMS:,} of its sentences: those that answer the queries, the rest drawn with seed {SEED}",
        "values": "float16, which are the data set: no text is kept, and nothing is more exact",
        "made_by": "python -m bench.datasets build squad-sentences, then build squad-sentences-mini",
    }
    folder.save(target, np.asarray(base[rows], np.float16), np.asarray(queries, np.float16), judged, card)
    kept = np.load(source / folder.TRAIN_RELEVANCE, allow_pickle=False)[:, 1]
    chosen, validation = choose_training(rows, kept, np.load(source / folder.VALIDATION, allow_pickle=False))
    vectors = np.load(source / folder.TRAIN_QUERIES, mmap_mode="r", allow_pickle=False)[chosen]
    places = np.searchsorted(rows, kept[chosen])
    judged = Relevance(np.arange(len(chosen)), places, np.ones(len(chosen), np.int64))
    folder.add_train_queries(target, np.asarray(vectors, np.float16), judged, validation)
