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
VALIDATION = 2_000  # of the training questions
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


def training_questions(corpus: squad.Corpus) -> np.ndarray:
    """Rows (n,) of the questions that are no queries, ascending, without those that say what a query says."""
    chosen = choose_questions(corpus)
    said = {corpus.questions[row] for row in chosen}
    rest = np.setdiff1d(np.arange(len(corpus.questions)), chosen)
    return np.array([row for row in rest if corpus.questions[row] not in said], np.int64)


def choose_validation(articles: np.ndarray, most: int = VALIDATION) -> np.ndarray:
    """Rows of ``articles`` (n,), ascending, for validation: whole articles in a seeded order, if they fit."""
    numbers, counts = np.unique(articles, return_counts=True)
    kept, taken = [], 0
    for place in np.random.default_rng(SEED).permutation(len(numbers)):
        if taken + counts[place] <= most:
            kept.append(numbers[place])
            taken += counts[place]
    return np.flatnonzero(np.isin(articles, kept))


def complete(target: Path, source: Path | None = None) -> list[str]:
    """Add what a folder built by an earlier version lacks; the files' names."""
    files = [folder.TRAIN_QUERIES, folder.TRAIN_RELEVANCE, folder.VALIDATION, folder.LEFT_OUT]
    lacking = [name for name in files if not (target / name).exists()]
    if lacking == [folder.LEFT_OUT]:
        folder.leave_out_test_queries(target)
    elif lacking:
        _add_train_queries(target, read_corpus(source))
    return lacking


def _add_train_queries(target: Path, corpus: squad.Corpus) -> None:
    rows = training_questions(corpus)
    if not len(rows):  # of few questions all are queries
        return
    vectors = encoder.encode_in_shards([corpus.questions[row] for row in rows], "training questions")
    relevance = Relevance(np.arange(len(rows)), corpus.answers[rows], np.ones(len(rows), np.int64))
    folder.add_train_queries(target, vectors, relevance, choose_validation(corpus.articles[rows]))
    folder.leave_out_test_queries(target)


def build(target: Path, source: Path | None = None) -> None:
    """Write the data set to ``target``; ``source`` is the downloaded sdist, fetched if None."""
    named = f"all-MiniLM-L6-v2 ({encoder.DISTRIBUTION} {encoder.VERSION}, Apache-2.0), unit norm"
    corpus = read_corpus(source)
    _build(encoder.encode_in_shards, named, target, corpus)
    _add_train_queries(target, corpus)


def build_with(
    encode: Callable[[Sequence[str], str], np.ndarray], encoder_name: str, target: Path, source: Path | None
) -> None:
    """Write the sentences and questions to ``target`` as vectors of an encoder.

    ``encode`` takes texts and what they are (for a progress bar) and returns (n, dim) floats.
    """
    _build(encode, encoder_name, target, read_corpus(source))


def read_corpus(source: Path | None) -> squad.Corpus:
    """The texts, from the downloaded sdist, which is fetched if ``source`` is None."""
    return squad.read_archive(fetch(ARCHIVE) if source is None else verified(ARCHIVE, source))


def _build(
    encode: Callable[[Sequence[str], str], np.ndarray], encoder_name: str, target: Path, corpus: squad.Corpus
) -> None:
    chosen = choose_questions(corpus)
    queries = encode([corpus.questions[row] for row in chosen], "questions")
    base = encode(corpus.sentences, "sentences")
    folder.save(target, base, queries, relevance_of(corpus, chosen), card_of(corpus, encoder_name, len(chosen)))


def relevance_of(corpus: squad.Corpus, chosen: np.ndarray) -> Relevance:
    """Which sentence answers each of the chosen questions."""
    return Relevance(np.arange(len(chosen)), corpus.answers[chosen], np.ones(len(chosen), np.int64))


def card_of(corpus: squad.Corpus, encoder_name: str, queries: int) -> dict[str, Any]:
    """What is said of the data set, by an encoder."""
    return {
        "title": "Sentences of SQuAD and SQuADShifts, found by the questions that they answer",
        "metric": "ip",
        **TEXTS,
        "encoder": encoder_name,
        "queries": f"{queries:,} of the {len(corpus.questions):,} questions with an answer, drawn with seed {SEED}",
        "base": f"every distinct sentence longer than {squad.LONGER_THAN} characters",
    }
