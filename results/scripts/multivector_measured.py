"""Makes ``multivector_measured.csv`` and tables of docs/multivector.md: LEMUR beside MUVERA, and fewer vectors.

    python results/scripts/multivector_measured.py [--seconds 570] [--seeds 3] [--queries 1000]

On ``squad-tokens-128``. Runs that the csv has are not repeated, so that it goes on where it was stopped; ``--seconds``
begins no run after so many. A search ranks 100 documents; an exact re-rank of N candidates finds those of the true ten
that are among the first N, so that one ranking tells them all. Lines of another build of the data set (another
processor's) are measured anew. Maps of LEMUR are kept in the cache, which many codecs share.
"""

from __future__ import annotations

import argparse
import csv
import io
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from quotes import ROOT, put

from bench import datasets
from bench.datasets import RaggedDataset
from bench.datasets.cache import cache_dir, written_whole
from bench.files import write_whole
from bench.measure.statistics import bootstrap_means, combine_seeds, holm, paired_difference
from methods import registry
from methods.base import Metric
from methods.multivector import Codes, MultiVectorCodec, SetSearcher
from methods.multivector._token_features import TokenFeatures
from methods.multivector.lemur import Lemur
from methods.multivector.stretch import Stretch

FILE = ROOT / "results" / "published" / "multivector_measured.csv"
COUNTS = (10, 20, 40, 100)
BUDGETS = (320, 640, 1280, 5120)
AXES = 1024  # of LEMUR: float32 rows of them are its largest code, 4,096 bytes
EPOCHS = 5  # of the layer that is trained
TRAINED, QUARTER = f"lemur, epochs={EPOCHS}", "lemur, features=512 tokens=4096"
LEMURS: dict[str, dict[str, int]] = {
    "lemur": {},
    TRAINED: {"epochs": EPOCHS},
    QUARTER: {"features": 512, "tokens": 4096, "out_dim": 256},
}
SINGLE = 100  # queries, one by one, of which latency is the median
BLOCK = 512  # documents whose rows are kept in the cache together
RESAMPLES = 100_000  # p is no less than one in so many, before the correction for all comparisons
UNCOMPRESSED = "float32"
FIELDS = ("data", "method", "codec", "bytes", "code", "parts", "seed", "recall@1", "p50 ms", "recalls")
LEMUR = ("transform_coding", "rq_trellis", "trellis", "pq")
RESIDUALS, TOKENS = "colbert_residual", ("colbert_residual", "token_codec")
POOLED, DRAWN = ("kmeans_pooling", "token_pooling"), ("idf_pruning", "voronoi_pruning")
FEWER = ("first_k_tokens", *DRAWN, *POOLED)

Rows = list[dict[str, Any]]
Name = tuple[str, str, int]  # method, codec, budget (0: none)
Run = tuple[str, str, int, int]  # and the seed


def plan(seeds: int) -> Iterator[Run]:
    """Method, codec, budget (0: none) and seed of every run, in the order in which they are made."""
    yield "mean_pooling", UNCOMPRESSED, 0, 0  # nothing in it is drawn
    yield "mean_pooling", "float16", BUDGETS[0], 0
    for seed in range(seeds):
        codecs = LEMUR if seed == 0 else LEMUR[:2]
        for method in ("lemur", TRAINED):
            yield method, UNCOMPRESSED, 0, seed
            yield from ((method, codec, size, seed) for codec in codecs for size in BUDGETS[:3])
        yield "muvera", UNCOMPRESSED, 0, seed
        yield from (("muvera", "sign", size, seed) for size in BUDGETS)
        yield from (("muvera", "pq", size, seed) for size in BUDGETS[:3] if seed == 0)
    yield from ((method, "sign", size, 0) for method in POOLED for size in BUDGETS)
    yield from ((method, "int8", BUDGETS[2], 0) for method in FEWER)
    yield from ((method, "int8", BUDGETS[2], seed) for method in DRAWN for seed in range(1, seeds))


