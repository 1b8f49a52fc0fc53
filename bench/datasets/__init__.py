"""Where vectors come from: data sets by name, file formats, exact ground truth and its cache."""

from bench.datasets.base import Dataset, DatasetError, Relevance, VectorStore
from bench.datasets.cache import cache_dir
from bench.datasets.loading import load, names, options
from bench.datasets.truth import GroundTruth, ground_truth

__all__ = [
    "Dataset",
    "DatasetError",
    "GroundTruth",
    "Relevance",
    "VectorStore",
    "cache_dir",
    "ground_truth",
    "load",
    "names",
    "options",
]
