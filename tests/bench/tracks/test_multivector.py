"""The multivector track from the command line and from Python: rows, counted bytes, truth, wrong tracks, bad sets."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from bench import datasets, records, run
from bench.config import RunConfig
from bench.datasets.sets import truth as ragged_truth
from bench.execution.plan import prepare
from methods.errors import WrongTrack
from methods.kernels.sets.chamfer import chamfer_reference
from methods.multivector import Ragged
from methods.multivector.checks import sets


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    for name, held in (("base", sets("bench base", 150, 4, 20)), ("queries", sets("bench queries", 120, 2, 6))):
        np.savez(folder / f"{name}.npz", vectors=held.vectors, offsets=held.offsets)
    return folder


@pytest.fixture
def options(files, tmp_path, monkeypatch):
    """Options of a quick run in a cache and results of its own."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    data = {"name": "ragged", "base": str(files / "base.npz"), "queries": str(files / "queries.npz")}
    return {"dataset": data, "results": str(tmp_path / "results"), "latency_s": 0.1}


@pytest.mark.integration
def test_a_run_counts_the_mean_bytes_of_a_document_and_judges_by_chamfer(options, tmp_path):
    record = run("first_k_tokens", "100B", **options)
    assert record.status == "ok", record.reason
    assert record.dataset.metric == "chamfer"
    assert record.dataset.vectors_per_item == pytest.approx(sets("bench base", 150, 4, 20).lengths.mean())
    assert record.bytes.code <= 100
    assert record.bytes.code <= record.bytes.code_largest
    assert record.bytes.code_total == record.bytes.searcher
    assert {"recall@1", "recall@10", "recall@100", "rank_correlation"} <= set(record.quality)
    arrays = records.read_queries(
        tmp_path / "results" / "runs" / f"base-{record.dataset.checksum[:8]}" / "first_k_tokens" / record.key
    )
    assert arrays["ids"].shape == (120, 100)


@pytest.mark.usefixtures("in_this_process")
def test_enough_bytes_give_the_exact_ranking(options):
    record = run({"name": "token_codec", "codec": "float16"}, "1x", **options)
    assert record.quality["recall@10"].value > 0.99
    assert record.quality["rank_correlation"].value > 0.99


def test_a_ratio_is_against_the_mean_float32_bytes_of_a_document(options):
    config = RunConfig(method={"name": "muvera"}, budget="8x", results=options["results"])
    config.dataset = options["dataset"]
    plan = prepare(config)
    assert plan.code_bytes == int(plan.dataset.base.lengths.mean() * 16 * 4 / 8)


@pytest.mark.thorough
@pytest.mark.usefixtures("in_this_process")
def test_rescoring_improves_and_is_counted_in_memory_or_on_disk(options):
    plain = run("muvera", "32B", **options)
    disk = run("muvera", "32B", rescore="disk", rescore_factor=8, **options)
    assert disk.quality["recall@10"].value > plain.quality["recall@10"].value
    assert disk.bytes.rescore_disk > 0
    assert disk.bytes.code == plain.bytes.code  # of which eight say where a document begins on disk
    assert disk.bytes.rescore_memory == 150 * 8
    memory = run("muvera", "1200B", rescore="int8", **options)
    assert 0 < memory.bytes.rescore_memory <= 1200 * 150
    assert memory.bytes.code <= 1200
    carved = run("muvera", "32B", rescore="disk", rescore_factor=8, rescore_carving=0.7, **options)
    assert carved.key != disk.key


def test_a_method_of_another_track_is_one_line_that_names_the_right_ones(options):
    with pytest.raises(WrongTrack, match=r"pq is of the dense track and base of the multivector track; use .*muvera"):
        run("pq", "8x", **options)
    with pytest.raises(WrongTrack, match="muvera is of the multivector track and squad-sentences-mini of the dense"):
        run("muvera", "8x", results=options["results"])


def test_products_beyond_float32_are_refused(tmp_path):
    vectors = np.full((200, 8), 1e20, np.float32) * np.random.default_rng(0).standard_normal((200, 8), np.float32)
    np.savez(tmp_path / "sets.npz", vectors=vectors, offsets=np.arange(0, 201, 4))
    sets = datasets.load("ragged", base=str(tmp_path / "sets.npz"), queries=str(tmp_path / "sets.npz"))
    with pytest.raises(datasets.DatasetError, match="chamfer scores overflow float32; divide all vectors"):
        datasets.ground_truth(sets, 5)


def test_exact_scores_are_computed_in_blocks(options, monkeypatch):
    sets = datasets.load(**options["dataset"])
    queries, ids = np.arange(20) % len(sets.queries), np.arange(20)
    whole = ragged_truth.true_scores(sets, queries, ids)
    monkeypatch.setattr(ragged_truth, "_PAIRS", 7)
    assert np.array_equal(ragged_truth.true_scores(sets, queries, ids), whole)


