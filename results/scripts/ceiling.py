"""Makes ``ceiling.md``: what the best possible code for Gaussian axes would find, at the bytes of ``rq_trellis``.

    python results/scripts/ceiling.py --measure glove-100   # its rows in ceiling.csv: half an hour, and the data set
    python results/scripts/ceiling.py                       # the page, from it and the records beside it

By Shannon's bound, a code of b bits leaves at least the share 4^-b of a Gaussian's variance as error. A code at the
bound is simulated by its test channel (Cover & Thomas, Elements of Information Theory, section 10.3): the residuals of
the stages are divided by their lengths, and along every principal axis a coordinate y is decoded as ``(1 - D) y`` plus
Gaussian noise of ``D (1 - D)`` times the variance of the axis. D is the share that the bound leaves of this variance;
reverse water-filling on ``variance^gamma`` allocates it. Of several gamma, the best for the queries themselves counts.
The length of a residual is known exactly and takes no bytes. No real code reaches this bound: better codes of the same
axes gain at most the difference between it and ``rq_trellis``.

Two further columns come nearer to that claim. The channel's residual has less energy than the true one, which spoils
squared distances; under these it is brought to its length as well, as codes are by their factors. By cell, residuals
are a mixture of Gaussians: each group of the first stage's centroids, which the code names already, has a mean and axes
of its own, and the same number of bits. How many groups, and how far each covariance is shrunk to that of all, is what
leaves the least error of vectors that were held out from the covariances.
"""

from __future__ import annotations

import argparse
import csv
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np
from quotes import DATASETS, OURS, groups_of
from tqdm import tqdm

from bench import datasets
from bench.files import write_csv
from methods import for_budget
from methods.base import Metric
from methods.faiss_tools import faiss_metric
from methods.vectors import normalized

PUBLISHED = Path(__file__).parents[1] / "published"
BUDGETS, GAMMAS = (8, 16, 32, 64), (1.25, 1.5)  # published bounds of one set of axes tried 1 and 1.75, too
CELLS, PRIORS = (1, 16, 64, 256), (1 / 16, 1, 4)  # a prior counts as so many vectors for each dimension
QUERIES, TRIED = 1000, 300  # the first of the queries choose gamma
BOUNDS = PUBLISHED / "ceiling.csv"
COLUMNS = ("data set", "budget", "recall@10", "at its length", "by cell", "cells")
HEAD = """# How much is left to gain

Recall@10 of what the best possible code for Gaussian axes would find (Shannon's bound, by its test channel), at the
bytes of `rq_trellis` and after its stages, beside what is found. Exponents of the bound's allocation are the best for
the queries, which no method may do. *At the bound*: residuals are Gaussian along the axes of all; of all values with
the same variances these are the hardest to code, and where residuals are far from Gaussian a code can find more. *At
its length*: under squared distance, the decoded residual is brought to its own length. *By cell*: at its length, too,
and each group of the first stage's centroids has a mean and axes of its own; held-out vectors chose how many groups.
"-" was not measured, or is the same. Made by `python results/scripts/ceiling.py`.

| data set | budget | at the bound | at its length | by cell | groups | `rq_trellis` | best other method |
|---|---|---:|---:|---:|---:|---:|---|
"""


@dataclass(frozen=True)
class Staged:
    """A base after the stages of ``rq_trellis``.

    Attributes
    ----------
    inner : Metric
    mean : (dim,)
    coarse : (n, dim) float32
        Sums of centroids, of centered vectors.
    sizes, shapes : (n, 1), (n, dim) float32
        Lengths of the residuals, and the residuals at length 1.
    first : (n,) uint8
        The first stage's centroid of each.
    centroids : (at most 256, dim) float32
        Of the first stage.
    """

    inner: Metric
    mean: np.ndarray
    coarse: np.ndarray
    sizes: np.ndarray
    shapes: np.ndarray
    first: np.ndarray
    centroids: np.ndarray


@dataclass(frozen=True)
class Cell:
    """Shapes (their rows) that share a mean (dim,), and variances (dim,) along axes, the columns of (dim, dim)."""

    rows: np.ndarray
    mean: np.ndarray
    variances: np.ndarray
    axes: np.ndarray


@functools.cache
def searched(name: str) -> tuple[Metric, np.ndarray, np.ndarray, np.ndarray]:
    """Metric, base, queries and their true neighbors (queries, 10); at unit length where only directions count."""
    data = datasets.load(name, max_queries=QUERIES)
    base, queries = data.base.read(0, data.base.shape[0]), np.asarray(data.queries)
    if data.metric is Metric.COSINE:
        base, queries = normalized(base), normalized(queries)
    return data.metric.inner, base, queries, faiss.knn(queries, base, 10, metric=faiss_metric(data.metric.inner))[1]


