"""Measures candidates by centroids for token codes: ``candidates.csv`` and ``first_looks.csv`` of results/tokens.

    OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 python results/scripts/token_candidates.py WORK_DIR [--seconds 330]

On ``squad-tokens-128`` and ``squad-shifts-tokens``, which have to be built. Codes are kept in WORK_DIR and lines in the
csv, so that it goes on where it was stopped; ``--seconds`` begins no step after so many. Without WORK_DIR the tables of
docs/multivector.md are made from the csv and nothing is measured.
"""

from __future__ import annotations

import argparse
import csv
import functools
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from quotes import ROOT, put, share
from token_scans import shared

from bench import datasets
from bench.datasets import RaggedDataset
from bench.files import write_whole
from methods import registry
from methods.kernels.sets.centroid_scores import numbered_chamfer
from methods.multivector import Codes, Ragged, SetSearcher
from methods.multivector.base import OFFSET_BYTES
from methods.multivector.candidate_stage import CandidateSetSearcher
from methods.multivector.centroids import learn_centroids, nearest_centroids
from methods.multivector.token_codec import TokenCodec

TOKENS = ROOT / "results" / "tokens"
CURVE, LOOKS = TOKENS / "candidates.csv", TOKENS / "first_looks.csv"
FIELDS = ("data", "codec", "search", "bytes", "parts", "p50 ms", "least ms", "recall@10", "same ids", "load")
FIRST = (20, 40, 80, 160, 320)
LOOK_FIELDS = ("data", "look", "bytes", *map(str, FIRST))
DATA = {"squad-tokens-128": 200, "squad-shifts-tokens": 500}  # and how many questions have their truth in the cache
QUERIES = {"squad-tokens-128": 200, "squad-shifts-tokens": 100}  # that are searched
CODECS = {"squad-tokens-128": ("pq", "transform_coding"), "squad-shifts-tokens": ("pq",)}
PLAIN_TOO = ("squad-tokens-128",)  # plain codes of the other set are in multivector_shifts.csv
BUDGET, K, SEED, TURNS, FEW_TURNS = 5120, 10, 0, 25, 5
DOCUMENTS = 2500  # coded at a time
CANDIDATES = (2, 4, 8, 16, 32)
PLAIN, ALL = "all of plain codes", "all"
FEW, BLOCK = 256, 1 << 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", nargs="?", type=Path)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--data", choices=DATA, nargs="*", default=list(DATA))
    options = parser.parse_args()
    if options.work is not None:
        begin = time.monotonic()
        for step in steps(options.work, options.data):
            if time.monotonic() - begin > options.seconds:
                print("stopped; run it again to go on", file=sys.stderr)
                break
            step()
    page = ROOT / "docs" / "multivector.md"
    put(page, "token candidates", curve_table(load(CURVE)))
    put(page, "first looks", look_table(load(LOOKS)))


def steps(work: Path, names: list[str]) -> Iterator[Callable[[], None]]:
    """What WORK_DIR and the csv files lack: a fit, some documents' codes, or the searches of a data set and codec."""
    for name in names:
        for codec in CODECS[name]:
            if any(row["data"] == name and row["codec"] == codec for row in load(CURVE)):
                continue
            for candidates in (0, 1) if name in PLAIN_TOO else (1,):
                yield from (
                    functools.partial(part, name, codec, candidates, work)
                    for _ in parts_left(name, codec, candidates, work)
                )
            yield functools.partial(add, CURVE, FIELDS, functools.partial(measured, name, codec, work))
        if not any(row["data"] == name for row in load(LOOKS)):
            yield functools.partial(add, LOOKS, LOOK_FIELDS, functools.partial(first_looks, name, work))


def parts_left(name: str, codec: str, candidates: int, work: Path) -> list[Path]:
    """Files that are not there: what is fitted, then codes."""
    documents = len(asked(name)[0])
    folder = work / f"{name}-{codec}{'-numbered' if candidates else ''}"
    files = [folder / "fitted.npz", *(folder / f"{at}.npy" for at in range(0, documents, DOCUMENTS))]
    return [file for file in files if not file.exists()]


