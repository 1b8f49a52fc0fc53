"""The texts of ``squad-sentences``: sentences of SQuAD and SQuADShifts, questions, and who answers whom.

Rajpurkar et al. 2016 (SQuAD 1.1, the development set) and Miller et al. 2020 (SQuADShifts: new Wikipedia, New York
Times, Reddit, Amazon reviews), as packed in the sdist of BIG-bench.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.base import DatasetError

MEMBERS = tuple(
    f"bigbench-1.0.0/bigbench/benchmark_tasks/squad_shifts/{part}.json"
    for part in ("squaddev_v1.1", "new_wiki_v1.0", "nyt_v1.0", "reddit_v1.0", "amazon_reviews_v1.0")
)
LONGER_THAN = 15  # characters: shorter pieces are fragments ("Mr.", "Yes.") rather than sentences

# A run without end marks, its end marks, closing quotes or brackets; or what is left at the end of the text. It cuts
# at abbreviations and decimal points too: plain, the same in any language version, and the published row count.
_SENTENCE = re.compile(r"""[^.?!]+[.?!]+["')\]]*\s*|[^.?!]+$""")


@dataclass(frozen=True)
class Corpus:
    """Distinct ``sentences`` in order of first appearance, ``questions``, and the sentence that answers each.

    ``answers[i]`` (int64) is the row in ``sentences`` of the sentence in which the first answer to ``questions[i]``
    begins; questions whose answer begins in no kept sentence are not here. ``articles[i]`` (int64) numbers the text
    that ``questions[i]`` is about.
    """

    sentences: list[str]
    questions: list[str]
    answers: np.ndarray
    articles: np.ndarray


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """``(start, stop)`` of every sentence of ``text`` that is longer than 15 characters without outer blanks."""
    spans = (match.span() for match in _SENTENCE.finditer(text))
    return [(start, stop) for start, stop in spans if len(text[start:stop].strip()) > LONGER_THAN]


def collect(paragraphs: Iterable[dict[str, Any]]) -> Corpus:
    """The corpus of SQuAD paragraphs (``context``, ``qas`` with ``question`` and ``answers[0].answer_start``).

    Paragraphs with the same ``article`` are of one article; one that names none is an article of its own.
    """
    rows: dict[str, int] = {}
    numbers: dict[str, int] = {}
    questions: list[str] = []
    answers: list[int] = []
    articles: list[int] = []
    for place, paragraph in enumerate(paragraphs):
        article = numbers.setdefault(paragraph.get("article", f"paragraph {place}"), len(numbers))
        context = paragraph["context"]
        spans = sentence_spans(context)
        here = [rows.setdefault(context[start:stop].strip(), len(rows)) for start, stop in spans]
        for question in paragraph["qas"]:
            begin = question["answers"][0]["answer_start"]
            inside = [row for (start, stop), row in zip(spans, here, strict=True) if start <= begin < stop]
            if inside:
                questions.append(question["question"].strip())
                answers.append(inside[0])
                articles.append(article)
    return Corpus(list(rows), questions, np.array(answers, np.int64), np.array(articles, np.int64))


def read_archive(archive: Path) -> Corpus:
    """The corpus from the BIG-bench sdist."""
    return collect(read_paragraphs(archive, MEMBERS))


def read_paragraphs(archive: Path, members: Iterable[str]) -> list[dict[str, Any]]:
    """Paragraphs (``context``, ``qas``, ``article``) of some members of the BIG-bench sdist, which is not unpacked.

    What a member calls one article is one, unless it is the only one of that member: the comments of Reddit are
    together under one name, and are no article.
    """
    paragraphs: list[dict[str, Any]] = []
    try:
        with tarfile.open(archive) as tar:
            for name in members:
                member = tar.extractfile(name)
                if member is None:
                    raise KeyError(name)
                articles = json.load(member)["data"]
                for number, article in enumerate(articles):
                    named = {"article": f"{name} {number}"} if len(articles) > 1 else {}
                    paragraphs.extend({**paragraph, **named} for paragraph in article["paragraphs"])
    except (tarfile.TarError, EOFError, KeyError, ValueError, OSError) as error:
        raise DatasetError(
            f"{archive} is not the sdist bigbench-1.0.0.tar.gz ({error}); delete it and build again"
        ) from None
    return paragraphs
