"""Records are whole or not there, checked when written and when read, and never unpickled."""

import dataclasses
import json
import os

import numpy as np
import pytest

from bench import records
from bench.errors import UsageError
from bench.measure.at_rest import CodesAtRest
from bench.measure.free_order import FreeOrder
from bench.measure.statistics import Interval
from bench.records import BudgetInfo, DatasetInfo, MethodInfo, Record
from bench.records.frame import to_frame


@pytest.fixture
def record():
    return Record(
        schema=records.SCHEMA,
        key="abc",
        status="ok",
        reason="",
        method=MethodInfo("pq", "product", "1", {"name": "pq"}, {"dim": 8}),
        dataset=DatasetInfo("tiny", 10, 8, 2, "ip", "00", "base", 10),
        budget=BudgetInfo("8x", 4, 0),
        config={"k": 10},
        environment={"cores": 2},
        quality={"recall@10": Interval(0.5, 0.4, 0.6)},
        seconds={"fit": 1},
    )


def test_a_record_survives_the_disk(record, tmp_path):
    path = records.write(record, tmp_path / "run")
    assert path.name == "record.json"
    assert records.read(path) == records.read(tmp_path / "run") == record


def test_nothing_but_the_record_is_left_behind(record, tmp_path):
    records.write(record, tmp_path)
    assert os.listdir(tmp_path) == ["record.json"]


def test_a_failed_write_keeps_the_old_record(record, tmp_path, monkeypatch):
    records.write(record, tmp_path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match=r"No space left on device; choose another folder"):
        records.write(dataclasses.replace(record, key="new"), tmp_path)
    assert records.read(tmp_path) == record
    assert os.listdir(tmp_path) == ["record.json"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.pop("key"), "lacks the field 'key'"),
        (lambda r: r.update(extra=1), "unknown field 'extra'"),
        (lambda r: r.update(status="fine"), "record.status is 'fine', not one of ok"),
        (lambda r: r["dataset"].update(n="ten"), "record.dataset.n is 'ten', not int"),
        (lambda r: r["dataset"].update(n=True), "record.dataset.n is True, not int"),
        (lambda r: r["quality"].update({"recall@1": 0.5}), "record.quality.recall@1 is not an object"),
        (lambda r: r.update(schema=0), "schema 0 is not"),
        (lambda r: r.update(method=None), "record.method is not an object"),
    ],
)
def test_a_wrong_record_is_refused_by_field(record, tmp_path, change, message):
    values = json.loads(record.to_json())
    change(values)
    (tmp_path / "record.json").write_text(json.dumps(values))
    with pytest.raises(UsageError, match="is not a readable record") as error:
        records.read(tmp_path)
    assert message in str(error.value)
    assert records.read_finished(tmp_path) is None


def test_nan_is_no_figure(record):
    with pytest.raises(ValueError, match="not JSON compliant"):
        dataclasses.replace(record, seconds={"fit": float("nan")}).to_json()


def test_queries_of_another_attempt_are_refused(record, tmp_path):
    work = tmp_path / "work.npz"
    np.savez(work, ids=np.arange(3))
    record = dataclasses.replace(record, queries_sha256=records.file_sha256(work))
    records.write(record, tmp_path / "run", work)
    assert records.read_queries(tmp_path / "run")["ids"].tolist() == [0, 1, 2]
    np.savez(tmp_path / "run" / records.QUERIES_FILE, ids=np.arange(4))
    with pytest.raises(UsageError, match="belongs to another attempt"):
        records.read_queries(tmp_path / "run")


def test_frame_has_one_row_a_record(record, tmp_path):
    for key in ("a", "b"):
        records.write(dataclasses.replace(record, key=key), tmp_path / key)
    frame = to_frame(records.find([tmp_path]))
    assert frame["key"].tolist() == ["a", "b"]
    assert frame["recall@10"].tolist() == [0.5, 0.5]


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        list(records.find([tmp_path / "none"]))


@pytest.mark.parametrize("name", ["published.jsonl", "published.parquet"])
def test_packed_records_are_found_again(record, tmp_path, name):
    others = [dataclasses.replace(record, key=key, config={"results": "/home/me/results"}) for key in ("a", "b")]
    others.append(dataclasses.replace(record, key="c", quality={}, latency_ms=None, reason="naïve\n\u2028"))
    records.pack(others, tmp_path / name)
    expected = [dataclasses.replace(r, config={**r.config, "results": "results"}) for r in others]
    for path in (tmp_path, tmp_path / name):
        assert list(records.find([path])) == expected


def test_a_packed_line_that_is_no_record_is_named(record, tmp_path):
    records.pack([record, record], tmp_path / "published.jsonl")
    with (tmp_path / "published.jsonl").open("a") as file:
        file.write("{}\n")
    with pytest.raises(UsageError, match="line 3"):
        list(records.find([tmp_path]))


