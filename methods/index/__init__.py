"""Indexes over codes: which codes a search visits. Codes are those of any dense method, scanned by its own searcher."""

from methods.index.hnsw import HNSWSearcher, check_graph
from methods.index.ivf import IVFSearcher, codec_metric
from methods.index.partition import Partition, default_lists
from methods.index.row_ids import WIDTHS, RowIds, id_bits

__all__ = [
    "WIDTHS",
    "HNSWSearcher",
    "IVFSearcher",
    "Partition",
    "RowIds",
    "check_graph",
    "codec_metric",
    "default_lists",
    "id_bits",
]