class Bench:
    """The data set, and the map that was fitted last, which many codecs share."""

    def __init__(self, name: str, queries: int) -> None:
        data = datasets.load(name, max_queries=queries)
        assert isinstance(data, RaggedDataset)
        self.data = data
        self.truth = datasets.ground_truth(self.data, 100).ids[:, :10]
        self.work = cache_dir() / "multivector-measured"
        self._map: tuple[str, int, Lemur, np.ndarray] | None = None

    @property
    def checksum(self) -> str:
        """What tells lines of one build from those of another."""
        return self.data.checksum[:16]

    def rows_of(self, method: str, seed: int) -> tuple[Lemur, np.ndarray]:
        """A fitted map and the single vectors (n, axes) float32 of all documents."""
        if self._map is None or self._map[:2] != (method, seed):
            base, kept = self.data.base, self.work / f"{self.checksum}-{method.replace(', ', '-')}-{seed}"
            options: dict[str, Any] = {"out_dim": AXES, "codec": UNCOMPRESSED, **LEMURS[method]}
            lemur = Lemur(self.data.dim, **options)
            if not (kept / "map.npz").exists():
                lemur._fit_map(base, seed)
                own: dict[str, Any] = {"axes": lemur.axes_, "tokens": lemur.tokens_, "mean": lemur.mean_}
                with written_whole(kept / "map.npz") as handle:
                    np.savez(handle, **(own | lemur.features_.parts()))
            with np.load(kept / "map.npz", allow_pickle=False) as parts:
                lemur.axes_, lemur.tokens_, lemur.mean_ = (parts[name] for name in ("axes", "tokens", "mean"))
                lemur.features_ = TokenFeatures.from_parts(parts)
            lemur._solver = lemur._solve()
            blocks = []
            for start in range(0, len(base), BLOCK):
                path = kept / f"{start}.npy"
                if not path.exists():
                    with written_whole(path) as handle:
                        np.save(handle, lemur._document_vectors(base[start : start + BLOCK]))
                blocks.append(np.load(path, allow_pickle=False))
            self._map = method, seed, lemur, np.concatenate(blocks)
        return self._map[2:]

    def run(self, method: str, codec: str, size: int, seed: int) -> dict[str, Any]:
        """One line of the csv."""
        if method in LEMURS:
            fitted, _, rows = self.lemur(method, codec, size, seed)
            codes = Codes(rows.ravel(), np.arange(len(rows) + 1) * rows.shape[1], True)
            return self.judged(fitted, fitted.searcher(codes), method, codec, size, seed)
        other = self.configured(method, codec, size).fit(self.data.base, seed)
        return self.judged(other, other.searcher(other.encode(self.data.base)), method, codec, size, seed)

    def configured(self, method: str, codec: str, size: int) -> MultiVectorCodec:
        """Before it is fitted."""
        cls = registry.get(method, "multivector")
        if not size:
            return cls(self.data.dim, codec=codec)
        chosen = {"bits": int(codec[0])} if method == RESIDUALS else {"codec": codec}
        return registry.configured(cls, self.data.dim, size, self.data.base.lengths, **chosen)

    def lemur(self, method: str, codec: str, size: int, seed: int) -> tuple[Lemur, np.ndarray, np.ndarray]:
        """LEMUR, the rows of all documents and their codes; the codec alone is fitted, on the map's leading axes."""
        fitted, vectors = self.rows_of(method, seed)
        width = min(vectors.shape[1], 4 * size) if size else vectors.shape[1]
        rows = np.ascontiguousarray(vectors[:, :width])
        inner = registry.for_budget(codec, width, size or 4 * width, Metric.IP)
        codes = inner.fit(rows, seed).encode(rows)
        lemur = Lemur(
            self.data.dim, **{**LEMURS[method], "out_dim": width, "codec": codec}, codec_params=inner.params()
        )
        lemur.features_, lemur.tokens_ = fitted.features_, fitted.tokens_
        lemur.axes_, lemur.mean_ = fitted.axes_[:, :width], fitted.mean_[:width]
        lemur.codec_, lemur.stretch_, lemur.fitted_ = inner, Stretch.none(width), True
        return lemur, rows, codes

    def searched(self, searcher: SetSearcher) -> tuple[np.ndarray, np.ndarray, float]:
        """Shares (counts, nq) of the true ten among the first so many, ids, and a query's median milliseconds."""
        queries = self.data.queries
        _, ids = searcher.search(queries, max(COUNTS))
        shares = [[np.isin(true, row[:count]).mean() for true, row in zip(self.truth, ids)] for count in COUNTS]
        taken = []
        for i in range(SINGLE):
            start = time.perf_counter()
            searcher.search(queries[i : i + 1], 40)
            taken.append(1e3 * (time.perf_counter() - start))
        return np.array(shares), ids, float(np.median(taken))

    def judged(
        self, codec: MultiVectorCodec, searcher: SetSearcher, method: str, name: str, size: int, seed: int
    ) -> dict[str, Any]:
        """What a line says."""
        shares, ids, milliseconds = self.searched(searcher)
        return {
            "data": self.checksum,
            "method": method,
            "codec": name,
            "bytes": size,
            "code": int(np.ceil(codec.code_sizes(self.data.base.lengths).mean())),
            "parts": sum(array.nbytes for array in codec.parts().values()),
            "seed": seed,
            "recall@1": f"{np.mean(ids[:, 0] == self.truth[:, 0]):.4f}",
            "p50 ms": f"{milliseconds:.2f}",
            "recalls": " ".join("".join("0123456789X"[round(10 * s)] for s in share) for share in shares),
        }


