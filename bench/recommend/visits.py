"""What an index would lose on the user's vectors, where no scan of all codes is fast enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.datasets import ground_truth
from bench.datasets.store import blocks
from bench.recommend.sample import Sample
from methods.index import Partition, default_lists

__all__ = ["Visits", "measure"]


@dataclass(frozen=True)
class Visits:
    """Lists of a sample's vectors, of which a query visits some.

    Attributes
    ----------
    n : int
        Vectors of the sample.
    lists, probes : int
        How many there are, and how many a query visits.
    share : float
        Of the vectors that a query visits, on average.
    kept : float
        Share of the true ``k`` nearest that lie in the lists visited: what the best code would find there.
    """

    n: int
    lists: int
    probes: int
    share: float
    kept: float


def measure(sample: Sample, share: float, k: int, seed: int) -> Visits:
    """Lists that hold about ``share`` of the sample's vectors, at least one; with more vectors they keep more."""
    dataset = sample.load()
    n = dataset.base.shape[0]
    rows = np.sort(np.random.default_rng(seed).permutation(n)[: max(sample.train_size, 1)])
    lists = Partition(dataset.dim, dataset.metric, default_lists(n)).fit(dataset.base.take(rows), seed)
    assigned = np.concatenate([lists.assign(block) for _, block in blocks(dataset.base)])
    probes = max(1, int(share * lists.lists))
    visited = lists.nearest(lists.prepared(dataset.queries), probes)
    true = ground_truth(dataset, min(k, n)).ids
    inside = (assigned[true][:, :, None] == visited[:, None, :]).any(axis=2)
    counts = np.bincount(assigned, minlength=lists.lists)
    return Visits(n, lists.lists, probes, float(counts[visited].sum(axis=1).mean() / n), float(inside.mean()))
