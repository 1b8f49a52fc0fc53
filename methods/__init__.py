"""Compression methods for vectors: they know vectors and codes, and nothing of the harness that measures them."""

from methods.base import Codec, Metric, Searcher, Transform
from methods.errors import BudgetError, MethodError, NotDecodable
from methods.registry import for_budget, get, names, register

__all__ = [
    "BudgetError",
    "Codec",
    "MethodError",
    "Metric",
    "NotDecodable",
    "Searcher",
    "Transform",
    "for_budget",
    "get",
    "names",
    "register",
]
