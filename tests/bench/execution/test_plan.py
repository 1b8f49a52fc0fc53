"""The key of a run follows everything that determines its result."""

from __future__ import annotations

import dataclasses
import functools
import shutil
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import yaml

import bench
from bench import datasets, own_files, records
from bench.config import RunConfig
from bench.execution import runner
from bench.execution.plan import prepare
from methods import registry

ROOT = Path(__file__).resolve().parents[3]


def key(tmp_path, method, **options):
    config = RunConfig(budget="16x", results=str(tmp_path))
    config.method = {"name": method, **options}
    return prepare(config).key


@pytest.mark.parametrize(("method", "options"), [("int4", {}), ("pca", {"codec": "int4"})])
def test_a_new_version_of_a_codec_makes_new_runs_of_all_that_use_it(tmp_path, monkeypatch, method, options):
    before, other = key(tmp_path, method, **options), key(tmp_path, "pq")
    assert key(tmp_path, method, **options) == before
    monkeypatch.setattr(registry.get("int4"), "version", "raised")
    assert key(tmp_path, method, **options) != before
    assert key(tmp_path, "pq") == other


def test_a_new_version_of_the_store_makes_new_rescored_runs_only(tmp_path, monkeypatch):
    def rescored(store):
        return prepare(RunConfig({"name": "pq"}, rescore=store, budget="2x", results=str(tmp_path))).key

    before = [rescored(store) for store in ("int8", "float16", None)]
    monkeypatch.setattr(registry.get("int8"), "version", "raised")
    after = [rescored(store) for store in ("int8", "float16", None)]
    assert [a == b for a, b in zip(before, after)] == [False, True, True]


def test_center_makes_runs_of_its_own_and_null_leaves_earlier_ones_valid(tmp_path):
    assert key(tmp_path, "pq", center=None) == key(tmp_path, "pq")
    assert key(tmp_path, "pq", center="offset") != key(tmp_path, "pq")


@pytest.mark.usefixtures("in_this_process")
def test_a_record_says_that_it_is_centered(tmp_path, gaussian):
    np.save(tmp_path / "base.npy", gaussian(300, 16) + 1)

    def run(center):
        made = {"name": "path", "base": tmp_path / "base.npy", "metric": "ip"}
        return bench.run({"name": "int8", "center": center}, "2x", made, latency_s=0.1, results=tmp_path)

    centered, plain = run("offset"), run(None)
    assert (centered.method.full_name, plain.method.full_name) == ("int8 center=offset", "int8")
    assert (centered.bytes.code, plain.bytes.code) == (17, 16)
    assert (centered.method.params["center"], "center" in plain.method.params) == ("offset", False)
    assert centered.method.version.startswith(plain.method.version)
    assert centered.quality["recall@10"].value > 0.9


def test_center_under_l2_is_skipped_in_a_sweep(tmp_path, gaussian):
    np.save(tmp_path / "base.npy", gaussian(300, 16))
    made = {"name": "path", "base": str(tmp_path / "base.npy"), "metric": "l2"}
    plan = prepare(RunConfig({"name": "pq", "center": "offset"}, made, results=str(tmp_path)))
    record = runner.execute(plan)
    assert record.status == "skipped"
    assert "ip and cosine" in record.reason


@pytest.mark.usefixtures("in_this_process")
def test_what_was_skipped_for_want_of_a_package_runs_once_it_is_there(tmp_path, monkeypatch, gaussian):
    np.save(tmp_path / "base.npy", gaussian(300, 16))
    made = {"name": "path", "base": str(tmp_path / "base.npy")}
    config = RunConfig({"name": "sign"}, made, results=str(tmp_path), latency_s=0.1)
    monkeypatch.setattr(registry.get("sign"), "requires", ("a_module_that_nobody_has",))
    plan = prepare(config)
    assert runner.execute(plan).status == "skipped"
    assert runner.finished(plan) is not None
    monkeypatch.setattr(registry.get("sign"), "requires", ())
    again = prepare(config)
    assert again.key == plan.key
    assert runner.execute(again).status == "ok"


def test_what_does_not_change_the_result_does_not_change_the_key(tmp_path):
    config = RunConfig(results=str(tmp_path))
    config.method = {"name": "int8"}
    keys = set()
    for rerun in (False, True):
        config.rerun = rerun
        keys.add(prepare(config).key)
    assert len(keys) == 1


@pytest.fixture
def run(tmp_path, gaussian):
    """A run of ``sign`` on vectors of 16 dimensions, at a budget."""
    np.save(tmp_path / "base.npy", gaussian(300, 16))
    made = {"name": "path", "base": tmp_path / "base.npy", "metric": "ip"}
    return functools.partial(bench.run, "sign", dataset=made, latency_s=0.1, results=tmp_path)