def part(name: str, codec: str, candidates: int, work: Path) -> None:
    """Makes the first file that is not there."""
    file = parts_left(name, codec, candidates, work)[0]
    file.parent.mkdir(parents=True, exist_ok=True)
    base = asked(name)[0]
    method = configured(base, codec, candidates)
    if file.suffix == ".npz":
        parts: dict[str, Any] = method.fit(base, SEED).parts()
        np.savez(file, **parts)
    else:
        start = int(file.stem)
        np.save(file, kept(method, file.parent).encode(base[start : start + DOCUMENTS]).data)
    print(f"{file} is made", file=sys.stderr)


def load(path: Path) -> list[dict[str, str]]:
    """Lines of a csv; none where there is no such file."""
    return list(csv.DictReader(path.open())) if path.exists() else []


def add(path: Path, fields: tuple[str, ...], made: Callable[[], list[dict[str, Any]]]) -> None:
    """More lines at the end of a csv."""
    rows = made()
    rows = [*load(path), *rows]
    lines = [",".join(fields), *(",".join(str(row[field]) for field in fields) for row in rows)]
    write_whole(path, "\n".join(lines) + "\n")


def asked(name: str) -> tuple[Ragged, Ragged, np.ndarray]:
    """The documents of a data set, questions and the true ten of each."""
    data = datasets.load(name, max_queries=DATA[name])
    assert isinstance(data, RaggedDataset)
    queries = Ragged(data.queries.floats(), data.queries.offsets)
    return data.base, queries[: QUERIES[name]], datasets.ground_truth(data, 100).ids[: QUERIES[name], :K]


def configured(base: Ragged, codec: str, candidates: int) -> TokenCodec:
    """A token codec of the budget."""
    cls = registry.get("token_codec", "multivector")
    method = registry.configured(cls, base.dim, BUDGET, base.lengths, codec=codec, candidates=candidates)
    assert isinstance(method, TokenCodec)
    return method


def kept(method: TokenCodec, folder: Path) -> TokenCodec:
    """As it was fitted."""
    with np.load(folder / "fitted.npz", allow_pickle=False) as parts:
        return TokenCodec.from_parts(method.params(), {name: parts[name] for name in parts.files})


def fitted(base: Ragged, name: str, codec: str, candidates: int, work: Path) -> tuple[TokenCodec, Codes]:
    """A token codec and the codes of all documents, from WORK_DIR."""
    folder = work / f"{name}-{codec}{'-numbered' if candidates else ''}"
    method = kept(configured(base, codec, candidates), folder)
    data = np.concatenate([np.load(folder / f"{at}.npy") for at in range(0, len(base), DOCUMENTS)])
    sizes = method.code_sizes(base.lengths) - OFFSET_BYTES
    return method, Codes(data, np.concatenate([[0], np.cumsum(sizes)]), method.fixed)


def measured(name: str, codec: str, work: Path) -> list[dict[str, Any]]:
    """A line a number of candidates, with the same codes, and one of codes without numbers, two bytes longer."""
    base, queries, truth = asked(name)
    numbered, codes = fitted(base, name, codec, 1, work)
    searchers: dict[str, SetSearcher] = {}
    sizes: dict[str, tuple[int, int]] = {}  # of codes and parts, of plain codes
    if name in PLAIN_TOO:
        plain, plain_codes = fitted(base, name, codec, 0, work)
        searchers[PLAIN], sizes[PLAIN] = plain.searcher(plain_codes), (plain_codes.nbytes, nbytes(plain))
    searchers[ALL] = numbered._search_of_all()(*numbered._split(codes))
    for count in CANDIDATES:
        some = TokenCodec.from_parts({**numbered.params(), "candidates": count}, numbered.parts())
        searchers[str(count)] = some.searcher(codes)
    own_sizes = codes.nbytes, nbytes(numbered)
    milliseconds: dict[str, list[float]] = {way: [] for way in searchers}
    for turn in range(-1, TURNS):  # the first compiles and reads
        for way, searcher in searchers.items():
            if way in (PLAIN, ALL) and turn >= FEW_TURNS:
                continue
            start = time.perf_counter()
            searcher.search(queries[max(turn, 0) : max(turn, 0) + 1], K)
            if turn >= 0:
                milliseconds[way].append(1e3 * (time.perf_counter() - start))
    ids = {way: searcher.search(queries, K)[1] for way, searcher in searchers.items()}
    return [
        {
            "data": name,
            "codec": codec,
            "search": way,
            "bytes": int(np.ceil(sizes.get(way, own_sizes)[0] / len(base))),
            "parts": sizes.get(way, own_sizes)[1],
            "p50 ms": f"{np.median(milliseconds[way]):.1f}",
            "least ms": f"{min(milliseconds[way]):.1f}",
            "recall@10": f"{shared(ids[way], truth):.4f}",
            "same ids": f"{shared(ids[way], ids[ALL]):.4f}",
            "load": f"{os.getloadavg()[0]:.1f}",
        }
        for way, searcher in searchers.items()
    ]


