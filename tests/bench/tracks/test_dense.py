"""What a run of the dense track records beside what all tracks do."""

import numpy as np
import pytest
from runs_here import run_here

from bench.config import RunConfig
from bench.execution import runner
from bench.execution.plan import prepare


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """``measured(n, ...)`` runs ``sign`` on so many vectors; its record."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(runner, "run_isolated", run_here)

    def run(n, **options):
        rng = np.random.default_rng(0)
        for name, rows in {"base": n, "queries": 60}.items():
            np.save(tmp_path / f"{name}{n}.npy", rng.standard_normal((rows, 16)).astype(np.float32))
        dataset = {"name": "path", **{name: str(tmp_path / f"{name}{n}.npy") for name in ("base", "queries")}}
        options = {"latency_s": 0.1, "budget": "2B", "results": str(tmp_path / "results"), **options}
        record = runner.execute(prepare(RunConfig({"name": "sign"}, dataset, **options)))
        assert record.status == "ok", record.reason
        return record

    return run


@pytest.mark.thorough
def test_what_a_query_takes_besides_the_scan_is_measured_where_it_can_be(measured):
    latency = measured(4_000).latency_ms
    assert 0 <= latency["fixed"] <= latency["p50"]
    assert "fixed" not in measured(3_999).latency_ms  # too near to the few codes that it is compared with
    assert "fixed" not in measured(4_000, rescore="disk").latency_ms


def test_signs_of_centered_vectors_are_full_codes(measured):
    rest = measured(4_000).at_rest
    assert rest.codes == 4_000
    assert 7.9 < rest.entropy <= 8
    assert rest.zstd_ratio < 1.01
    size = measured(4_000).bytes.code
    assert 8 * (size - rest.order.least) == pytest.approx(np.log2(4_000 / np.e), abs=0.1)
    assert rest.order.least < rest.order.stored < size - 1
    assert measured(1_000).at_rest is None
