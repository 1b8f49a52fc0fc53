"""Lists over documents' codes: all of them are a flat search, ids and centers are bytes, and token codes have none."""

from __future__ import annotations

import numpy as np
import pytest

from bench import records, run
from bench.errors import UsageError
from methods import registry
from methods.errors import NotMeasuredSo
from methods.multivector import Ragged
from methods.multivector.checks import sets

pytestmark = pytest.mark.usefixtures("in_this_process")

N, QUERIES, LISTS, DIM = 120, 30, 8, 16


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Sets, every third of which is padded with vectors of zeros, and queries, all of which are padded."""
    folder, zeros = tmp_path_factory.mktemp("sets"), np.zeros((3, DIM), np.float32)
    base, queries = sets("bench base", N, 4, 20), sets("bench queries", QUERIES, 2, 6)
    padded = [np.concatenate([base.set(i), zeros]) if i % 3 == 0 else base.set(i) for i in range(N)]
    asked = [np.concatenate([zeros, queries.set(i)]) for i in range(QUERIES)]
    for name, held in (("base", Ragged.from_list(padded)), ("queries", Ragged.from_list(asked))):
        np.savez(folder / f"{name}.npz", vectors=held.vectors, offsets=held.offsets)
    return folder


@pytest.fixture
def measured(files, tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    data = {"name": "ragged", "base": str(files / "base.npz"), "queries": str(files / "queries.npz")}

    def record_of(method, size="64B", index=None, **options):
        options |= (
            {"index": {"name": "ivf", **({"lists": LISTS} if "name" not in index else {}), **index}}
            if index is not None
            else {}
        )
        return run(method, size, data, results=str(tmp_path / "results"), latency_s=0.02, **options)

    return record_of


def returned(record, tmp_path):
    """What a run found: scores and ids."""
    folder = next((tmp_path / "results").rglob(record.key))
    arrays = records.read_queries(folder)
    return arrays["scores"], arrays["ids"]


def test_all_lists_find_exactly_what_a_flat_search_does(measured, tmp_path):
    flat, every = measured("mean_pooling"), measured("mean_pooling", index={"probes": [LISTS]})
    assert flat.status == every.status == "ok"
    (point,) = every.index.points
    assert (point.probes, point.scanned) == (LISTS, 1)
    for one, other in zip(returned(flat, tmp_path), returned(every, tmp_path)):
        assert np.array_equal(one, other)
    assert point.quality["recall@10"].value == flat.quality["recall@10"].value


def test_a_curve_says_what_lists_lose_and_every_byte_is_counted(measured):
    index = {"probes": [1, 3], "ids": "int32", "budget": "all"}
    record = measured("mean_pooling", index=index, rescore="disk", rescore_factor=8)
    assert record.status == "ok", record.reason
    assert [point.probes for point in record.index.points] == [1, 3, LISTS]
    shares = [point.scanned for point in record.index.points]
    assert shares[0] < shares[1] < shares[2] == 1
    recalls = [point.quality["recall@10"].value for point in record.index.points]
    assert recalls[0] < recalls[2]
    assert recalls[2] > 0.9  # 80 of 120 are ordered by exact Chamfer
    assert record.bytes.code + 4 <= 64
    assert record.bytes.ids == record.index.ids_bytes == 4 * N
    assert record.bytes.parts["index.centroids"] == 4 * LISTS * DIM
    assert record.bytes.parts["index.offsets"] == 8 * (LISTS + 1)
    assert record.bytes.searcher == record.bytes.code_total - 8 * N  # where a document begins is of the store
    assert record.ratio.codes == pytest.approx(record.dataset.vectors_per_item * 4 * DIM / (record.bytes.code + 4))


def test_token_codes_have_no_lists(measured):
    with pytest.raises(
        NotMeasuredSo, match=r"index=ivf is for .*\(lemur, mean_pooling, muvera\); token_codec keeps several"
    ):
        measured("token_codec", size="400B", index={})


@pytest.mark.parametrize("index", [{"residual": True}, {"name": "hnsw"}], ids=str)
def test_other_indexes_of_sets_are_refused(measured, index):
    with pytest.raises(UsageError, match=r"sets of vectors have index=ivf with index\.residual=false"):
        measured("mean_pooling", index=index)


@pytest.mark.thorough
def test_single_vectors_of_padded_sets_are_those_of_the_others():
    base, zeros = sets("bench base", 40, 4, 20), np.zeros((3, DIM), np.float32)
    padded = Ragged.from_list([np.concatenate([base.set(i), zeros]) for i in range(40)])
    codec = registry.configured(registry.get("mean_pooling", "multivector"), DIM, 64, base.lengths).fit(base)
    vectors, others = (np.concatenate([few for _, few in codec.single_vectors(each)]) for each in (base, padded))
    assert np.array_equal(vectors, others)
    assert np.array_equal(codec.codec_.encode(vectors), codec.encode(padded).rows(codec.codec_.code_size))
