"""Writes ``results/indexes/coarse_step.md``: finds the lists of a query among all centroids, or by a graph of them.

    python results/scripts/coarse_step.py --measure   # results/indexes/coarse_step.csv, with one thread, then the page
    python results/scripts/coarse_step.py             # the page, from what was measured; ``make publish`` runs it

What a graph does to recall is seen in true neighbors alone: a search finds those whose list is visited.
"""

from __future__ import annotations

import argparse
import csv
import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from bench.datasets import ground_truth
from bench.datasets.base import Dataset
from bench.datasets.loading import load
from bench.files import write_csv
from bench.measure.environment import machine
from bench.tracks.dense import training_vectors
from methods.index import Partition

INDEXES = Path(__file__).parents[2] / "results" / "indexes"
CSV, PAGE = INDEXES / "coarse_step.csv", INDEXES / "coarse_step.md"
DATASET, TRAIN, QUERIES = "bigbench-sentences", 40_000, 1_000
LISTS, PROBES, LEAST_EF = (4_096, 16_384), (16, 64, 256), (1, 2)  # candidates a graph keeps, in numbers of probes
LINKS, BUILD_EF = 32, 200
SINGLES, ROUNDS = 200, 2
COLUMNS = (
    *("lists", "probes", "ef", "single query, all (ms)", "graph", "query of a batch, all (ms)", "graph"),
    *("same lists", "neighbors, all", "graph"),
)

_faiss: Any = faiss
Coarse = Callable[[np.ndarray], np.ndarray]  # queries (nq, dim) -> lists (nq, probes)


def measure() -> None:
    """Both ways in turns, on the same centroids."""
    faiss.omp_set_num_threads(1)
    dataset = load(DATASET, max_queries=QUERIES)
    assert isinstance(dataset, Dataset)
    train = training_vectors(dataset, TRAIN, 0)
    neighbors = ground_truth(dataset, 100).ids[:, :10]
    near = dataset.base.take(np.unique(neighbors))
    lines = []
    for lists in LISTS:
        partition = Partition(dataset.dim, dataset.metric, lists).fit(train, 0)
        queries = partition.prepared(dataset.queries)
        of_neighbors = partition.assign(near)[np.searchsorted(np.unique(neighbors), neighbors)]
        graph: Any = _faiss.IndexHNSWFlat(dataset.dim, LINKS, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = BUILD_EF
        start = time.process_time()
        graph.add(partition.centroids)
        build_s = time.process_time() - start
        links = (graph.hnsw.neighbors, graph.hnsw.offsets, graph.hnsw.levels)
        graph_bytes = sum(faiss.vector_to_array(array).nbytes for array in links)
        for probes in PROBES:
            flat = functools.partial(partition.nearest, probes=probes)
            for ef in (times * probes for times in LEAST_EF):
                walk = walker(graph, probes, ef)
                lines.append(
                    {"n": dataset.base.shape[0], "dim": dataset.dim, "cpu": machine()["cpu"]}
                    | {"train": TRAIN, "rounds": ROUNDS, "lists": lists}
                    | {"build_s": round(build_s, 2), "graph_bytes": graph_bytes, "probes": probes, "ef": ef}
                    | compared(flat, walk, queries, of_neighbors)
                )
                print(lines[-1], flush=True)
                write_csv(CSV, list(lines[0]), lines, ends="\r\n")


def walker(graph: Any, probes: int, ef: int) -> Coarse:
    """The coarse step by the graph."""
    params = _faiss.SearchParametersHNSW(efSearch=ef)
    return lambda some: np.sort(graph.search(some, probes, params=params)[1], axis=1)


def compared(flat: Coarse, walk: Coarse, queries: np.ndarray, of_neighbors: np.ndarray) -> dict[str, float]:
    """Times in turns, the share of lists that both visit, and of true neighbors whose list is visited."""
    times: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name, coarse in (("flat", flat), ("graph", walk)):
            times.setdefault(f"{name}_single_ms", []).append(single_ms(coarse, queries))
            times.setdefault(f"{name}_batch_ms", []).append(batch_ms(coarse, queries))
    by_flat, by_graph = flat(queries), walk(queries)
    return {
        **{name: round(float(np.median(of_rounds)), 4) for name, of_rounds in times.items()},
        "same_lists": round(float(np.mean([np.isin(b, a).mean() for a, b in zip(by_flat, by_graph)])), 4),
        "neighbors_flat": round(visited(by_flat, of_neighbors), 4),
        "neighbors_graph": round(visited(by_graph, of_neighbors), 4),
    }


def visited(lists: np.ndarray, of_neighbors: np.ndarray) -> float:
    """Share of true neighbors (nq, 10, given by their lists) whose list is among ``lists`` (nq, probes)."""
    return float(np.mean([np.isin(wanted, some).mean() for wanted, some in zip(of_neighbors, lists)]))


def single_ms(coarse: Coarse, queries: np.ndarray) -> float:
    """p50 of single queries."""
    elapsed = []
    for at in range(SINGLES):
        start = time.perf_counter_ns()
        coarse(queries[at : at + 1])
        elapsed.append(time.perf_counter_ns() - start)
    return float(np.median(elapsed)) / 1e6


def batch_ms(coarse: Coarse, queries: np.ndarray) -> float:
    """A query of a batch of all."""
    start = time.process_time()
    coarse(queries)
    return 1e3 * (time.process_time() - start) / len(queries)


def page(rows: list[dict[str, str]]) -> list[str]:
    """The text of ``results/indexes/coarse_step.md``."""
    first = rows[0]
    lines = [
        f"# The coarse step on {DATASET}: all centroids, or a graph of them",
        "",
        "Made by `python results/scripts/coarse_step.py` from the measurements here.",
        f"{int(first['n']):,} x {first['dim']}, {QUERIES:,} queries, {first['cpu']}, one thread, in rounds of",
        f"turns beside other work. The graph is faiss's HNSW (M = {LINKS}, efConstruction = {BUILD_EF}).",
        "*Neighbors*: share of the true ten nearest whose list is visited, which bounds recall@10.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{'---:|' * len(COLUMNS)}",
    ]
    for row in rows:
        cells = [f"{int(row['lists']):,}", row["probes"], row["ef"]]
        cells += [f"{float(row[f'{way}_{kind}_ms']):.3f}" for kind in ("single", "batch") for way in ("flat", "graph")]
        cells += [f"{float(row[name]):.3f}" for name in ("same_lists", "neighbors_flat", "neighbors_graph")]
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    for lists in sorted({int(row["lists"]) for row in rows}):
        row = next(row for row in rows if int(row["lists"]) == lists)
        size = int(row["graph_bytes"]) / 1e6
        lines.append(
            f"{lists:,} centroids, of {int(row['train']):,} vectors, {row['rounds']} rounds: the graph takes "
            f"{float(row['build_s']):.1f} s and {size:.1f} MB."
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", action="store_true", help="measure first; takes some minutes")
    if parser.parse_args().measure:
        measure()
    with CSV.open(newline="") as file:
        PAGE.write_text("\n".join(page(list(csv.DictReader(file)))) + "\n")


if __name__ == "__main__":
    main()
