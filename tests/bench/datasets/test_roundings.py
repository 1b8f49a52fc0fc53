"""A set that another processor rounds otherwise has the checksum of published records; others keep their own."""

from pathlib import Path

import numpy as np

import bench
from bench import datasets
from bench.datasets import roundings

PUBLISHED = Path(__file__).parents[3] / "results" / "published"


def test_records_of_the_checksums_are_published_for_one_data_set_each():
    names = ("squad-sentences", "squad-sentences-cone")
    found = [set(bench.load_records(PUBLISHED / f"{name}.parquet")["checksum"]) for name in names]
    assert [len(checksums) for checksums in found] == [1, 1]
    assert sorted(roundings.SAME.values()) == sorted(set().union(*found))
    assert not {*roundings.SAME} & {*roundings.SAME.values()}


def test_a_data_set_is_loaded_under_the_published_checksum(tmp_path, monkeypatch):
    file = tmp_path / "base.npy"
    np.save(file, np.random.default_rng(0).standard_normal((500, 8)).astype(np.float32))
    own = datasets.load("path", base=str(file), max_queries=5).checksum
    other = datasets.load("path", base=str(file), max_queries=6).checksum
    monkeypatch.setitem(roundings.SAME, own, "f" * 64)
    same = datasets.load("path", base=str(file), max_queries=5)
    assert same.checksum == "f" * 64
    assert same.card["built_here_sha256"] == own
    assert datasets.load("path", base=str(file), max_queries=6).checksum == other
