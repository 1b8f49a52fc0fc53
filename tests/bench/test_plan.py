"""The key of a run follows everything that determines its result."""

from __future__ import annotations

import pytest

from bench.config import RunConfig
from bench.plan import prepare
from methods import registry


def key(tmp_path, method, **options):
    config = RunConfig(budget="16x", results=str(tmp_path))
    config.method = {"name": method, **options}
    return prepare(config).key


@pytest.mark.parametrize(("method", "options"), [("int4", {}), ("pca", {"codec": "int4"})])
def test_a_new_version_of_a_codec_makes_new_runs_of_all_that_use_it(tmp_path, monkeypatch, method, options):
    before, other = key(tmp_path, method, **options), key(tmp_path, "pq")
    assert key(tmp_path, method, **options) == before
    monkeypatch.setattr(registry.get("int4"), "version", "2")
    assert key(tmp_path, method, **options) != before
    assert key(tmp_path, "pq") == other


def test_what_does_not_change_the_result_does_not_change_the_key(tmp_path):
    config = RunConfig(results=str(tmp_path))
    config.method = {"name": "int8"}
    keys = set()
    for rerun in (False, True):
        config.rerun = rerun
        keys.add(prepare(config).key)
    assert len(keys) == 1
