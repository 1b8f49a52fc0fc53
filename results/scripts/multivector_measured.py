"""Makes ``multivector_measured.csv`` and tables of docs/multivector.md: LEMUR beside MUVERA, and fewer vectors.

    python results/scripts/multivector_measured.py [--seconds 570] [--seeds 3] [--queries 1000]

On ``squad-tokens-128``. Runs that the csv has are not repeated, so that it goes on where it was stopped; ``--seconds``
begins no run after so many. A search ranks 100 documents; an exact re-rank of N candidates finds those of the true ten
that are among the first N, so that one ranking tells them all. Lines of another build of the data set (another
processor's) are measured anew.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from quotes import ROOT, put

from bench import datasets
from bench.measure.statistics import holm, paired_difference
from methods import registry
from methods.base import Metric
from methods.multivector import Codes
from methods.multivector.lemur import Lemur
from methods.multivector.stretch import Stretch

PUBLISHED = Path(__file__).parents[1] / "published"
FILE = PUBLISHED / "multivector_measured.csv"
COUNTS = (10, 20, 40, 100)
BUDGETS = (320, 640, 1280)
AXES = 1024
EPOCHS = 5  # of the layer that is trained
SINGLE = 100  # queries, one by one, of which latency is the median
UNCOMPRESSED = "float32"
FIELDS = ("data", "method", "codec", "bytes", "parts", "seed", "recall@1", "p50 ms", "recalls")
LEMUR = ("transform_coding", "pq", "rq_trellis")
MUVERA = ("sign", "pq")
FEWER = ("first_k_tokens", "idf_pruning", "voronoi_pruning", "token_pooling", "kmeans_pooling")
FEWER_BUDGETS = (1280, 5120)
DEFAULTS = {"lemur, epochs=5": 4 * AXES, "lemur": 4 * AXES, "muvera": 4 * 10240, "mean_pooling": 4 * 128}

Rows = list[dict[str, Any]]


def plan(seeds: int) -> Iterator[tuple[str, str, int, int]]:
    """Method, codec, budget (0: none) and seed of every run, in the order in which they are made."""
    yield "lemur, epochs=5", UNCOMPRESSED, 0, 0
    yield from (("lemur, epochs=5", codec, size, 0) for codec in LEMUR for size in BUDGETS)
    yield "mean_pooling", UNCOMPRESSED, 0, 0
    yield "muvera", UNCOMPRESSED, 0, 0
    yield from (("muvera", codec, size, 0) for codec in MUVERA for size in BUDGETS)
    yield "lemur", UNCOMPRESSED, 0, 0
    yield from (("lemur", codec, size, 0) for codec in LEMUR[:1] for size in BUDGETS)
    yield from ((method, "int8", FEWER_BUDGETS[0], 0) for method in FEWER)
    yield from ((method, "sign", FEWER_BUDGETS[0], 0) for method in FEWER[3:])
    for seed in range(1, seeds):
        yield "lemur", UNCOMPRESSED, 0, seed
        yield from (("lemur", codec, size, seed) for codec in LEMUR[:1] for size in BUDGETS)
        yield "muvera", UNCOMPRESSED, 0, seed
        yield from (("muvera", codec, size, seed) for codec in MUVERA[:1] for size in BUDGETS)
    yield from ((method, "int8", size, 0) for size in FEWER_BUDGETS[1:] for method in FEWER)


class Bench:
    """The data set, and the maps that were fitted last, which many codecs share."""

    def __init__(self, queries: int) -> None:
        self.data = datasets.load("squad-tokens-128", max_queries=queries)
        self.truth = datasets.ground_truth(self.data, 100).ids[:, :10]
        self._maps: dict[tuple[str, int], tuple[Any, np.ndarray]] = {}

    def rows_of(self, method: str, seed: int) -> tuple[Any, np.ndarray]:
        """A fitted map and the single vectors (n, axes) float32 of all documents."""
        if (method, seed) not in self._maps:
            epochs = EPOCHS if "epochs" in method else 0
            codec = Lemur(self.data.dim, AXES, UNCOMPRESSED, epochs=epochs)
            codec._fit_map(self.data.base, seed)
            vectors = codec._document_vectors(self.data.base)
            self._maps = {(method, seed): (codec, vectors)}
        return self._maps[method, seed]

    def run(self, method: str, codec: str, size: int, seed: int) -> dict[str, Any]:
        """One line of the csv."""
        base = self.data.base
        if method.startswith("lemur, epochs=5"):
            return self.lemur(method, codec, size or DEFAULTS[method], seed)
        cls = registry.get(method, "multivector")
        if size:
            other = registry.configured(cls, self.data.dim, size, base.lengths, codec=codec).fit(base, seed)
        else:
            other = cls(self.data.dim, codec=codec).fit(base, seed)
        return self.judged(other, other.searcher(other.encode(base)), method, codec, size or DEFAULTS[method], seed)

    def lemur(self, method: str, codec: str, size: int, seed: int) -> dict[str, Any]:
        """A line of LEMUR: the codec alone is fitted anew, on the leading axes of the map's."""
        fitted, vectors = self.rows_of(method, seed)
        width = AXES if codec == UNCOMPRESSED else min(AXES, 4 * size)
        rows = np.ascontiguousarray(vectors[:, :width])
        inner = registry.for_budget(codec, width, size, Metric.IP)
        codes = inner.fit(rows, seed).encode(rows)
        lemur = Lemur(self.data.dim, width, codec, inner.params())
        lemur.features_, lemur.tokens_ = fitted.features_, fitted.tokens_
        lemur.axes_, lemur.mean_ = fitted.axes_[:, :width], fitted.mean_[:width]
        lemur.codec_, lemur.stretch_, lemur.fitted_ = inner, Stretch.none(width), True
        offsets = np.arange(len(codes) + 1) * codes.shape[1]
        return self.judged(lemur, lemur.searcher(Codes(codes.ravel(), offsets, True)), method, codec, size, seed)

    def judged(self, codec: Any, searcher: Any, method: str, name: str, size: int, seed: int) -> dict[str, Any]:
        """Shares of the true ten among the first so many, of each query, and what a query takes."""
        queries = self.data.queries
        _, ids = searcher.search(queries, max(COUNTS))
        shares = [
            np.array([np.isin(true, row[:count]).mean() for true, row in zip(self.truth, ids)]) for count in COUNTS
        ]
        taken = []
        for i in range(SINGLE):
            start = time.perf_counter()
            searcher.search(queries[i : i + 1], 40)
            taken.append(1e3 * (time.perf_counter() - start))
        return {
            "data": self.data.checksum[:16],
            "method": method,
            "codec": name,
            "bytes": size,
            "parts": sum(array.nbytes for array in codec.parts().values()),
            "seed": seed,
            "recall@1": f"{np.mean(ids[:, 0] == self.truth[:, 0]):.4f}",
            "p50 ms": f"{np.median(taken):.2f}",
            "recalls": " ".join("".join("0123456789X"[round(10 * s)] for s in share) for share in shares),
        }


