"""Makes ``ceiling.md``: what the best possible code for Gaussian axes would find, at the bytes of ``rq_trellis``.

    python results/scripts/ceiling.py --measure   # ceiling.csv: minutes, and the data sets
    python results/scripts/ceiling.py             # the page, from it and the records beside it

By Shannon's bound, a code of b bits leaves at least the share 4^-b of a Gaussian's variance as error. A code at the
bound is simulated by its test channel (Cover & Thomas, Elements of Information Theory, section 10.3): the residuals of
the stages are divided by their lengths, and along every principal axis a coordinate y is decoded as ``(1 - D) y`` plus
Gaussian noise of ``D (1 - D)`` times the variance of the axis. D is the share that the bound leaves of this variance;
reverse water-filling on ``variance^gamma`` allocates it. Of several gamma, the best for the queries themselves counts.
The length of a residual is known exactly and takes no bytes. No real code reaches this bound: better codes of the same
axes gain at most the difference between it and ``rq_trellis``.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import faiss
import numpy as np
from quotes import DATASETS, OURS, groups_of
from tqdm import tqdm

from bench import datasets
from methods import for_budget
from methods.base import Metric
from methods.faiss_tools import faiss_metric
from methods.vectors import normalized

PUBLISHED = Path(__file__).parents[1] / "published"
BUDGETS, GAMMAS = (8, 16, 32, 64), (1.0, 1.25, 1.5, 1.75)
QUERIES = 1000
BOUNDS = PUBLISHED / "ceiling.csv"
HEAD = """# How much is left to gain

Recall@10 of what the best possible code for Gaussian axes would find (Shannon's bound, by its test channel), at the
bytes of `rq_trellis` and after its stages, beside what is found. Exponents of the bound's allocation are the best for
the queries, which no method may do. Of all values with the same variances Gaussian ones are the hardest to code: where
residuals are far from Gaussian, as on `fashion-mnist`, a code can find more than this. Made by
`python results/scripts/ceiling.py`.

| data set | budget | at the bound | `rq_trellis` | best other method |
|---|---|---:|---:|---|
"""


def distortions(variances: np.ndarray, bits: float, gamma: float) -> np.ndarray:
    """D (axes,), the share of each variance that ``bits`` in total leave: reverse water-filling on variance^gamma."""
    weights = (variances / variances.max()) ** gamma
    low, high = -400.0, 0.0
    for _ in range(100):
        level = (low + high) / 2
        remaining = np.minimum(1, np.exp2(level) / np.maximum(weights, 1e-300))
        low, high = (low, level) if -np.log2(remaining).sum() / 2 < bits else (level, high)
    return remaining


def at_the_bound(name: str, factor: int) -> float:
    """Recall@10 of the test channel in place of the trellis of ``rq_trellis``."""
    data = datasets.load(name, max_queries=QUERIES)
    base, queries = data.base.read(0, data.base.shape[0]), np.asarray(data.queries)
    if data.metric is Metric.COSINE:
        base, queries = normalized(base), normalized(queries)
    inner = data.metric.inner
    truth = faiss.knn(queries, base, 10, metric=faiss_metric(inner))[1]
    code_bytes = 4 * data.dim // factor
    codec = for_budget("rq_trellis", data.dim, code_bytes, inner, gamma=1.5, scale="least_squares", state_bits=10)
    codec.fit(base[np.random.default_rng(0).permutation(len(base))[:100_000]])
    staged, bits = codec.quantizer_, 8 * codec.level_bytes  # type: ignore[attr-defined]
    centered = base - staged.mean
    coarse = staged.coarse.sa_decode(staged.coarse.sa_encode(centered))
    residuals = centered - coarse
    sizes = np.maximum(np.linalg.norm(residuals, axis=1, keepdims=True), 1e-30)
    shapes = residuals / sizes
    variances, axes = np.linalg.eigh(np.cov(shapes, rowvar=False))
    coordinates, rng, recalls = shapes @ axes.astype(np.float32), np.random.default_rng(0), []
    for gamma in GAMMAS:
        remaining = distortions(np.maximum(variances, 0), bits, gamma)
        spread = np.sqrt(remaining * (1 - remaining) * np.maximum(variances, 0))
        noise = rng.standard_normal(coordinates.shape, np.float32) * spread
        fine = sizes * (((1 - remaining) * coordinates + noise).astype(np.float32) @ axes.T.astype(np.float32))
        decoded = coarse + fine + staged.mean if inner is Metric.L2 else normalized(coarse + fine)
        ids = faiss.knn(queries, np.ascontiguousarray(decoded), 10, metric=faiss_metric(inner))[1]
        recalls.append(np.mean([np.isin(a, b).mean() for a, b in zip(ids, truth)]))
    return float(max(recalls))


def measured(name: str, factor: int) -> tuple[str, str]:
    """``rq_trellis`` and the best method that is none of ours, from the published records."""
    rows = groups_of(name)[f"{factor}x"]  # best first
    ours = next(row for row in rows if row.record.method.name == "rq_trellis")
    first = next(row for row in rows if row.record.method.name not in OURS)
    return f"{ours.worth:.3f}", f"`{first.record.method.name}` {first.worth:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", action="store_true", help="simulate codes at the bound before the page is written")
    if parser.parse_args().measure:
        cases = [(name, factor) for name in DATASETS for factor in BUDGETS]
        rows = [(*case, f"{at_the_bound(*case):.4f}") for case in tqdm(cases)]
        with BOUNDS.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([("data set", "budget", "recall@10"), *rows])
    with BOUNDS.open(newline="") as file:
        bounds = [(line["data set"], int(line["budget"]), float(line["recall@10"])) for line in csv.DictReader(file)]
    lines = [
        f"| `{name}` | {factor}x | {bound:.3f} | {' | '.join(measured(name, factor))} |"
        for name, factor, bound in bounds
    ]
    (PUBLISHED / "ceiling.md").write_text(HEAD + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
