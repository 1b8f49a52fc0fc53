"""Recall and bytes on the embedded data set do not fall: they are deterministic under a seed, so the gate is hard."""

import json
from pathlib import Path

import pytest

from bench import datasets
from bench.measure.quality import RecallJudge
from methods import registry

RECORDED = json.loads((Path(__file__).parent / "data" / "recorded_recall.json").read_text())
TOLERANCE = 0.01  # other CPUs sum floats in another order
TRAIN = 10_000


@pytest.fixture(scope="module")
def data():
    dataset = datasets.load("squad-sentences-mini")
    truth = datasets.ground_truth(dataset, 10)
    vectors = dataset.base.read(0, dataset.base.shape[0])
    return vectors, dataset.queries, RecallJudge(dataset.base, dataset.queries, dataset.metric, truth.scores, truth.ids)


def measure(data, name, code_bytes):
    """(bytes of a code, recall@10) of a method at a budget on the embedded data set."""
    vectors, queries, judge = data
    codec = registry.for_budget(name, vectors.shape[1], code_bytes, "ip").fit(vectors[:TRAIN], seed=0)
    _, ids = codec.searcher(codec.encode(vectors)).search(queries, 10)
    return codec.code_size, float(judge.recall(ids, 10).mean())


@pytest.mark.parametrize("case", RECORDED)
def test_recall_and_bytes_hold_what_is_recorded(data, case):
    name, code_bytes = case.split("@")
    size, recall = measure(data, name, int(code_bytes))
    assert size <= int(code_bytes)
    assert size == RECORDED[case]["code_size"]
    assert recall >= RECORDED[case]["recall@10"] - TOLERANCE
