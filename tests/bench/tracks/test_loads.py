"""Runs with reads from disk and with clients: what their records, tables and page say."""

import dataclasses
import json

import numpy as np
import pytest

import bench
from bench import records
from bench.config import RunConfig
from bench.errors import UsageError
from bench.execution import runner
from bench.records.disk_info import DiskInfo
from bench.report.load_record import load_lines
from bench.report.page import render
from bench.report.rows import rows_of, to_frame
from methods.errors import NotMapped
from methods.multivector import Ragged

DIM, K = 32, 10


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loads")
    rng = np.random.default_rng(0)
    np.save(folder / "base.npy", rng.standard_normal((3_000, DIM)).astype(np.float32))
    np.save(folder / "queries.npy", rng.standard_normal((60, DIM)).astype(np.float32))
    lengths = rng.integers(2, 6, 300)
    sets = Ragged(rng.standard_normal((lengths.sum(), DIM), np.float32), np.append(0, np.cumsum(lengths)))
    np.savez(folder / "sets.npz", vectors=sets.vectors, offsets=sets.offsets)
    np.savez(folder / "questions.npz", vectors=sets[:40].vectors, offsets=sets[:40].offsets)
    return folder


@pytest.fixture
def run(data, tmp_path, monkeypatch, in_this_process):
    monkeypatch.setenv("BENCH_CACHE", str(data / "cache"))

    def measured(method="sign", budget="4B", dataset=None, **options):
        own = {"name": "path", "base": str(data / "base.npy"), "queries": str(data / "queries.npy"), "metric": "ip"}
        record = bench.run(method, budget, dataset or own, results=str(tmp_path), latency_s=0.1, **options)
        assert record.status == "ok", record.reason
        return record

    return measured


def assert_cold(disk):
    """Times, or the reason why there are none."""
    if disk.not_measured:
        assert (disk.cold_ms, disk.cold_queries, disk.cold_bytes_read) == (None, 0, None)
    else:
        assert disk.cold_queries > 0
        assert disk.cold_ms["p99"] >= disk.cold_ms["p50"] > 0
        assert disk.cold_bytes_read > 0


@pytest.mark.parametrize("index", ["flat", "ivf"])
def test_reads_a_query_are_its_candidates(run, index):
    record = run(rescore="disk", rescore_factor=3, index={"name": index})
    disk = record.disk
    assert (disk.reads, disk.bytes) == (3 * K, 3 * K * 4 * DIM)
    assert disk.warm_bytes_read in (0, None)
    assert_cold(disk)
    assert records.Record.from_json(record.to_json()) == record


@pytest.mark.thorough
def test_documents_are_counted_by_their_vectors(run, data):
    sets = {"name": "ragged", "base": str(data / "sets.npz"), "queries": str(data / "questions.npz")}
    record = run("first_k_tokens", "100B", sets, rescore="disk", clients=2)
    assert record.disk.reads == 4 * K
    assert 4 * K * 2 <= record.disk.bytes / (4 * DIM) <= 4 * K * 5
    assert_cold(record.disk)
    assert record.clients[0].queries > 0


@pytest.mark.thorough
@pytest.mark.parametrize("method", ["int8", "pq"])
def test_mapped_codes_are_read_whole_and_find_the_same(run, method):
    plain, mapped = (run(method, "32B", codes=codes) for codes in ("memory", "mapped"))
    assert mapped.quality["recall@10"] == plain.quality["recall@10"]
    assert (mapped.disk.reads, mapped.disk.bytes) == (3_000, 3_000 * mapped.bytes.code)
    assert plain.disk is None
    assert_cold(mapped.disk)
    if not mapped.disk.not_measured:
        assert mapped.disk.cold_bytes_read >= mapped.disk.bytes
    assert sorted(row.label for row in rows_of([plain, mapped])) == [method, f"{method} codes=mapped"]


def test_mapped_codes_and_vectors_are_both_read(run):
    disk = run("int8", "32B", codes="mapped", rescore="disk").disk
    assert (disk.reads, disk.bytes) == (3_000 + 40, 3_000 * 32 + 40 * 4 * DIM)


def test_codes_that_are_laid_out_anew_are_not_mapped(run):
    with pytest.raises(NotMapped, match=r"sign lays its codes out anew .* use codes=memory, or a method"):
        run(codes="mapped")


def test_sets_of_vectors_are_not_mapped(run, data):
    sets = {"name": "ragged", "base": str(data / "sets.npz"), "queries": str(data / "questions.npz")}
    with pytest.raises(UsageError, match="codes=mapped is for single vectors, and sets has none; leave it out"):
        run("first_k_tokens", "100B", sets, codes="mapped")


