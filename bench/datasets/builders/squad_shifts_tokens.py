"""Builds ``squad-shifts-tokens``: all paragraphs of SQuADShifts and of SQuAD dev, a MiniLM vector for each token.

Its questions are about newspaper articles and comments on Reddit; the other paragraphs make searches harder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.base import Relevance
from bench.datasets.builders import encoder, folder, squad
from bench.datasets.builders.fetch import fetch, verified
from bench.datasets.builders.squad_sentences import ARCHIVE
from bench.datasets.builders.squad_tokens import CARD as SQUAD_TOKENS
from bench.datasets.builders.squad_tokens import collect
from methods.multivector import Ragged

QUERIES, SEED = 1_000, 0
_SQUAD, _WIKI, _NYT, _REDDIT, _AMAZON = squad.MEMBERS
ASKED, OTHERS = (_NYT, _REDDIT), (_WIKI, _AMAZON, _SQUAD)
CARD: dict[str, Any] = {
    **SQUAD_TOKENS,
    "title": "Paragraphs of newspapers, Reddit, Wikipedia and reviews, found by questions; a vector a token",
    "source": "SQuADShifts (Miller et al. 2020) and the SQuAD 1.1 development set (Rajpurkar et al. 2016), "
    "as packed in the source distribution of bigbench 1.0.0",
    "licence": "texts: SQuADShifts CC BY 4.0, SQuAD CC BY-SA 4.0; encoder: Apache-2.0",
}


def texts(archive: Path) -> tuple[list[str], list[str], np.ndarray]:
    """Every distinct paragraph, the questions that are drawn, and the row of each question's paragraph (int64)."""
    with_questions = squad.read_paragraphs(archive, ASKED)
    paragraphs, questions, about = collect(with_questions + squad.read_paragraphs(archive, OTHERS))
    count = sum(len(paragraph["qas"]) for paragraph in with_questions)
    chosen = np.random.default_rng(SEED).permutation(count)[:QUERIES]
    return paragraphs, [questions[row] for row in chosen], about[chosen]


def build(target: Path, source: Path | None = None) -> None:
    """Write the data set to ``target``; ``source`` is the downloaded sdist, fetched if None."""
    archive = fetch(ARCHIVE) if source is None else verified(ARCHIVE, source)
    paragraphs, questions, about = texts(archive)
    queries = Ragged(*encoder.encode_tokens_in_shards(questions, "questions"))
    base = Ragged(*encoder.encode_tokens_in_shards(paragraphs, "paragraphs"))
    relevance = Relevance(np.arange(len(about)), about, np.ones(len(about), np.int64))
    card = {
        **CARD,
        "queries": f"{len(about):,} of the questions about the New York Times and Reddit, drawn with seed {SEED}",
        "base": "every distinct paragraph of the five sets",
    }
    folder.save_sets(target, base, queries, relevance, card)
