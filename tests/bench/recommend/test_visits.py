"""What lists of a sample keep of the true neighbors, for an answer that says whether an index would do."""

import numpy as np
import pytest

from bench.datasets import ground_truth, load
from bench.recommend import visits
from bench.recommend.sample import write_samples


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    user = load("squad-sentences-mini", max_base=3000, max_queries=100)
    return write_samples(user, tmp_path_factory.mktemp("sample"), [(3000, 100, 3000)], str(user.metric), 0)[0]


def test_more_lists_keep_more_and_all_keep_all(sample):
    few, more, every = (visits.measure(sample, share, 10, 0) for share in (0.0, 0.2, 1.0))
    assert (few.n, few.probes) == (3000, 1)
    assert few.share < more.share < every.share == 1
    assert 0.1 < few.kept < more.kept < every.kept == 1


def test_what_is_kept_is_what_an_exact_search_of_the_lists_finds(sample):
    from methods.index import Partition, default_lists

    found, dataset = visits.measure(sample, 0.1, 10, 0), sample.load()
    base = dataset.base.read(0, 3000)
    lists = Partition(dataset.dim, dataset.metric, default_lists(3000)).fit(base, 0)
    assigned, true = lists.assign(base), ground_truth(dataset, 10).ids
    near = lists.nearest(lists.prepared(dataset.queries), found.probes)
    kept = np.mean([np.isin(assigned[ids], own).mean() for ids, own in zip(true, near)])
    assert found.kept == pytest.approx(kept)