def test_without_a_file_or_clients_nothing_is_added(run):
    record = run(rescore="float16", budget="100B")
    assert (record.disk, record.clients) == (None, None)
    assert [label for label, _ in load_lines(record)] == ["at rest"]


@pytest.mark.thorough
@pytest.mark.parametrize("index", ["flat", "ivf"])
def test_each_number_of_clients_is_measured(run, index):
    record = run("int8", "32B", clients=[1, 3], index={"name": index})
    assert [point.clients for point in record.clients] == [1, 3]
    scanned = 1.0 if record.index is None else record.index.at(record.index.probes).scanned
    for point in record.clients:
        assert point.queries >= point.clients
        rate = record.bytes.searcher * scanned * point.queries_per_s
        assert point.share_of_memory == pytest.approx(rate / point.memory_bytes_per_s)
    labels = [label for label, _ in load_lines(record)]
    assert labels == ["at rest", "1 client", "3 clients"]


def test_tables_have_the_number_of_clients_with_most_answers(run):
    record = run(rescore="disk", clients=[1, 2])
    most = max(record.clients, key=lambda point: point.queries_per_s)
    (line,) = to_frame(rows_of([record])).to_dict("records")
    (row,) = bench.to_frame([record]).to_dict("records")
    for one in (line, row):
        assert one["clients"] == most.clients
        assert one["clients_queries_per_s"] == most.queries_per_s
        assert one["clients_p99_ms"] == most.latency_ms["p99"]
        assert one["read_bytes_per_query"] == 40 * 4 * DIM
    text = render(rows_of([record]), [])
    assert "2 clients" in text
    assert "40 a query of" in text


def test_a_reason_stands_where_nothing_was_measured(run):
    record = run(rescore="disk")
    unknown = DiskInfo(40, 5120, None, None, 0, None, "no disk here")
    lines = dict(load_lines(dataclasses.replace(record, disk=unknown)))
    assert lines["cold"] == "[yellow]not measured: no disk here[/]"
    assert "disk" not in lines["reads"]
    measured = DiskInfo(40, 5120, 0.0, dict.fromkeys(("p50", "p95", "p99", "mean"), 2.5), 200, 163840)
    lines = dict(load_lines(dataclasses.replace(record, disk=measured)))
    assert "p99 2.5 ms with none of the file in memory (200 single queries)" in lines["cold"]
    assert lines["reads"].endswith("from disk 0 B warm, 164 kB cold")


def test_records_from_before_are_read_and_reused(run, monkeypatch):
    record = run(rescore="disk")
    values = json.loads(record.to_json())
    for name in ("disk", "clients"):
        del values[name]
    for name in ("codes", "clients"):
        del values["config"][name]
    old = records.from_dict(values)
    assert old.disk is None
    assert RunConfig.from_dict(old.config).determinants() == RunConfig.from_dict(record.config).determinants()
    monkeypatch.setattr(runner, "run_isolated", None)
    assert run(rescore="disk").key == record.key


def test_clients_are_measured_beside_what_was_measured_without(run):
    plain, loaded = run(), run(clients=2)
    assert plain.key != loaded.key
    assert RunConfig(clients=2).determinants() == RunConfig(clients=[2, 2]).determinants()
    (row,) = rows_of([plain, loaded])
    assert len(row.records) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clients": 0}, r"clients=0 is no list of numbers from 1 to 256; use \[1,2,4\]"),
        ({"clients": []}, "is no list of numbers"),
        ({"clients": [1, "two"]}, "is no list of numbers"),
        ({"clients": True}, "is no list of numbers"),
        ({"clients": [[1]]}, "is no list of numbers"),
        ({"clients": 257}, "from 1 to 256"),
        ({"clients": 2, "engine": {"name": "faiss"}}, "leave out engine="),
        ({"clients": 2, "engine": {"name": "ray"}}, "leave out engine="),
        ({"codes": "disk"}, "codes=disk is unknown; use memory or mapped"),
        ({"codes": "mapped", "index": {"name": "ivf"}}, "leave out index="),
        ({"codes": "mapped", "engine": {"name": "faiss"}}, "leave out engine="),
        ({"codes": "mapped", "scenario": {"name": "upgrade"}}, "leave out scenario="),
        ({"clients": 2, "scenario": {"name": "upgrade"}}, "leave out scenario="),
    ],
)
def test_options_that_no_run_can_have_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        RunConfig({"name": "sign"}, **options).check()


def test_several_numbers_without_brackets_are_refused(here):
    ended = here("method=sign", "clients=1,2")
    assert ended.returncode == 2
    assert "clients=[1,2] measures each in one run" in ended.stderr