@pytest.mark.parametrize(
    ("column", "message"),
    [([], "holds no vectors"), ([[[]]], "holds no vectors"), ([[["a", "b"]]], "must be of numbers")],
)
def test_columns_without_vectors_are_refused_in_one_line(tmp_path, column, message):
    import pyarrow as pa
    import pyarrow.parquet as pq

    kind = pa.string() if "numbers" in message else pa.float32()
    pq.write_table(pa.table({"v": pa.array(column, pa.list_(pa.list_(kind)))}), tmp_path / "sets.parquet")
    with pytest.raises(datasets.DatasetError, match=message) as error:
        datasets.load("ragged", base=str(tmp_path / "sets.parquet"), queries=str(tmp_path / "sets.parquet"))
    assert "\n" not in str(error.value)


def test_truth_is_exact(options):
    dataset = datasets.load(**options["dataset"])
    truth = datasets.ground_truth(dataset, 5)
    for i in (0, 50):
        scores = [chamfer_reference(dataset.queries.set(i), dataset.base.set(j)) for j in range(150)]
        assert truth.ids[i].tolist() == np.argsort(-np.array(scores), kind="stable")[:5].tolist()
        np.testing.assert_allclose(truth.scores[i], sorted(scores)[::-1][:5], rtol=1e-6)


@pytest.mark.thorough
def test_a_sweep_over_all_methods_leaves_those_of_another_track_out(here, files):
    data = ["dataset=ragged", f"dataset.base={files}/base.npz", f"dataset.queries={files}/queries.npz"]
    done = here("-m", "method=pq,mean_pooling", "budget=64B", "latency_s=0.1", *data)
    assert done.returncode == 0, done.stderr
    assert "1 runs: 1 ok" in done.stdout
    assert "not for these data: pq (of another track)" in done.stdout
    alone = here("-m", "method=pq,opq", "budget=64B", *data)
    assert alone.returncode == 2
    assert "pq is of the dense track" in alone.stderr
    assert alone.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"base": None}, "dataset.base=FILE"),
        ({"queries": None}, "dataset.queries=FILE"),
        ({"base": "none.npz"}, "none.npz does not exist"),
        ({"base": "flat"}, "from 0 to 3; they must go from 0 to 4"),
        ({"base": "order"}, "out of order"),
        ({"base": "empty"}, "is empty"),
        ({"base": "nan"}, "NaN or infinity"),
        ({"base": "wide"}, "they must agree"),
        ({"base": "unnamed"}, "lacks the array"),
    ],
)
def test_unsound_sets_are_refused_in_one_line(options, tmp_path, change, message):
    vectors = np.ones((4, 16), np.float32)
    broken = vectors.copy()
    broken[2, 3] = np.nan
    cases = {
        "flat": {"vectors": vectors, "offsets": [0, 3]},
        "order": {"vectors": vectors, "offsets": [0, 3, 2, 4]},
        "empty": {"vectors": vectors, "offsets": [0, 2, 2, 4]},
        "nan": {"vectors": broken, "offsets": [0, 4]},
        "wide": {"vectors": np.ones((4, 17), np.float32), "offsets": [0, 4]},
        "unnamed": {"tokens": vectors},
    }
    for name, arrays in cases.items():
        np.savez(tmp_path / f"{name}.npz", **arrays)
    change = {key: str(tmp_path / f"{value}.npz") if value in cases else value for key, value in change.items()}
    given = {key: value for key, value in {**options["dataset"], **change}.items() if value is not None}
    with pytest.raises(datasets.DatasetError, match=message) as error:
        datasets.load(**given)
    assert "\n" not in str(error.value)


def test_sets_are_read_from_npz_folder_and_parquet_alike(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    from bench.datasets.sets.formats import open_sets, save_npz

    held = sets("files", 7, 1, 5)
    save_npz(tmp_path / "a.npz", held)
    (tmp_path / "folder").mkdir()
    np.save(tmp_path / "folder" / "vectors.npy", held.vectors)
    np.save(tmp_path / "folder" / "offsets.npy", held.offsets)
    rows = [held.set(i).tolist() for i in range(7)]
    column = pa.array(rows, pa.list_(pa.list_(pa.float32())))
    pq.write_table(pa.table({"id": range(7), "tokens": column}), tmp_path / "a.parquet")
    for found in (open_sets(tmp_path / "a.npz"), open_sets(tmp_path / "folder"), open_sets(tmp_path / "a.parquet")):
        assert isinstance(found, Ragged)
        np.testing.assert_array_equal(found.vectors, held.vectors)
        np.testing.assert_array_equal(found.offsets, held.offsets)
    assert isinstance(open_sets(tmp_path / "folder").vectors, np.memmap)


def test_true_scores_of_long_queries_copy_few_at_a_time():
    vectors = np.random.default_rng(0).standard_normal((20_000, 8), np.float32)
    queries = Ragged(vectors, np.array([0, 20_000]))
    documents = Ragged(vectors[:6], np.array([0, 1, 4, 6]))
    dataset = datasets.RaggedDataset("long", documents, queries, None, "")
    ids = np.arange(600) % 3
    tracemalloc.start()
    scores = ragged_truth.true_scores(dataset, np.zeros(600, np.int64), ids)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300 << 20
    expected = [chamfer_reference(vectors, documents.set(i)) for i in range(3)]
    np.testing.assert_allclose(scores, np.take(expected, ids), rtol=1e-6)
