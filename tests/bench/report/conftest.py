"""Records made by hand: two data sets, three methods, two budgets, two seeds, and one run that failed."""

import pytest
from rich.console import Console

from bench import records
from bench.measure.statistics import Interval

BEST = "alpha-opq-32-0"  # of alpha at 8x


def make(method, family, code, recall, *, seed=0, dataset="alpha", budget=None, p50=1.0, status="ok", **others):
    """A record of 1,000 vectors of 64 dimensions."""
    ok = status == "ok"
    raw = 256
    quality = {f"recall@{k}": Interval(recall, recall - 0.02, recall + 0.02) for k in (1, 10, 100)}
    return records.Record(
        schema=records.SCHEMA,
        key=f"{dataset}-{method}-{budget or code}-{seed}",
        status=status,
        reason="" if ok else "crashed with <SIGSEGV> & more",
        method=records.MethodInfo(method, family, "1", {"name": method}, {}),
        dataset=records.DatasetInfo(dataset, 1_000, 64, 100, "ip", f"{dataset}00", "base", 1_000),
        budget=records.BudgetInfo(f"{raw // (budget or code)}x", budget or code, 0),
        config={"method": {"name": method}, "dataset": {"name": dataset}, "seed": seed, "k": 10, "threads": 1}
        | {"train_size": 1_000, "rescore": None, "rescore_factor": 4, "latency_s": 1.0, "budget": f"{budget or code}B"},
        environment={"cpu": "toy", "cores": 2, "memory_bandwidth_bytes_per_s": 1e10, "packages": {"numpy": "2"}}
        | {"python": "3.12", "git_commit": "abc", "threads": {}, "date": "2026-01-01", "memory_bytes": 10**9},
        bytes=records.Bytes(code, 1_000 * code, {"codebooks": 4_000}, 4_000, 1_000 * code, 0, 0, 0) if ok else None,
        ratio=records.Ratio(raw / code, raw / (code + 4), raw / (code + 0.004), raw / (code + 4e-5)) if ok else None,
        quality={**quality, "reconstruction_error": Interval(1 - recall, 1 - recall, 1 - recall)} if ok else {},
        latency_ms={"p50": p50, "p95": 2 * p50, "p99": 3 * p50, "mean": p50} if ok else None,
        latency_queries=100 if ok else None,
        latency_shared=False if ok else None,
        throughput={"encode_vectors_per_s": 1e5 / code, "queries_per_s": 1e4} if ok else None,
        seconds={"fit": 1.5},
        peak_memory_bytes=10**8,
        **others,
    )


def printed(show, *arguments, width=140, **options):
    """What ``show`` prints into a terminal of ``width`` columns."""
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    show(*arguments, console=console, **options)
    return console.export_text()


@pytest.fixture(scope="session")
def sample():
    """The records."""
    made = []
    for dataset, worse in (("alpha", 0.0), ("beta", 0.1)):
        for code, loss in ((32, 0.0), (16, 0.15)):
            for seed, luck in ((0, 0.0), (1, 0.01)):
                trained = 0.95 - loss - worse + luck
                made.append(make("opq", "product", code, trained, seed=seed, dataset=dataset, p50=1.0))
            made.append(make("sign", "binary", 8, 0.55 - worse, dataset=dataset, budget=code, p50=0.2))
            made.append(make("int8", "scalar", code, 0.90 - loss - worse, dataset=dataset, p50=0.5))
    return [*made, make("bad", "product", 16, 0.0, status="failed")]
