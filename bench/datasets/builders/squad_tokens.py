"""Builds ``squad-tokens``: the paragraphs of SQuAD dev and 2,000 of its questions, a MiniLM vector for each token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.base import Relevance
from bench.datasets.builders import encoder, folder, squad
from bench.datasets.builders.fetch import fetch, verified
from bench.datasets.builders.squad_sentences import ARCHIVE
from methods.multivector import Ragged

QUERIES, SEED = 2_000, 0
CARD: dict[str, Any] = {
    "title": "Paragraphs of SQuAD, found by the questions that are about them; a vector a token",
    "metric": "chamfer",
    "source": "SQuAD 1.1 development set (Rajpurkar et al. 2016), "
    "as packed in the source distribution of bigbench 1.0.0",
    "source_sha256": ARCHIVE.sha256,
    "licence": "texts: SQuAD CC BY-SA 4.0; encoder: Apache-2.0",
    "encoder": f"all-MiniLM-L6-v2 ({encoder.DISTRIBUTION} {encoder.VERSION}), last layer, every token of unit norm",
    "relevant": "the paragraph that the question was asked about (grade 1)",
    "values": "float16, which are the data set: no text is kept, and nothing is more exact",
}


def collect(paragraphs: list[dict[str, Any]]) -> tuple[list[str], list[str], np.ndarray]:
    """Distinct paragraphs in order of appearance, questions, and the row of each question's paragraph (int64)."""
    rows: dict[str, int] = {}
    questions: list[str] = []
    about: list[int] = []
    for paragraph in paragraphs:
        row = rows.setdefault(paragraph["context"].strip(), len(rows))
        for question in paragraph["qas"]:
            questions.append(question["question"].strip())
            about.append(row)
    return list(rows), questions, np.array(about, np.int64)


def build(target: Path, source: Path | None = None) -> None:
    """Write the data set to ``target``; ``source`` is the downloaded sdist, fetched if None."""
    archive = fetch(ARCHIVE) if source is None else verified(ARCHIVE, source)
    texts, questions, about = collect(squad.read_paragraphs(archive, squad.MEMBERS[:1]))
    chosen = np.random.default_rng(SEED).permutation(len(questions))[:QUERIES]
    queries = Ragged(*encoder.encode_tokens_in_shards([questions[row] for row in chosen], "questions"))
    base = Ragged(*encoder.encode_tokens_in_shards(texts, "paragraphs"))
    relevance = Relevance(np.arange(len(chosen)), about[chosen], np.ones(len(chosen), np.int64))
    counts = f"{QUERIES:,} of the {len(questions):,} questions, drawn with seed {SEED}"
    folder.save_sets(target, base, queries, relevance, {**CARD, "queries": counts, "base": "every paragraph"})
