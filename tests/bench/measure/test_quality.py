"""Recall by ids, ties by the spread of scores; retrieval measures in the returned order; fidelity of scores."""

import numpy as np
import pytest

from bench.datasets.base import Relevance
from bench.measure.quality import RecallJudge, retrieval_measures, score_fidelity, true_scores
from methods import Metric
from methods.vectors import normalized


class Memory:
    """A vector store in memory."""

    def __init__(self, vectors):
        self.vectors = vectors
        self.shape = vectors.shape

    def take(self, rows):
        return self.vectors[rows]


def exact(base, queries, metric, k):
    pairs = np.repeat(np.arange(len(queries)), len(base))
    ids = np.tile(np.arange(len(base)), len(queries))
    scores = true_scores(Memory(base), queries[pairs], ids, metric).reshape(len(queries), -1)
    order = np.argsort(-scores if metric.descending else scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, order, axis=1), order


def judge(base, queries, metric=Metric.IP, k=10):
    return RecallJudge(Memory(base), queries, metric, *exact(base, queries, metric, k))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("metric", list(Metric))
def test_true_scores_are_the_metric(rng, metric):
    base, queries = rng.standard_normal((50, 8), np.float32), rng.standard_normal((3, 8), np.float32)
    found = true_scores(Memory(base), queries[[0, 1, 2]], np.array([4, 4, 9]), metric)
    for score, query, item in zip(found, queries, base[[4, 4, 9]]):
        query, item = query.astype(float), item.astype(float)
        expected = {
            Metric.IP: query @ item,
            Metric.COSINE: query @ item / np.linalg.norm(query) / np.linalg.norm(item),
            Metric.L2: ((query - item) ** 2).sum(),
        }[metric]
        assert score == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("metric", list(Metric))
def test_the_truth_has_recall_one_in_any_order(rng, metric):
    base, queries = rng.standard_normal((200, 8), np.float32), rng.standard_normal((20, 8), np.float32)
    _, ids = exact(base, queries, metric, 10)
    assert (judge(base, queries, metric).recall(ids[:, ::-1], 10) == 1).all()


def test_recall_k_at_n_counts_the_share_of_the_true_k(rng):
    base, queries = rng.standard_normal((200, 8), np.float32), rng.standard_normal((5, 8), np.float32)
    _, truth = exact(base, queries, Metric.IP, 20)
    ids = truth[:, [19, 0, 18, 2, 17]]
    assert judge(base, queries).recall(ids, 10) == pytest.approx(0.2)
    assert judge(base, queries).recall(ids, 1) == pytest.approx(1.0)


def test_a_tie_with_the_last_neighbor_counts_and_a_near_miss_does_not():
    base = np.zeros((5, 2), np.float32)
    base[:, 0] = [1.0, 0.9, 0.9, 0.8999, 0.5]  # rows 1 and 2 tie for the second place
    queries = np.array([[1.0, 0.0]], np.float32)
    judged = judge(base, queries, k=2)
    assert judged.recall(np.array([[0, 2]]), 2) == 1.0
    assert judged.recall(np.array([[0, 3]]), 2) == 0.5  # 1e-4 away: an absolute window of 1e-3 would admit it


@pytest.mark.parametrize("metric", [Metric.COSINE, Metric.IP])
def test_a_constant_in_all_scores_does_not_make_ties(rng, metric):
    base, queries = rng.standard_normal((500, 16), np.float32), rng.standard_normal((20, 16), np.float32)
    base[:, 0] = queries[:, 0] = 1_000  # all cosines are .99999
    judged = judge(base, queries, metric, 100)
    others = judged.truth_ids[:, 10:20]  # no worse than a millionth of the score, and none of the first ten
    assert (judged.recall(others, 10) == 0).all()
    assert not judged.ties(10).any()
    assert (judged.recall(judged.truth_ids, 10) == 1).all()


@pytest.mark.parametrize("metric", list(Metric))
@pytest.mark.parametrize("constant", [0, 1_000])
def test_equal_vectors_are_interchangeable(rng, metric, constant):
    few, queries = rng.standard_normal((40, 7), np.float32), rng.standard_normal((20, 7), np.float32)
    few[:, 0] += constant
    queries[:, 0] += constant
    base = np.repeat(few, 5, axis=0)  # each five times
    judged = judge(base, queries, metric, 100)
    copies = judged.truth_ids[:, :12] // 5 * 5 + rng.permutation(5)[judged.truth_ids[:, :12] % 5]
    assert (judged.recall(copies, 12) == 1).all()  # two of the third vector's five copies, others than the truth's
    assert judged.ties(12).all()
    assert not judged.ties(10).any()
    assert (judged.recall(judged.truth_ids[:, 15:27], 12) == 0).all()


@pytest.mark.parametrize("metric", list(Metric))
def test_more_equal_vectors_than_neighbors_all_tie(rng, metric):
    base = np.repeat(rng.standard_normal((3, 7), np.float32), 200, axis=0)
    queries = base[[0, 200]] + np.float32(0.01)
    judged = judge(base, queries, metric, 100)
    assert (judged.recall(np.array([np.arange(150, 160), np.arange(390, 400)]), 10) == 1).all()
    assert judged.ties(10).all()
    assert (judged.recall(np.array([np.arange(400, 410)] * 2), 10) == 0).all()


