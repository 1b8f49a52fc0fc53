"""Locality-centric batches: every query once, neighbors on the graph of candidates together."""

import numpy as np
import pytest

from methods.product.bidr.sampling import WAYS, CandidateGraph, batches


def blocks(groups: int = 8, each: int = 6, documents: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Candidates and answers of groups of queries; a group's candidates are documents of its own."""
    rng = np.random.default_rng(0)
    candidates = np.concatenate(
        [group * documents + np.argsort(rng.random((each, documents)), axis=1) for group in range(groups)]
    )
    return candidates, candidates[:, 0]


def graph(ranks: tuple[int, int] = (0, 10), back_ranks: tuple[int, int] = (0, 10)) -> CandidateGraph:
    return CandidateGraph(*blocks(), ranks, back_ranks)


@pytest.mark.parametrize("way", WAYS)
def test_an_epoch_visits_every_query_once(way):
    visited = np.concatenate([batch.queries for batch in batches(graph(), way, 6, np.random.default_rng(1))])
    assert sorted(visited) == list(range(48))


@pytest.mark.parametrize("way", ["walk", "snowball"])
def test_a_local_batch_stays_among_queries_with_common_candidates(way):
    for batch in batches(graph(), way, 6, np.random.default_rng(1)):
        assert len(set(batch.queries // 6)) == 1
    spread = [len(set(batch.queries // 6)) for batch in batches(graph(), "random", 6, np.random.default_rng(1))]
    assert min(spread) > 1


@pytest.mark.parametrize("way", ["walk", "snowball", "ann", "ann_in_batch"])
def test_a_negative_is_a_candidate_but_never_the_answer(way):
    candidates, answers = blocks()
    for batch in batches(graph(ranks=(2, 7)), way, 12, np.random.default_rng(2)):
        assert batch.negatives is not None
        for query, negative in zip(batch.queries, batch.negatives, strict=True):
            assert negative in candidates[query, 2:7]
            assert negative != answers[query]


def test_a_snowball_takes_queries_in_turn_and_a_walk_the_last():
    # Query 0 leads to 1 and 2 through document 100; 2 leads to 3, and 1 to 4.
    candidates = np.array([[100, -1], [100, 101], [100, 102], [102, -1], [101, -1]])
    answers = np.arange(5)
    # Back only by rank 0, forward by the last that there is.
    order = {}
    for way in ("snowball", "walk"):
        one = CandidateGraph(candidates, answers, (0, 2), (0, 2))
        for seed in range(40):
            batch = next(batches(one, way, 5, np.random.default_rng(seed)))
            if list(batch.queries[:1]) == [0] and batch.negatives is not None and batch.negatives[1] in (101, 102):
                order[way] = batch.queries.tolist()
                break
    assert order["snowball"][1:3] == [1, 2]  # both wait since query 0
    assert order["walk"][1] == 2  # the last that was pushed
    assert order["walk"][2] == 3  # which 2 led to, before 1, that waited longer


def test_ranks_bound_what_leads_back():
    one = CandidateGraph(np.array([[5, 6], [6, 5]]), np.array([0, 1]), (0, 2), (1, 2))
    assert one.led_to(6).tolist() == [0]
    assert one.led_to(5).tolist() == [1]
    assert not len(one.led_to(7))
    assert not len(one.led_to(-1))


def test_a_batch_repeats_no_document_while_there_are_others():
    for batch in batches(graph(), "snowball", 4, np.random.default_rng(3)):
        assert batch.negatives is not None
        assert len(set(batch.negatives)) == 4


def test_the_same_seed_gives_the_same_batches():
    first, second = ([b.queries.tolist() for b in batches(graph(), "walk", 6, np.random.default_rng(4))] for _ in "ab")
    assert first == second
    assert first != [b.queries.tolist() for b in batches(graph(), "walk", 6, np.random.default_rng(5))]
