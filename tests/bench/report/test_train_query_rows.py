"""Rows of methods that learned from queries: marked, in a group and on a front of their own, left out of ranks."""

import dataclasses

import bench
from bench import records, report
from bench.report.names import dataset_names
from bench.report.rows import rows_of

from .conftest import make


def learned(record):
    return dataclasses.replace(record, method=dataclasses.replace(record.method, uses_queries=True))


PLAIN = make("opq", "product", 24, 0.7)
TRAINED = learned(make("distill_pq", "trained", 24, 0.9))


def test_a_row_with_queries_does_not_compete_with_rows_without():
    groups = {row.record.method.name: row.group for row in rows_of([PLAIN, TRAINED])}
    assert groups["opq"] != groups["distill_pq"]
    assert groups["opq"] == rows_of([make("pq", "product", 24, 0.6)])[0].group


def test_every_name_of_its_data_set_says_train_queries():
    name = dataset_names([PLAIN, TRAINED])
    assert "train queries" in name(TRAINED)
    assert "train queries" not in name(PLAIN)


def test_fronts_keep_rows_with_and_without_queries_apart(tmp_path):
    records.pack([PLAIN, TRAINED], tmp_path / "runs.parquet")
    frame = bench.load_records(tmp_path)
    assert dict(zip(frame["method"], frame["uses_queries"])) == {"opq": False, "distill_pq": True}
    assert set(report.pareto(frame)["method"]) == {"opq", "distill_pq"}
    alike = learned(make("pq", "product", 24, 0.6))
    records.pack([PLAIN, TRAINED, alike], tmp_path / "runs.parquet")
    assert set(report.pareto(bench.load_records(tmp_path))["method"]) == {"opq", "distill_pq"}


def test_records_from_before_there_were_training_queries_used_none():
    values = dataclasses.asdict(PLAIN)
    del values["method"]["uses_queries"]
    assert not records.from_dict(values).method.uses_queries
