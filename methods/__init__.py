"""Compression methods for vectors: they know vectors and codes, and nothing of the harness that measures them.

codec = methods.create("rabitq", dim=384, budget="8x", metric="cosine").fit(train)
codes = codec.encode(base)
codec.save("corpus.codec")

codec = methods.load("corpus.codec")
scores, ids = codec.searcher(codes).search(queries, k=10)
"""

from importlib.metadata import PackageNotFoundError, version

import methods.kernels.machine.openblas  # noqa: F401 (before faiss is loaded)
from methods.base import Codec, Transform
from methods.errors import BudgetError, MethodError, NotDecodable, SavedCodecError
from methods.metric import Metric
from methods.queries import TrainingQueries
from methods.registry import create, for_budget, get, load, names, register
from methods.searcher import Searcher

__all__ = [
    "BudgetError",
    "Codec",
    "MethodError",
    "Metric",
    "NotDecodable",
    "SavedCodecError",
    "Searcher",
    "TrainingQueries",
    "Transform",
    "__version__",
    "create",
    "for_budget",
    "get",
    "load",
    "names",
    "register",
]

try:
    __version__ = version("vector-compression-bench")
except PackageNotFoundError:  # a checkout that was not installed
    __version__ = "0"