def test_a_run_that_is_packed_too_comes_once_from_its_folder(record, tmp_path):
    records.write(record, tmp_path / "runs" / record.key)
    records.pack([record, dataclasses.replace(record, key="other")], tmp_path / "published.jsonl")
    found = {r.key: folder for r, folder in records.locate([tmp_path])}
    assert found == {record.key: tmp_path / "runs" / record.key, "other": None}
    assert len(list(records.find([tmp_path, tmp_path / "published.jsonl"]))) == 2


def test_of_a_run_that_was_packed_twice_the_last_counts(record, tmp_path):
    for name, date, peak in (("a", "2026-02-01", 2), ("b", "2026-01-01", 1)):
        dated = dataclasses.replace(record, environment={**record.environment, "date": date}, peak_memory_bytes=peak)
        records.pack([dated], tmp_path / f"{name}.jsonl")
    assert [r.peak_memory_bytes for r in records.find([tmp_path])] == [2]


def test_of_each_budget_the_version_measured_last_is_newest(record):
    def measured(name, version, date, dataset="tiny", budget="8x", nbytes=48):
        return dataclasses.replace(
            record,
            key=f"{name} {version} {dataset} {budget}",
            budget=dataclasses.replace(record.budget, requested=budget, bytes=nbytes),
            method=dataclasses.replace(record.method, name=name, version=version),
            dataset=dataclasses.replace(record.dataset, name=dataset),
            environment={"date": date},
        )

    old, new = measured("pq", "9", "2026-01-01"), measured("pq", "10", "2026-02-01")
    others = [measured("opq", "1", "2025-01-01"), measured("pq", "9", "2026-01-01", "other")]
    others.append(measured("pq", "9", "2026-01-01", budget="16x", nbytes=24))
    spelled = measured("pq", "9", "2026-01-02", budget="48B")  # the budget of the first two
    located = [(one, None) for one in (old, new, *others, spelled)]
    assert [one for one, _ in records.newest_versions(located)] == [new, *others]


def test_recalls_survive_packing_and_stand_in_no_frame(record, tmp_path):
    packed = dataclasses.replace(record, recalls=[0.1, 1.0], config={"results": "results"})
    records.pack([packed], tmp_path / "published.parquet")
    assert list(records.find([tmp_path])) == [packed]
    assert "recalls" not in to_frame([packed]).columns
    with pytest.raises(ValueError, match=r"record\.recalls\[1\] is 'x', not float"):
        records.from_dict({**dataclasses.asdict(packed), "recalls": [0.1, "x"]})


def test_parquet_packs_are_compact_and_whole(record, tmp_path):
    many = [dataclasses.replace(record, key=f"{i:016x}") for i in range(300)]
    for name in ("a.jsonl", "a.parquet"):
        records.pack(many, tmp_path / name)
    assert (tmp_path / "a.parquet").stat().st_size * 10 < (tmp_path / "a.jsonl").stat().st_size
    with pytest.raises(UsageError, match=r"packed into .jsonl or .parquet, not into a\.csv"):
        records.pack(many, tmp_path / "a.csv")


def test_parquet_files_of_something_else_are_passed_over(record, tmp_path):
    to_frame([record])[["key", "status"]].to_parquet(tmp_path / "runs.parquet")
    records.pack([record], tmp_path / "published.parquet")
    assert [r.key for r in records.find([tmp_path])] == [record.key]
    for name in ("runs.parquet", "broken.parquet"):
        (tmp_path / "broken.parquet").write_bytes(b"PAR1")
        with pytest.raises(UsageError, match=rf"{name} is not a file of packed records"):
            list(records.find([tmp_path / name]))


def test_a_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "x.jsonl").write_bytes(b"\x93NUMPY\xff")
    with pytest.raises(UsageError, match=r"x\.jsonl is not a file of packed records"):
        list(records.find([tmp_path]))


def test_codes_at_rest_survive_and_older_records_have_none(record, tmp_path):
    measured = dataclasses.replace(record, at_rest=CodesAtRest(1_024, 6.9, 1.1, FreeOrder(2.9, 3.0)))
    records.write(measured, tmp_path)
    assert records.read(tmp_path) == measured
    columns = ["code_entropy", "code_zstd_ratio", "bytes_free_order"]
    assert to_frame([measured])[columns].values.tolist() == [[6.9, 1.1, 3.0]]
    before_order = json.loads(measured.to_json())
    del before_order["at_rest"]["order"]
    assert Record.from_json(json.dumps(before_order)).at_rest == CodesAtRest(1_024, 6.9, 1.1)
    older = json.loads(record.to_json())
    del older["at_rest"]
    assert Record.from_json(json.dumps(older)) == record
