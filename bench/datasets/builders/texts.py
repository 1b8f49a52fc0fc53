"""The texts of data sets that are built from texts, kept in the cache and never committed, and groups of questions."""

from __future__ import annotations

import difflib
from pathlib import Path

import numpy as np

from bench.datasets import query_groups, texts
from bench.datasets.base import DatasetError
from bench.datasets.builders import question_groups, squad, squad_sentences, squad_sentences_mini
from bench.datasets.builders.fetch import fetch, verified

_MINI = "squad-sentences-mini"


def build(name: str, source: Path | None = None) -> Path:
    """Write the texts of ``name``, row for row as its vectors, and groups of its questions; their folder.

    Parameters
    ----------
    name : str
        One of :data:`bench.datasets.texts.HAVING`.
    source : Path, optional
        The archive of ``squad-sentences``, already downloaded.
    """
    if name not in texts.HAVING:
        close = difflib.get_close_matches(name, texts.HAVING, n=1, cutoff=0.8)
        right = f"did you mean {close[0]}?" if close else f"use one of {', '.join(texts.HAVING)}"
        raise DatasetError(f"there are no texts of {name!r}; {right}")
    archive = squad_sentences.ARCHIVE
    corpus = squad.read_archive(fetch(archive) if source is None else verified(archive, source))
    chosen = squad_sentences.choose_questions(corpus)
    base, queries = corpus.sentences, [corpus.questions[row] for row in chosen]
    if name == _MINI:
        queries = queries[: squad_sentences_mini.QUERIES]
        answers = corpus.answers[chosen][: squad_sentences_mini.QUERIES]
        base = [base[row] for row in squad_sentences_mini.choose_rows(len(base), answers)]
    written = texts.write(name, base, queries)
    others = np.setdiff1d(np.arange(len(corpus.questions)), chosen)
    articles = corpus.articles[chosen][: len(queries)]
    query_groups.write(written, question_groups.of_questions(queries, articles, corpus.articles[others]))
    return written
