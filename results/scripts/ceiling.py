"""Makes ``ceiling.md``: what the best possible code for Gaussian axes would find, at the bytes of ``rq_trellis``.

    python results/scripts/ceiling.py --measure   # ceiling.csv: minutes, and the data sets
    python results/scripts/ceiling.py             # the page, from it and the records beside it

Shannon's bound says what b bits leave of a Gaussian's variance at least: 4^-b. A code at the bound is played by its
test channel: along every principal axis of the residuals of the stages, the decoded value is ``(1 - D) y`` plus
Gaussian noise of variance ``D (1 - D)`` (Cover & Thomas, Elements of Information Theory, section 10.3), the D of the
axes by reverse water-filling on ``variance^gamma``, gamma being the best of several for the queries themselves. The
length of the residual is known exactly, at no bytes, and variances are of unit vectors. No such code can be
had; what is left to gain by better codes of the same axes is at most the difference.
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


def shares(variances: np.ndarray, bits: float, gamma: float) -> np.ndarray:
    """D (axes,) of each variance that ``bits`` in all leave at least: reverse water-filling on variance^gamma."""
    weights = (variances / variances.max()) ** gamma
    low, high = -400.0, 0.0
    for _ in range(100):
        level = (low + high) / 2
        left = np.minimum(1, np.exp2(level) / np.maximum(weights, 1e-300))
        low, high = (low, level) if -np.log2(left).sum() / 2 < bits else (level, high)
    return left


def at_the_bound(name: str, factor: int) -> float:
    """Recall@10 of the test channel in place of the trellis of ``rq_trellis``."""
    data = datasets.load(name, max_queries=QUERIES)
    base, asked = data.base.read(0, data.base.shape[0]), np.asarray(data.queries)
    if data.metric is Metric.COSINE:
        base, asked = normalized(base), normalized(asked)
    inner = data.metric.inner
    truth = faiss.knn(asked, base, 10, metric=faiss_metric(inner))[1]
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
    along, rng, found = shapes @ axes.astype(np.float32), np.random.default_rng(0), []
    for gamma in GAMMAS:
        left = shares(np.maximum(variances, 0), bits, gamma)
        noise = rng.standard_normal(along.shape, np.float32) * np.sqrt(left * (1 - left) * np.maximum(variances, 0))
        fine = sizes * (((1 - left) * along + noise).astype(np.float32) @ axes.T.astype(np.float32))
        decoded = coarse + fine + staged.mean if inner is Metric.L2 else normalized(coarse + fine)
        ids = faiss.knn(asked, np.ascontiguousarray(decoded), 10, metric=faiss_metric(inner))[1]
        found.append(np.mean([np.isin(a, b).mean() for a, b in zip(ids, truth)]))
    return float(max(found))


def measured(name: str, factor: int) -> tuple[str, str]:
    """``rq_trellis`` and the best method that is none of ours, from the published records."""
    rows = groups_of(name)[f"{factor}x"]  # best first
    found = next(row for row in rows if row.record.method.name == "rq_trellis")
    first = next(row for row in rows if row.record.method.name not in OURS)
    return f"{found.worth:.3f}", f"`{first.record.method.name}` {first.worth:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", action="store_true", help="play the bound's codes, not only write the page")
    if parser.parse_args().measure:
        cases = [(name, factor) for name in DATASETS for factor in BUDGETS]
        rows = [(*case, f"{at_the_bound(*case):.4f}") for case in tqdm(cases)]
        with BOUNDS.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([("data set", "budget", "recall@10"), *rows])
    with BOUNDS.open(newline="") as file:
        found = [(line["data set"], int(line["budget"]), float(line["recall@10"])) for line in csv.DictReader(file)]
    lines = [
        f"| `{name}` | {factor}x | {bound:.3f} | {' | '.join(measured(name, factor))} |"
        for name, factor, bound in found
    ]
    (PUBLISHED / "ceiling.md").write_text(HEAD + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
