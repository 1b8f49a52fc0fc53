"""Makes ``multivector_measured.csv``: LEMUR beside MUVERA, fewer vectors, and codes of all tokens.

    python results/scripts/multivector_measured.py [--seconds 570] [--seeds 3] [--queries 1000]

On ``squad-tokens-128``, as ``multivector_runs.py`` says; ``--seconds`` begins no run after so many.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from multivector_page import FEWER, FIRST, make
from multivector_runs import BUDGETS, TRAINED, UNCOMPRESSED, Bench, Run, measure

LEMUR = ("transform_coding", "rq_trellis", "trellis", "pq")
POOLED, DRAWN = ("kmeans_pooling", "token_pooling"), ("idf_pruning", "voronoi_pruning")


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
    yield from (("token_codec", codec, BUDGETS[3], 0) for codec in ("rq_trellis", "trellis"))
    yield from (("token_codec", "rq_trellis", BUDGETS[3], seed) for seed in range(1, seeds))


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
        measure(Bench("squad-tokens-128", options.queries), runs, FIRST, options.seconds)
    make()


if __name__ == "__main__":
    main()