@pytest.mark.thorough
@pytest.mark.usefixtures("in_this_process")
def test_a_budget_that_leads_to_the_same_codec_is_not_measured_again(tmp_path, run):
    first, second = run("8x"), run("16x")
    assert first.reason == ""
    assert second.reason == "the same codec as at budget 8x, measured there"
    assert (second.key, second.budget.bytes, second.budget.unused) != (first.key, 8, 6)
    assert (second.budget.bytes, second.budget.unused, second.config["budget"]) == (4, 2, "16x")
    assert (second.quality, second.latency_ms) == (first.quality, first.latency_ms)
    folder = records.run_folder(tmp_path, f"base-{second.dataset.checksum[:8]}", "sign", second.key)
    assert records.read(folder) == second
    assert records.read_queries(folder)["ids"].shape[1] == 100
    assert run("16x", rerun=True).reason == ""
    assert run("32x").budget.unused == 0
    assert run("8x", k=5).reason == ""


@pytest.mark.usefixtures("in_this_process")
def test_own_vectors_have_their_file_s_name_and_earlier_records_count(tmp_path, run):
    """Earlier versions put the runs of all files into one folder and called each data set ``path``."""
    record = run("8x")
    assert record.dataset.name == "base"
    folder = records.run_folder(tmp_path, f"base-{record.dataset.checksum[:8]}", "sign", record.key)
    earlier = records.run_folder(tmp_path, "path", "sign", record.key)
    earlier.parent.mkdir(parents=True)
    folder.rename(earlier)
    renamed = dataclasses.replace(record, dataset=dataclasses.replace(record.dataset, name="path"))
    (earlier / records.RECORD_FILE).write_text(renamed.to_json())
    assert run("8x") == renamed  # it was not measured again
    assert not folder.exists()


@pytest.mark.thorough
@pytest.mark.usefixtures("in_this_process")
def test_what_failed_in_an_earlier_folder_is_measured_in_the_new_one(tmp_path, run):
    """The path that is printed is then that of the record."""
    record = run("8x")
    folder = records.run_folder(tmp_path, f"base-{record.dataset.checksum[:8]}", "sign", record.key)
    earlier = records.run_folder(tmp_path, "path", "sign", record.key)
    earlier.parent.mkdir(parents=True)
    folder.rename(earlier)
    failed = dataclasses.replace(record, status="failed", dataset=dataclasses.replace(record.dataset, name="path"))
    (earlier / records.RECORD_FILE).write_text(failed.to_json())
    again = run("8x")
    assert (again.status, records.read(folder)) == ("ok", again)
    (earlier / records.RECORD_FILE).write_text(dataclasses.replace(failed, status="ok").to_json())
    assert run("8x") == again
    shutil.rmtree(folder)
    assert run("8x", rerun=True) == records.read(folder)


def test_published_runs_of_built_data_sets_keep_their_keys_and_folders(tmp_path):
    """By these a sweep is resumed."""
    published = records.find([ROOT / "results/published/squad-sentences-mini.parquet"])
    present = [record for record in published if record.method.name in ("bebr", "eden", "rabitq")]
    assert len(present) > 3
    for record in present:
        assert record.method.version == registry.get(record.method.name).version
        config = RunConfig.from_dict({**record.config, "results": str(tmp_path)})
        name = record.dataset.name
        assert prepare(config).folder == tmp_path / "runs" / name / record.method.name / record.key


@pytest.mark.parametrize(
    ("file", "name"),
    [
        *(("a/my.npy", "my"), ("my vectors.parquet", "my_vectors"), ("a.b.fbin", "a.b"), ("a|b.npy", "a_b")),
        *(("path.npy", "path.npy"), ("squad-sentences.npy", "squad-sentences.npy"), ("some/sets", "sets")),
    ],
)
def test_a_file_gives_its_data_set_a_name(file, name):
    assert own_files.name_of(file, datasets.names()) == name


@pytest.mark.usefixtures("in_this_process")
def test_a_codec_is_the_same_when_its_parameters_were_renamed_since(tmp_path, run, monkeypatch):
    first = run("8x")
    then = {"cut" if name == "threshold" else name: value for name, value in reversed(first.method.params.items())}
    folder = records.run_folder(tmp_path, f"base-{first.dataset.checksum[:8]}", "sign", first.key)
    method = dataclasses.replace(first.method, params=then)
    records.write(dataclasses.replace(first, method=method), folder)
    monkeypatch.setattr(registry.get("sign"), "renamed", {"cut": "threshold"})
    assert run("16x").reason == "the same codec as at budget 8x, measured there"


def test_the_experiment_of_tables_names_every_method_of_its_track():
    text = (resources.files("conf") / "experiment" / "table.yaml").read_text()
    named = yaml.safe_load(text)["hydra"]["sweeper"]["params"]["method"].replace(" ", "").split(",")
    assert sorted(named) == sorted(registry.names("table"))
