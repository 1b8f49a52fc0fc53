"""Builds ``squad-sentences``: 69,679 sentences and 10,000 questions as MiniLM vectors, with relevance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.base import Relevance
from bench.datasets.builders import encoder, folder, squad
from bench.datasets.builders.fetch import Archive, fetch, pip_sdist, verified

ARCHIVE = Archive(
    package="bigbench",
    version="1.0.0",
    sha256="1bb398a5512c6d798cdebe0dfa0ac03f67f6033fa6b39c6ef71df978c7cbc5c2",
    filename="bigbench-1.0.0.tar.gz",
    command=pip_sdist,
)
QUERIES, SEED = 10_000, 0
TEXTS = {
    "source": "SQuAD 1.1 development set (Rajpurkar et al. 2016) and SQuADShifts (Miller et al. 2020: new Wikipedia, "
    "New York Times, Reddit, Amazon reviews), as packed in the source distribution of bigbench 1.0.0",
    "source_sha256": ARCHIVE.sha256,
    "licence": "texts: SQuAD CC BY-SA 4.0, SQuADShifts CC BY 4.0",
    "relevant": "the sentence in which the first answer to the question begins (grade 1)",
}


def choose_questions(corpus: squad.Corpus) -> np.ndarray:
    """Rows (10,000,) of the questions that are the queries, in their order: a permutation under a fixed seed."""
    return np.random.default_rng(SEED).permutation(len(corpus.questions))[:QUERIES]


def build(target: Path, source: Path | None = None) -> None:
    """Write the data set to ``target``; ``source`` is the downloaded sdist, fetched if None."""
    named = f"all-MiniLM-L6-v2 ({encoder.DISTRIBUTION} {encoder.VERSION}, Apache-2.0), unit norm"
    build_with(encoder.encode_in_shards, named, target, source)


def build_with(
    encode: Callable[[Sequence[str], str], np.ndarray], encoder_name: str, target: Path, source: Path | None
) -> None:
    """Write the sentences and questions to ``target`` as vectors of an encoder.

    ``encode`` takes texts and what they are (for a progress bar) and returns (n, dim) floats.
    """
    corpus = squad.read_archive(fetch(ARCHIVE) if source is None else verified(ARCHIVE, source))
    chosen = choose_questions(corpus)
    queries = encode([corpus.questions[row] for row in chosen], "questions")
    base = encode(corpus.sentences, "sentences")
    relevance = Relevance(np.arange(len(chosen)), corpus.answers[chosen], np.ones(len(chosen), np.int64))
    card: dict[str, Any] = {
        "title": "Sentences of SQuAD and SQuADShifts, found by the questions that they answer",
        "metric": "ip",
        **TEXTS,
        "encoder": encoder_name,
        "queries": f"{QUERIES:,} of the {len(corpus.questions):,} questions with an answer, drawn with seed {SEED}",
        "base": f"every distinct sentence longer than {squad.LONGER_THAN} characters",
    }
    folder.save(target, base, queries, relevance, card)
