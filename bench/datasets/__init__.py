"""Where vectors come from: data sets by name, file formats, exact ground truth and its cache."""

from bench.datasets.base import Dataset, DatasetError, Relevance, VectorStore
from bench.datasets.cache import cache_dir
from bench.datasets.clicks import ClickDataset
from bench.datasets.loading import AnyDataset, load, names, options
from bench.datasets.neighbors import GroundTruth
from bench.datasets.sets.dataset import RaggedDataset
from bench.datasets.truth import ground_truth

__all__ = [
    "AnyDataset",
    "ClickDataset",
    "Dataset",
    "DatasetError",
    "GroundTruth",
    "RaggedDataset",
    "Relevance",
    "VectorStore",
    "cache_dir",
    "ground_truth",
    "load",
    "names",
    "options",
]