@functools.cache
def staged(name: str, stages: int) -> Staged:
    """The base of a data set after so many stages."""
    inner, base, _, _ = searched(name)
    options = {"gamma": 1.5, "scale": "least_squares", "state_bits": 10, "offset": False}
    codec = for_budget("rq_trellis", base.shape[1], stages + 9, inner, stages=stages, **options)
    codec.fit(base[np.random.default_rng(0).permutation(len(base))[:100_000]])
    quantizer = codec.quantizer_  # type: ignore[attr-defined]
    centered = base - quantizer.mean
    numbers = quantizer.coarse.sa_encode(centered)
    coarse = quantizer.coarse.sa_decode(numbers)
    residuals = centered - coarse
    sizes = np.maximum(np.linalg.norm(residuals, axis=1, keepdims=True), 1e-30)
    return Staged(inner, quantizer.mean, coarse, sizes, residuals / sizes, numbers[:, 0], quantizer.codebooks[0])


def distortions(variances: np.ndarray, bits: float, gamma: float) -> np.ndarray:
    """D (axes,), the share of each variance that ``bits`` in total leave: reverse water-filling on variance^gamma."""
    weights = (variances / variances.max()) ** gamma
    low, high = -400.0, 0.0
    for _ in range(100):
        level = (low + high) / 2
        remaining = np.minimum(1, np.exp2(level) / np.maximum(weights, 1e-300))
        low, high = (low, level) if -np.log2(remaining).sum() / 2 < bits else (level, high)
    return remaining


def groups_of_first(base: Staged, count: int) -> np.ndarray:
    """Of each vector (n,), the group of its first centroid: ``count`` groups of near ones."""
    if count >= len(base.centroids):
        return base.first.astype(np.int64)
    kmeans = faiss.Kmeans(base.centroids.shape[1], count, seed=0, min_points_per_centroid=1)
    kmeans.train(base.centroids)
    return kmeans.index.search(base.centroids, 1)[1].ravel()[base.first]


def cells_of(base: Staged, count: int, prior: float, used: np.ndarray | None = None) -> Iterator[Cell]:
    """Cells of the base; means and covariances of the vectors ``used`` (n,) bool, or of all.

    Those of a cell are shrunk: to mean 0 and the average covariance within cells, which count as ``prior`` vectors for
    each dimension. One cell is as it is.
    """
    groups, shapes = groups_of_first(base, count), base.shapes
    used = np.ones(len(shapes), bool) if used is None else used
    weight = prior * shapes.shape[1] if count > 1 else 0.0
    moments, within = [], np.zeros((shapes.shape[1],) * 2)
    for group in range(count):
        own = shapes[used & (groups == group)]
        mean = own.mean(axis=0) if len(own) else np.zeros(shapes.shape[1], np.float32)
        scatter = (own - mean).T @ (own - mean)
        within += scatter / used.sum()
        moments.append((len(own), mean, scatter))
    for group, (size, mean, scatter) in enumerate(moments):
        covariance = (scatter + weight * within) / (size + weight) if size + weight else within
        variances, axes = np.linalg.eigh(covariance)
        shrunk = mean * (size / (size + weight) if size + weight else 0.0)
        yield Cell(np.flatnonzero(groups == group), shrunk, np.maximum(variances, 0), axes.astype(np.float32))


