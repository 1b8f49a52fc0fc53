"""Which method to take for the user's own vectors: a race on samples of them, and what the winner costs at their N."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.recommend.answer import Answer
    from bench.recommend.choice import recommend
    from bench.recommend.offer import Limits, Offer
    from bench.recommend.prices import Prices, read_prices
    from bench.recommend.question import Question

__all__ = ["Answer", "Limits", "Offer", "Prices", "Question", "read_prices", "recommend"]

_MODULES = {
    "Answer": "answer",
    "Limits": "offer",
    "Offer": "offer",
    "Prices": "prices",
    "Question": "question",
    "read_prices": "prices",
    "recommend": "choice",
}


def __getattr__(name: str) -> Any:
    """Imported when it is used: wrong options of the command are answered without."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
