"""``column`` wherever a file of vectors is read: base, queries, training vectors, sets, and ``bench.recommend``."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench import datasets
from bench.datasets import DatasetError
from bench.recommend.__main__ import main
from bench.recommend.choice import _load
from bench.recommend.question import Question

RNG = np.random.default_rng(0)
DOCS, ASKED, TITLES = (RNG.standard_normal((40, 4)).astype(np.float32) for _ in range(3))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Files with several columns or arrays, and with one."""
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"doc": list(DOCS), "title": list(TITLES), "query": list(ASKED)}), "all.parquet")
    pq.write_table(pa.table({"asked": list(ASKED), "n": range(40)}), "asked.parquet")
    pq.write_table(pa.table({"doc": list(ASKED), "other": list(TITLES)}), "same.parquet")
    pq.write_table(pa.table({"a": list(ASKED), "b": list(TITLES)}), "several.parquet")
    np.savez("all.npz", doc=DOCS, title=TITLES)
    np.save("asked.npy", ASKED)


def loaded(**options):
    found = datasets.load("path", **options)
    return found.base.read(0, 99), found.queries, None if found.train is None else found.train.read(0, 99)


@pytest.mark.parametrize("queries", ["asked.parquet", "same.parquet", "asked.npy"])
@pytest.mark.parametrize("base", ["all.parquet", "all.npz"])
def test_the_files_of_queries_and_training_vectors_may_lack_the_column(base, queries):
    found = loaded(base=base, column="doc", queries=queries, train=queries)
    for array, right in zip(found, (DOCS, ASKED, ASKED)):
        np.testing.assert_array_equal(array, right)


def test_base_and_queries_may_be_columns_of_one_file():
    base, queries, _ = loaded(base="all.parquet", column="doc", queries="all.parquet", queries_column="query")
    np.testing.assert_array_equal(base, DOCS)
    np.testing.assert_array_equal(queries, ASKED)


def test_another_column_is_another_data_set():
    sums = {datasets.load("path", base="all.parquet", column=name).checksum for name in ("doc", "title", "query")}
    assert len(sums) == 3


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        ({"base": "all.parquet"}, "all.parquet has 3 candidate columns; name one by column="),
        ({"base": "all.parquet", "column": "none"}, "all.parquet has no column 'none'"),
        ({"base": "all.parquet", "column": "doc", "queries": "several.parquet"}, "several.parquet has 2 candidate"),
        ({"base": "all.parquet", "column": "doc", "queries_column": "x"}, "name it by dataset.queries=FILE"),
        (
            {"base": "all.parquet", "column": "doc", "queries": "asked.parquet", "queries_column": "n"},
            "column 'n' is int64, no list of numbers",
        ),
        ({"base": "asked.npy", "column": "doc"}, "asked.npy has no columns"),
        ({"base": "asked.npy", "column": "doc", "queries": "asked.parquet"}, "asked.npy has no columns"),
        ({"base": "all.npz"}, "all.npz holds doc, title; call the array 'base', save it alone, or name it by column"),
    ],
)
def test_a_column_that_cannot_be_meant_is_refused(options, fragment):
    with pytest.raises(DatasetError) as caught:
        datasets.load("path", **options)
    assert fragment in str(caught.value)


def test_a_column_may_be_of_the_queries_alone():
    base, queries, _ = loaded(base="asked.npy", column="b", queries="several.parquet")
    np.testing.assert_array_equal(base, ASKED)
    np.testing.assert_array_equal(queries, TITLES)


def test_columns_of_sets(tmp_path):
    sets = {name: pa.array(array.reshape(10, 4, 4).tolist()) for name, array in (("doc", DOCS), ("query", ASKED))}
    pq.write_table(pa.table(sets), "sets.parquet")
    pq.write_table(pa.table({"asked": sets["query"]}), "asked_sets.parquet")
    for asked in ({"queries": "sets.parquet", "queries_column": "query"}, {"queries": "asked_sets.parquet"}):
        found = datasets.load("ragged", base="sets.parquet", column="doc", **asked)
        np.testing.assert_array_equal(found.base.vectors, DOCS)
        np.testing.assert_array_equal(found.queries.vectors, ASKED)


def test_recommend_reads_the_named_column():
    found = _load(Question(data="all.parquet", budget="8x", column="doc", queries="asked.parquet"))
    np.testing.assert_array_equal(found.base.read(0, 99), DOCS)
    np.testing.assert_array_equal(found.queries, ASKED)


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [(["--column", "none"], "no column 'none'"), ([], "3 candidate columns"), (["--column", "doc"], "36 vectors")],
)
def test_recommend_has_the_option(monkeypatch, capsys, arguments, fragment):
    monkeypatch.setattr("sys.argv", ["bench.recommend", "--data", "all.parquet", "--budget", "2x", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    printed = capsys.readouterr().err
    assert fragment in printed
    assert printed.count("\n") == 1
