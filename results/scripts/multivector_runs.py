"""What the programs share that measure methods for sets of vectors and write a csv: runs, and lines of the csv.

A search ranks 100 documents; an exact re-rank of N candidates finds those of the true ten that are among the first N,
so that one ranking tells them all. Runs that a csv has are not repeated, so that a program goes on where it was
stopped; lines of another build of the data set (another processor's) are measured anew. Maps of LEMUR are kept in the
cache, which many codecs share.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench import datasets
from bench.datasets import RaggedDataset
from bench.datasets.cache import cache_dir, written_whole
from bench.files import write_csv
from methods import registry
from methods.base import Metric
from methods.multivector import Codes, MultiVectorCodec, SetSearcher
from methods.multivector._token_features import TokenFeatures
from methods.multivector.lemur import Lemur
from methods.multivector.stretch import Stretch

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
UNCOMPRESSED = "float32"
FIELDS = ("data", "method", "codec", "bytes", "code", "parts", "seed", "recall@1", "p50 ms", "recalls")
RESIDUALS, TOKENS = "colbert_residual", ("colbert_residual", "token_codec")
TOKEN_PARAMS = {"rq_trellis": {"state_bits": 10}}  # as in the records of token codes on the first set

Rows = list[dict[str, Any]]
Run = tuple[str, str, int, int]  # and the seed


class Bench:
    """The data set, and the map that was fitted last, which many codecs share."""

    def __init__(self, name: str, queries: int, documents: int | None = None) -> None:
        data = datasets.load(name, max_queries=queries, max_base=documents)
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
        chosen: dict[str, Any] = {"bits": int(codec[0])} if method == RESIDUALS else {"codec": codec}
        if method == "token_codec" and codec in TOKEN_PARAMS:
            chosen["codec_params"] = TOKEN_PARAMS[codec]
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
    write_csv(file, fields, rows, ends="\r\n")


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
