"""Groups of questions by what is seen of their words, and by whether other questions are about the same article."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

__all__ = ["of_questions"]

_WORDS = {"who": "who", "whom": "who", "whose": "who"} | {
    word: word for word in ("what", "when", "where", "which", "why", "how")
}
_LENGTHS = ((8, "up to 8 words"), (12, "9 to 12 words"))
_FEW = 5
_LONGER = "13 words or more"


def of_questions(questions: Sequence[str], articles: np.ndarray, others: np.ndarray) -> dict[str, list[str]]:
    """Labels of each question under three headings.

    Parameters
    ----------
    questions : sequence of str
    articles : (nq,) integers
        What each is about.
    others : (n,) integers
        What the questions are about that are no queries: by how many of them are about its article, a question's
        article has none, 1 to 5 or more.
    """
    numbered = np.bincount(others, minlength=int(articles.max(initial=0)) + 1)
    counts = numbered[articles].tolist()
    return {
        "question word": [_question_word(question) for question in questions],
        "length": [_length(question) for question in questions],
        "article": [_article(count) for count in counts],
    }


def _question_word(question: str) -> str:
    """The first question word, wherever it stands; ``other`` without any."""
    words = (_WORDS[word] for word in re.findall(r"[a-z]+", question.lower()) if word in _WORDS)
    return next(words, "other")


def _article(others: int) -> str:
    return "unseen" if others == 0 else f"1 to {_FEW} other questions" if others <= _FEW else "more other questions"


def _length(question: str) -> str:
    count = len(question.split())
    return next((name for most, name in _LENGTHS if count <= most), _LONGER)
