"""Which method to take for the user's own vectors: a race on samples of them, and what the winner costs at their N."""

from bench.recommend.answer import Answer
from bench.recommend.choice import recommend
from bench.recommend.offer import Limits, Offer
from bench.recommend.prices import Prices, read_prices
from bench.recommend.question import Question

__all__ = ["Answer", "Limits", "Offer", "Prices", "Question", "read_prices", "recommend"]
