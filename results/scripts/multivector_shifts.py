"""Makes ``multivector_shifts.csv`` and ``multivector_ivf.csv``: the second set of sets.

    python results/scripts/multivector_shifts.py [--seconds 570] [--queries 500]

On ``squad-shifts-tokens``, as ``multivector_runs.py`` says. Then lists over the documents' codes: what a query loses
that visits some of them, and what it takes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from multivector_page import LISTS, SECOND, make
from multivector_runs import BUDGETS, LEMURS, QUARTER, UNCOMPRESSED, Bench, Run, load, measure, write

from methods.index import IVFSearcher, Partition, default_lists
from methods.multivector.single_vector import SingleVectorCodec, SingleVectorSearcher

DATA = "squad-shifts-tokens"
INDEXED: tuple[Run, ...] = (
    (QUARTER, "rq_trellis", 320, 0),
    ("mean_pooling", "pq", 320, 0),
)
FIELDS = ("data", "method", "codec", "bytes", "seed", "lists", "probes", "visited", "recall@10", "of 40", "p50 ms")


def plan(seeds: int) -> Iterator[Run]:
    """As in ``multivector_measured.py``: one vector a document, then codes of all tokens; what takes longest last."""
    yield "mean_pooling", UNCOMPRESSED, 0, 0
    yield "mean_pooling", "pq", BUDGETS[0], 0
    yield "muvera", "sign", BUDGETS[0], 0
    yield QUARTER, UNCOMPRESSED, 0, 0
    yield from ((QUARTER, codec, size, 0) for codec in ("rq_trellis", "transform_coding") for size in BUDGETS[:2])
    yield from (("muvera", "sign", size, 0) for size in BUDGETS[2:])
    yield "muvera", UNCOMPRESSED, 0, 0
    yield "token_codec", "pq", BUDGETS[3], 0
    yield from lemurs(0)
    for seed in range(1, seeds):
        yield "mean_pooling", "pq", BUDGETS[0], seed
        yield from (("muvera", "sign", size, seed) for size in BUDGETS[::2])
    for seed in range(1, seeds):
        yield from lemurs(seed)
    yield from (("muvera", UNCOMPRESSED, 0, seed) for seed in range(1, seeds))


def lemurs(seed: int) -> Iterator[Run]:
    """Codecs of one map."""
    yield "lemur", UNCOMPRESSED, 0, seed
    yield "lemur", "transform_coding", BUDGETS[0], seed
    yield "lemur", "transform_coding", BUDGETS[2], seed
    yield "lemur", "rq_trellis", BUDGETS[0], seed


def in_lists(bench: Bench, run: Run) -> Iterator[dict[str, Any]]:
    """A line for each number of lists that are visited; all of them at last."""
    method, codec, size, seed = run
    fitted, vectors, codes = single_vectors(bench, run)
    partition = Partition(vectors.shape[1], fitted.codec_.metric, default_lists(len(vectors))).fit(vectors, seed)
    index = IVFSearcher(fitted.codec_, codes, partition, partition.assign(vectors))
    queries = bench.data.queries
    mapped = fitted.query_vectors(queries)
    for probes in (*(1 << step for step in range(2, 8) if 1 << step < partition.lists), partition.lists):
        some = index.probing(probes)
        searcher = SingleVectorSearcher(fitted, some)
        shares, _, milliseconds = bench.searched(searcher)
        yield {
            "data": bench.checksum,
            "method": method,
            "codec": codec,
            "bytes": size,
            "seed": seed,
            "lists": partition.lists,
            "probes": probes,
            "visited": f"{some.visited_share(mapped):.3f}",
            "recall@10": f"{shares[0].mean():.4f}",
            "of 40": f"{shares[2].mean():.4f}",
            "p50 ms": f"{milliseconds:.2f}",
        }


def single_vectors(bench: Bench, run: Run) -> tuple[SingleVectorCodec, np.ndarray, np.ndarray]:
    """A fitted method, the single vectors of all documents as its codec has them, and their codes."""
    method, codec, size, seed = run
    if method in LEMURS:
        return bench.lemur(method, codec, size, seed)
    other = bench.configured(method, codec, size)
    assert isinstance(other, SingleVectorCodec)
    other.fit(bench.data.base, seed)
    vectors = np.concatenate([few for _, few in other.single_vectors(bench.data.base)])
    return other, vectors, other.codec_.encode(vectors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--seeds", type=int, default=3, help="of one vector a document")
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--tables", action="store_true", help="nothing is measured")
    options = parser.parse_args()
    if not options.tables:
        begin, bench = time.monotonic(), Bench(DATA, options.queries)
        lists = [row for row in load(LISTS) if row["data"] == bench.checksum]
        for run in INDEXED:
            if time.monotonic() - begin < options.seconds and run[:2] not in {(r["method"], r["codec"]) for r in lists}:
                lists += in_lists(bench, run)
                write(LISTS, FIELDS, lists)
        measure(bench, list(plan(options.seeds)), SECOND, options.seconds - (time.monotonic() - begin))
    make()


if __name__ == "__main__":
    main()