def nbytes(codec: TokenCodec) -> int:
    return sum(array.nbytes for array in codec.parts().values())


def first_looks(name: str, work: Path) -> list[dict[str, Any]]:
    """Which share of the true ten is among the first documents by a score that needs no codes."""
    base, queries, truth = asked(name)
    method, codes = fitted(base, name, CODECS[name][0], 1, work)
    searcher = method.searcher(codes)
    assert isinstance(searcher, CandidateSetSearcher)
    some = np.sort(np.random.default_rng(SEED).permutation(len(base))[: max(1, len(base) // 4)])
    centroids = learn_centroids(base.take(some), FEW, SEED)
    blocks = (np.asarray(base.vectors[at : at + BLOCK], np.float32) for at in range(0, base.total, BLOCK))
    numbers = np.concatenate([nearest_centroids(block, centroids) for block in blocks]).astype(np.uint16)
    looks: dict[str, tuple[float, np.ndarray]] = {}
    for label, each, leaves in (
        (f"{len(searcher.tree)} centroids", searcher.numbers, searcher.tree.leaves),
        (f"{FEW} centroids", numbers, centroids),
    ):
        size = base.total / len(base) * (1 if leaves is centroids else 2)
        rough = [numbered_chamfer(each, base.offsets, _products(leaves, queries.set(i))) for i in range(len(queries))]
        looks[label] = size, np.argsort(-np.stack(rough), axis=1, kind="stable")[:, : FIRST[-1]]
    mean = registry.get("mean_pooling", "multivector")(base.dim, codec="float32").fit(base, SEED)
    looks["mean of its vectors"] = 4 * base.dim, mean.searcher(mean.encode(base)).search(queries, FIRST[-1])[1]
    return [
        {"data": name, "look": look, "bytes": f"{size:.0f}"}
        | {str(count): f"{shared(ids[:, :count], truth):.4f}" for count in FIRST}
        for look, (size, ids) in looks.items()
    ]


def _products(leaves: np.ndarray, query: np.ndarray) -> np.ndarray:
    return np.vstack([leaves @ query.T, np.zeros((1, len(query)), np.float32)])


def curve_table(rows: list[dict[str, str]]) -> list[str]:
    """A line a number of documents that are searched by their codes."""
    lines = [
        "| data | codes | bytes | parts MB | documents searched | p50 ms | least ms | recall@10 | same ten as all |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        documents = str(K * int(row["search"])) if row["search"].isdigit() else row["search"]
        cells = [
            row["data"],
            f"`{row['codec']}`",
            f"{int(row['bytes']):,}",
            f"{int(row['parts']) / 1e6:.1f}",
            documents,
        ]
        cells += [row["p50 ms"], row["least ms"], share(float(row["recall@10"]))]
        lines.append(f"| {' | '.join([*cells, '-' if row['search'] == PLAIN else share(float(row['same ids']))])} |")
    return lines


def look_table(rows: list[dict[str, str]]) -> list[str]:
    """A line a first look."""
    lines = [
        f"| data | first look | bytes of a document | {' | '.join(f'first {count}' for count in FIRST)} |",
        f"|---|---|---:|{'---:|' * len(FIRST)}",
    ]
    for row in rows:
        shares = (share(float(row[str(count)])) for count in FIRST)
        lines.append(f"| {row['data']} | {row['look']} | {row['bytes']} | {' | '.join(shares)} |")
    return lines


if __name__ == "__main__":
    main()