def recalls(row: dict[str, Any]) -> np.ndarray:
    """(counts, queries) of a line: shares of the true ten, a digit a query (X: all)."""
    return np.array([["0123456789X".index(c) / 10 for c in text] for text in row["recalls"].split()])


def load() -> Rows:
    if not FILE.exists():
        return []
    with FILE.open(newline="") as file:
        return list(csv.DictReader(file))


def measure(rows: Rows, seconds: float, seeds: int, queries: int, only: str = "") -> Rows:
    bench = Bench(queries)
    known = {key(row) for row in rows if row["data"] == bench.data.checksum[:16]}
    rows = [row for row in rows if key(row) in known]
    begin = time.monotonic()
    for method, codec, size, seed in plan(seeds):
        if (method, codec, size or DEFAULTS[method], seed) in known or (only and method != only):
            continue
        if time.monotonic() - begin > seconds:
            break
        rows.append(bench.run(method, codec, size, seed))
        print(f"{time.monotonic() - begin:.0f} s:", {k: v for k, v in rows[-1].items() if k != "recalls"}, flush=True)
        print("   ", recalls(rows[-1]).mean(axis=1).round(3), flush=True)
        with FILE.open("w", newline="") as file:
            writer = csv.DictWriter(file, FIELDS)
            writer.writeheader()
            writer.writerows(rows)
    return rows


def key(row: dict[str, Any]) -> tuple[str, str, int, int]:
    return row["method"], row["codec"], int(row["bytes"]), int(row["seed"])


def groups(rows: Rows) -> dict[tuple[str, str, int], Rows]:
    """Lines that differ in their seeds alone."""
    by_name: dict[tuple[str, str, int], Rows] = {}
    for row in rows:
        by_name.setdefault(key(row)[:3], []).append(row)
    return by_name