@functools.cache
def energies(name: str, stages: int, count: int, prior: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each cell, fitted on half of the base: its variances, and the energy of the other half along its axes."""
    base = staged(name, stages)
    used = np.random.default_rng(1).random(len(base.shapes)) < 0.5
    pairs = []
    for cell in cells_of(base, count, prior, used):
        others = base.shapes[cell.rows[~used[cell.rows]]] - cell.mean
        pairs.append((cell.variances, np.square(others @ cell.axes).sum(axis=0) / (~used).sum()))
    return pairs


def chosen_cells(name: str, stages: int, bits: int) -> tuple[int, float]:
    """How many cells, and which prior, leave the least error of vectors that their covariances were not made of."""
    n, dim = staged(name, stages).shapes.shape
    counts = [count for count in CELLS if count * dim <= n]  # as many vectors of a cell as dimensions, on average
    choices = [(count, prior) for count in counts for prior in (PRIORS if count > 1 else (0.0,))]

    def error(choice: tuple[int, float]) -> float:
        return sum(float(distortions(own, bits, 1.0) @ energy) for own, energy in energies(name, stages, *choice))

    return min(choices, key=error)


def decoded(base: Staged, cells: Sequence[Cell], bits: int, gamma: float, at_length: bool) -> np.ndarray:
    """The base (n, dim) float32 as the test channel has it; ``at_length``: with residuals of their own lengths."""
    shapes, rng = np.empty_like(base.shapes), np.random.default_rng(0)
    for cell in cells:
        remaining = distortions(cell.variances, bits, gamma)
        spread = np.sqrt(remaining * (1 - remaining) * cell.variances).astype(np.float32)
        kept = (1 - remaining).astype(np.float32) * ((base.shapes[cell.rows] - cell.mean) @ cell.axes)
        noise = rng.standard_normal(kept.shape, np.float32) * spread
        shapes[cell.rows] = (kept + noise) @ cell.axes.T + cell.mean
    if at_length:
        shapes /= np.maximum(np.linalg.norm(shapes, axis=1, keepdims=True), 1e-30)
    vectors = base.coarse + base.sizes * shapes
    return np.ascontiguousarray(vectors + base.mean if base.inner is Metric.L2 else normalized(vectors), np.float32)


def recall(name: str, vectors: np.ndarray, queries: int = QUERIES) -> float:
    """Recall@10 of the first queries among decoded vectors."""
    inner, _, all_queries, truth = searched(name)
    ids = faiss.knn(all_queries[:queries], vectors, 10, metric=faiss_metric(inner))[1]
    return float(np.mean([np.isin(own, true).mean() for own, true in zip(ids, truth)]))


def best_recall(name: str, base: Staged, cells: Sequence[Cell], bits: int, at_length: bool) -> float:
    """Recall of the test channel by the exponent that the first queries find most with."""
    best = max(GAMMAS, key=lambda gamma: recall(name, decoded(base, cells, bits, gamma, at_length), TRIED))
    return recall(name, decoded(base, cells, bits, best, at_length))


def at_the_bound(name: str, factor: int) -> dict[str, str]:
    """Recall@10 of the test channel in place of the trellis of ``rq_trellis``: a line of ``ceiling.csv``."""
    inner, vectors, _, _ = searched(name)
    codec = for_budget("rq_trellis", vectors.shape[1], 4 * vectors.shape[1] // factor, inner)
    stages, room = codec.stages, codec.level_bytes  # type: ignore[attr-defined]
    if stages is None:  # of short codes, whose number is chosen: two, as all other small ones have
        stages, room = 2, room - 2
    bits = 8 * room
    base = staged(name, stages)
    one = list(cells_of(base, 1, 0.0))
    bounds = [f"{best_recall(name, base, one, bits, False):.4f}", ""]
    if at_length := inner is Metric.L2:  # elsewhere it moves recall by .001
        bounds[1] = f"{best_recall(name, base, one, bits, True):.4f}"
    count, prior = chosen_cells(name, stages, bits)
    by_cell = best_recall(name, base, list(cells_of(base, count, prior)), bits, at_length)
    return dict(zip(COLUMNS, (name, str(factor), *bounds, f"{by_cell:.4f}", str(count))))


def measured(name: str, factor: int) -> tuple[str, str]:
    """``rq_trellis`` and the best method that is none of ours, from the published records."""
    rows = groups_of(name)[f"{factor}x"]  # best first
    ours = next(row for row in rows if row.record.method.name == "rq_trellis")
    first = next(row for row in rows if row.record.method.name not in OURS)
    return f"{ours.worth:.3f}", f"`{first.record.method.name}` {first.worth:.3f}"


def read_bounds() -> dict[tuple[str, int], dict[str, str]]:
    """Lines of ``ceiling.csv`` by data set and budget."""
    with BOUNDS.open(newline="") as file:
        return {(line["data set"], int(line["budget"])): line for line in csv.DictReader(file)}


def measure(names: Sequence[str]) -> None:
    """Rows of these data sets in ``ceiling.csv``; others stay."""
    lines = read_bounds()
    for name, factor in tqdm([(name, factor) for name in names for factor in BUDGETS]):
        lines[name, factor] = at_the_bound(name, factor)
        write_csv(BOUNDS, COLUMNS, lines.values())


def page(bounds: dict[tuple[str, int], dict[str, str]]) -> str:
    """The text of ``ceiling.md``."""
    lines = []
    for (name, factor), line in bounds.items():
        recalls = [f"{float(line[column]):.3f}" if line.get(column) else "-" for column in COLUMNS[2:5]]
        cells = [f"`{name}`", f"{factor}x", *recalls, line.get("cells") or "-"]
        lines.append(f"| {' | '.join([*cells, *measured(name, factor)])} |")
    return HEAD + "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", nargs="*", choices=DATASETS, help="simulate codes at the bound before; none: all")
    names = parser.parse_args().measure
    if names is not None:
        measure(names or DATASETS)
    (PUBLISHED / "ceiling.md").write_text(page(read_bounds()))


if __name__ == "__main__":
    main()
