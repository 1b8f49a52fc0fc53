"""Recall of every query of a finished run: of the search that the run judged, rescored or not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import bench
from bench import records
from bench.errors import UsageError
from bench.report import per_query

pytestmark = pytest.mark.integration

_K = (1, 10, 100)


@pytest.fixture(scope="module", params=[None, "float16"])
def run(request, tmp_path_factory):
    """A run's record and folder, with and without rescoring."""
    results = tmp_path_factory.mktemp("results")
    data = {"name": "synthetic", "d": 16, "nt": 500, "nb": 2_000, "nq": 40}
    record = bench.run("sign", "36B", data, rescore=request.param, latency_s=0.01, results=results)
    assert record.status == "ok", record.reason
    return record, next(results.rglob("record.json")).parent


@pytest.mark.thorough
@pytest.mark.parametrize("k", _K)
def test_the_mean_is_the_records_recall(run, k):
    record, folder = run
    recall = per_query.RecallOfQueries.of(record).values(record, folder, k)
    assert recall.shape == (40,)
    assert recall.mean() == pytest.approx(record.quality[f"recall@{k}"].value, abs=1e-12)


@pytest.mark.thorough
def test_without_it_the_ids_are_judged_and_a_rescored_run_is_refused(run, tmp_path):
    record, folder = run
    arrays = {name: array for name, array in records.read_queries(folder).items() if not name.startswith("recall@")}
    np.savez(tmp_path / "queries.npz", **arrays)
    older = dataclasses.replace(record, queries_sha256=records.file_sha256(tmp_path / "queries.npz"))
    records.write(older, tmp_path / "run", tmp_path / "queries.npz")
    judge = per_query.RecallOfQueries.of(older)
    if record.config["rescore"] is None:
        assert judge.values(older, tmp_path / "run", 10).mean() == pytest.approx(record.quality["recall@10"].value)
    else:
        with pytest.raises(UsageError, match="cannot be paired"):
            judge.values(older, tmp_path / "run", 10)