def table(rows: Rows) -> Iterator[str]:
    """A line a method, codec and size; means over seeds."""
    yield "| bytes | method | recall@10 | recall@1 | 20 candidates | 40 | 100 | p50 ms | parts MB | seeds |"
    yield "|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    for (method, codec, size), lines in sorted(groups(rows).items(), key=lambda item: (item[0][2], item[0])):
        means = np.mean([recalls(row).mean(axis=1) for row in lines], axis=0)
        first = np.mean([float(row["recall@1"]) for row in lines])
        name = f"`{method.split(',')[0]}`{''.join(method.split(',')[1:])} {codec}"
        cells = [f"{size:,}", name, *(f"{value:.3f}" for value in (means[0], first, *means[1:]))]
        cells += [f"{np.median([float(row['p50 ms']) for row in lines]):.2f}"]
        cells += [f"{int(lines[0]['parts']) / 1e6:.1f}", str(len(lines))]
        yield f"| {' | '.join(cells)} |".replace("| 0.", "| .")


def without_candidates(rows: Rows) -> Iterator[str]:
    """Fewer vectors a document: a line a method, codec and size."""
    yield "| bytes | method | recall@10 | recall@1 | p50 ms | seeds |"
    yield "|---:|---|---:|---:|---:|---:|"
    for (method, codec, size), lines in sorted(groups(rows).items(), key=lambda item: (item[0][2], item[0])):
        value = np.mean([recalls(row)[0].mean() for row in lines])
        first = np.mean([float(row["recall@1"]) for row in lines])
        cells = [f"{size:,}", f"`{method}` {codec}", f"{value:.3f}", f"{first:.3f}"]
        cells += [f"{np.median([float(row['p50 ms']) for row in lines]):.2f}", str(len(lines))]
        yield f"| {' | '.join(cells)} |".replace("| 0.", "| .")


def tests(rows: Rows) -> Iterator[str]:
    """LEMUR's best codec against MUVERA's at each size, query by query."""
    by_name = groups(rows)
    pairs = []
    for size in (*BUDGETS, 0):
        best = []
        for method in ("lemur", "muvera"):
            of_size = [
                k for k in by_name if k[0].startswith(method) and (k[2] == size if size else k[1] == UNCOMPRESSED)
            ]
            if of_size:
                best.append(max(of_size, key=lambda k: np.mean([recalls(row)[0].mean() for row in by_name[k]])))
        if len(best) == 2:
            pairs.append((size, *best))
    for size in FEWER_BUDGETS:
        for one, other in (("voronoi_pruning", "idf_pruning"), ("token_pooling", "kmeans_pooling")):
            if (one, "int8", size) in by_name and (other, "int8", size) in by_name:
                pairs.append((size, (one, "int8", size), (other, "int8", size)))
    layers = ("lemur, epochs=5", UNCOMPRESSED, 4 * AXES), ("lemur", UNCOMPRESSED, 4 * AXES)
    if all(k in by_name for k in layers):
        pairs.append((0, *layers))
    values = {k: np.mean([recalls(row) for row in lines], axis=0) for k, lines in by_name.items()}
    compared = [
        (pair, at, paired_difference(values[pair[1]][at], values[pair[2]][at]))
        for pair in pairs
        for at in (0, 2)
        if at == 0 or "lemur" in pair[1][0]
    ]
    adjusted = holm([test.p for _, _, test in compared])
    yield "| bytes | one | the other | measure | one | the other | difference | p |"
    yield "|---:|---|---|---|---:|---:|---:|---:|"
    for ((size, one, other), at, test), p in zip(compared, adjusted):
        measure_name = "recall@10" if at == 0 else f"{COUNTS[at]} candidates re-ranked"
        cells = [f"{size:,}" if size else "-", f"{one[0]} {one[1]}", f"{other[0]} {other[1]}", measure_name]
        cells += [f"{values[k][at].mean():.3f}" for k in (one, other)]
        cells += [f"{test.value:+.3f} [{test.low:+.3f}, {test.high:+.3f}]", "< .001" if p < 0.001 else f"{p:.3f}"]
        yield f"| {' | '.join(cells)} |".replace("| 0.", "| .")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--only", default="", help="runs of this method alone")
    parser.add_argument("--tables", action="store_true", help="nothing is measured")
    options = parser.parse_args()
    rows = load() if options.tables else measure(load(), options.seconds, options.seeds, options.queries, options.only)
    page = ROOT / "docs" / "multivector.md"
    put(page, "lemur", list(table([row for row in rows if row["method"] not in FEWER])))
    put(page, "fewer vectors", list(without_candidates([row for row in rows if row["method"] in FEWER])))
    put(page, "measured tests", list(tests(rows)))


if __name__ == "__main__":
    main()