def recalls(row: dict[str, Any]) -> np.ndarray:
    """(counts, queries) of a line: shares of the true ten, a digit a query (X: all)."""
    return np.array([["0123456789X".index(c) / 10 for c in text] for text in row["recalls"].split()])


def load(file: Path) -> Rows:
    if not file.exists():
        return []
    with file.open(newline="") as handle:
        return list(csv.DictReader(handle))


def write(file: Path, fields: Sequence[str], rows: Rows) -> None:
    """Whole or not at all: hours of measuring are in it."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fields)
    writer.writeheader()
    writer.writerows(rows)
    write_whole(file, text.getvalue())


def measure(bench: Bench, runs: list[Run], file: Path, seconds: float) -> None:
    """Make the runs that the file lacks, and none after so many seconds."""
    rows = [row for row in load(file) if row["data"] == bench.checksum]
    known = {key(row) for row in rows}
    begin = time.monotonic()
    for run in runs:
        if run in known:
            continue
        if time.monotonic() - begin > seconds:
            break
        rows.append(bench.run(*run))
        print(f"{time.monotonic() - begin:.0f} s:", {k: v for k, v in rows[-1].items() if k != "recalls"}, flush=True)
        print("   ", recalls(rows[-1]).mean(axis=1).round(3), flush=True)
        write(file, FIELDS, rows)


def key(row: dict[str, Any]) -> Run:
    return row["method"], row["codec"], int(row["bytes"]), int(row["seed"])


def groups(rows: Rows) -> dict[Name, Rows]:
    """Lines that differ in their seeds alone."""
    by_name: dict[Name, Rows] = {}
    for row in rows:
        by_name.setdefault(key(row)[:3], []).append(row)
    return by_name


def label(method: str, codec: str) -> str:
    """As tables have it."""
    method, *options = method.split(",")
    return f"`{method}`{''.join(options)} {codec}"


def short(value: float) -> str:
    return f"{value:.3f}".replace("0.", ".", 1)


def table(rows: Rows) -> Iterator[str]:
    """A line a method, codec and size; means over seeds."""
    yield "| bytes | method | recall@10 | recall@1 | 20 candidates | 40 | 100 | p50 ms | parts MB | seeds |"
    yield "|---:|---|---|---:|---:|---:|---:|---:|---:|---:|"
    shown = set()  # a larger budget may have the same code
    for (method, codec, _), lines in sorted(groups(rows).items(), key=lambda item: (int(item[1][0]["code"]), item[0])):
        if (name := (method, codec, lines[0]["code"])) in shown:
            continue
        shown.add(name)
        interval = combine_seeds([bootstrap_means({"": recalls(row)[0]})[""] for row in lines])
        first = np.mean([float(row["recall@1"]) for row in lines])
        cells = [f"{int(lines[0]['code']):,}", label(method, codec)]
        cells += [f"{short(interval.value)} [{short(interval.low)}, {short(interval.high)}]", short(float(first))]
        cells += [short(value) for value in means(lines)[1:]]
        cells += [f"{np.median([float(row['p50 ms']) for row in lines]):.2f}"]
        cells += [f"{int(lines[0]['parts']) / 1e6:.1f}", str(len(lines))]
        yield f"| {' | '.join(cells)} |"


def best_of(by_name: dict[Name, Rows], method: str, size: int) -> Name | None:
    """The best of a method that so many bytes hold (0: no bound), among those of most seeds, whose chance is known."""
    fitting = [
        name for name, lines in by_name.items() if name[0] == method and (not size or int(lines[0]["code"]) <= size)
    ]
    most = max((len(by_name[name]) for name in fitting), default=0)
    fitting = [name for name in fitting if len(by_name[name]) == most]
    return max(fitting, key=lambda name: means(by_name[name])[0], default=None)


def means(lines: Rows) -> np.ndarray:
    """(counts,) over questions and seeds."""
    return np.mean([recalls(row).mean(axis=1) for row in lines], axis=0)


def by_memory(rows: Rows) -> Iterator[str]:
    """A line a number of bytes: the four best methods without a re-rank, and the best with one."""
    by_name = groups(rows)
    yield "| at most | nothing read | " + " | ".join(f"{count} documents read" for count in COUNTS[1:]) + " |"
    yield "|---:|---|" + "---|" * len(COUNTS[1:])
    for size in BUDGETS:
        names = [best_of(by_name, method, size) for method in dict.fromkeys(name[0] for name in by_name)]
        values = {name: means(by_name[name]) for name in names if name is not None and name[0] != TRAINED}
        cells = []
        for at in range(len(COUNTS)):
            order = sorted(values, key=lambda name: -values[name][at])[: 1 if at else 4]
            cells.append(", ".join(f"{label(*name[:2])} {short(values[name][at])}" for name in order))
        yield f"| {size:,} | {' | '.join(cells)} |"


def pairs_of(by_name: dict[Name, Rows]) -> Iterator[tuple[int, Name, Name]]:
    """What is compared: bytes (0: no bound) and two names. Of a method, the best that these bytes hold."""

    def best(method: str, size: int = 0) -> Name | None:
        return best_of(by_name, method, size)

    lemur = "lemur" if best("lemur") else QUARTER
    for size in BUDGETS:
        yield from of_two(size, best(lemur, size), best("muvera", size))
    for size in BUDGETS[::3]:
        yield from of_two(size, best(TRAINED, size), best("lemur", size))
    yield from of_two(0, (lemur, UNCOMPRESSED, 0), ("muvera", UNCOMPRESSED, 0))
    least = BUDGETS[0] if best(lemur, BUDGETS[0]) else 0
    yield from of_two(least, best(lemur, least), best("mean_pooling"))
    for size in BUDGETS:
        yield from of_two(size, best("token_pooling", size), best(lemur, size))
        yield from of_two(size, best("token_pooling", size), best("kmeans_pooling", size))
    one, other = (("voronoi_pruning", "int8", BUDGETS[2]), ("idf_pruning", "int8", BUDGETS[2]))
    yield from of_two(BUDGETS[2], *(name if name in by_name else None for name in (one, other)))
    for method in TOKENS:
        yield from of_two(0, best(method), best(lemur))


def of_two(size: int, one: Name | None, other: Name | None) -> Iterator[tuple[int, Name, Name]]:
    """The pair, if both are measured."""
    if one is not None and other is not None:
        yield size, one, other


def tests(rows: Rows) -> Iterator[str]:
    """A line a comparison over the same questions, with the chance of seeds where there are several."""
    by_name = groups(rows)
    values = {name: np.stack([recalls(row) for row in lines], axis=1) for name, lines in by_name.items()}
    pairs: dict[tuple[Name, Name], int] = {}
    for size, one, other in pairs_of(by_name):
        if one in by_name and other in by_name:
            pairs.setdefault((one, other), size)
    compared = [
        ((size, one, other), at, paired_difference(values[one][at], values[other][at], resamples=RESAMPLES))
        for (one, other), size in pairs.items()
        for at in (0, 2)
    ]
    adjusted = holm([test.p for _, _, test in compared])
    yield "| bytes | one | the other | measure | one | the other | difference | p |"
    yield "|---:|---|---|---|---:|---:|---:|---:|"
    for ((size, one, other), at, test), p in zip(compared, adjusted):
        cells = [f"{size:,}" if size else "-", label(*one[:2]), label(*other[:2])]
        cells += ["recall@10" if at == 0 else f"{COUNTS[at]} candidates re-ranked"]
        cells += [short(values[name][at].mean()) for name in (one, other)]
        cells += [f"{test.value:+.3f} [{test.low:+.3f}, {test.high:+.3f}]", "< .001" if p < 0.001 else short(p)]
        yield f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--only", default="", help="runs of this method alone")
    parser.add_argument("--tables", action="store_true", help="nothing is measured")
    options = parser.parse_args()
    if not options.tables:
        runs = [run for run in plan(options.seeds) if options.only in ("", run[0])]
        measure(Bench("squad-tokens-128", options.queries), runs, FILE, options.seconds)
    rows, page = load(FILE), ROOT / "docs" / "multivector.md"
    put(page, "by memory", list(by_memory(rows)))
    put(page, "lemur", list(table([row for row in rows if row["method"] not in FEWER])))
    put(page, "fewer vectors", list(table([row for row in rows if row["method"] in FEWER])))
    put(page, "measured tests", list(tests(rows)))


if __name__ == "__main__":
    main()