def test_vectors_of_one_direction_tie_for_cosine_though_rounded(rng):
    few = rng.standard_normal((200, 16), np.float32)
    base = np.concatenate([few, few * np.float32(3), few * np.float32(0.7)])  # rounded anew
    judged = judge(base, rng.standard_normal((20, 16), np.float32), Metric.COSINE, 100)
    assert judged.ties(10).all()  # three of each
    last = judged.truth_ids[:, [9]]
    copies = np.concatenate([judged.truth_ids[:, :9], (last + 200) % 600], axis=1)
    assert (judged.recall(copies, 10) == 1).all()


def test_one_neighbor_of_another_size_does_not_widen_the_window(rng):
    base, queries = rng.standard_normal((500, 16), np.float32), np.abs(rng.standard_normal((20, 16), np.float32))
    base[17] = 1e6  # nearest to all queries by inner product
    judged = judge(base, queries, Metric.IP, 100)
    assert (judged.truth_ids[:, 0] == 17).all()
    assert (judged.recall(judged.truth_ids[:, 10:20], 10) == 0).all()


def test_a_repeated_id_is_one_hit_and_padding_is_none(rng):
    base, queries = rng.standard_normal((50, 8), np.float32), rng.standard_normal((1, 8), np.float32)
    _, truth = exact(base, queries, Metric.IP, 3)
    nearest = truth[0, 0]
    assert judge(base, queries, k=3).recall(np.array([[nearest, nearest, nearest]]), 3) == pytest.approx(1 / 3)
    assert judge(base, queries, k=3).recall(np.array([[nearest, -1, -1]]), 3) == pytest.approx(1 / 3)


def test_duplicates_in_the_base_cannot_lift_recall_above_one():
    base = np.ones((6, 2), np.float32)
    found = judge(base, np.ones((1, 2), np.float32), k=2).recall(np.array([[5, 4, 3, 2]]), 2)
    assert found == 1.0


def test_eight_bit_codes_do_not_score_like_an_absolute_window(rng):
    """Two known benchmarks admit ids within 1e-3 of the k-th distance: on unit vectors that hides the errors."""
    base = normalized(rng.standard_normal((20_000, 256), np.float32))
    queries = normalized(rng.standard_normal((50, 256), np.float32))
    low, step = base.min(axis=0), np.ptp(base, axis=0) / 255
    decoded = low + np.round((base - low) / step) * step
    near = np.argpartition(-(queries @ base.T), 30, axis=1)[:, :30]
    scores = true_scores(Memory(base), np.repeat(queries, 30, axis=0), near.ravel(), Metric.IP).reshape(50, 30)
    order = np.argsort(-scores, axis=1)[:, :10]
    scores, truth = np.take_along_axis(scores, order, axis=1), np.take_along_axis(near, order, axis=1)
    ids = np.argsort(-(queries @ decoded.T), axis=1)[:, :10]
    ours = RecallJudge(Memory(base), queries, Metric.IP, scores, truth).recall(ids, 10).mean()
    absolute = (np.take_along_axis(queries @ base.T, ids, axis=1) >= scores[:, [-1]] - 1e-3).mean()
    by_id = np.mean([len(np.intersect1d(a, b)) / 10 for a, b in zip(ids, truth)])
    assert ours == pytest.approx(by_id, abs=1e-9)
    assert ours < 0.99
    assert absolute > 0.9995


def test_retrieval_measures_follow_the_returned_order():
    relevance = Relevance(np.array([0, 1, 1]), np.array([7, 3, 4]), np.array([1, 1, 1]))
    ids = np.full((3, 10), -1)
    ids[0, :3] = [5, 7, 6]
    ids[1, :3] = [3, 9, 4]
    found = retrieval_measures(ids, relevance)
    assert found["MRR@10"][:2] == pytest.approx([0.5, 1.0])
    assert found["R@10"][:2] == pytest.approx([1.0, 1.0])
    assert found["P@10"][:2] == pytest.approx([0.1, 0.2])
    ideal = 1 + 1 / np.log2(3)
    assert found["nDCG@10"][:2] == pytest.approx([1 / np.log2(3), (1 + 0.5) / ideal])
    assert np.isnan(found["MRR@10"][2])  # no judgement: no value, not zero


def test_a_relevant_item_below_rank_ten_does_not_count():
    relevance = Relevance(np.array([0]), np.array([99]), np.array([1]))
    ids = np.arange(89, 101)[None, :].copy()
    assert retrieval_measures(ids, relevance)["MRR@10"][0] == 0.0


def test_nothing_returned_for_a_judged_query_is_zero():
    relevance = Relevance(np.array([0]), np.array([1]), np.array([1]))
    assert retrieval_measures(np.full((1, 10), -1), relevance)["nDCG@10"][0] == 0.0


def test_fidelity_of_biased_scores(rng):
    truth = rng.standard_normal((4, 30))
    found = score_fidelity(truth + 0.5, truth, same_direction=True, estimates_metric=True)
    assert found["score_bias"] == pytest.approx(np.full(4, 0.5))
    assert found["score_error"] == pytest.approx(np.full(4, 0.5))
    assert found["rank_correlation"] == pytest.approx(np.ones(4))


def test_distances_that_fall_as_similarities_rise_correlate_positively(rng):
    truth = rng.standard_normal((4, 30))
    found = score_fidelity(-truth, truth, same_direction=False, estimates_metric=False)
    assert found["rank_correlation"] == pytest.approx(np.ones(4))
    assert set(found) == {"rank_correlation"}
