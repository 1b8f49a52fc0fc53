"""Makes ``multivector_shift_tokens.csv`` and a table of docs/multivector.md: codes of all tokens, on the second set.

    python results/scripts/multivector_shift_tokens.py [--seconds 240]

On 2,000 documents of ``squad-shifts-tokens``, drawn under the seed, with their own ground truth: centroids for all of
them take half an hour. ``token_codec`` is given the bytes of ColBERTv2's residuals of 1 and 2 bits a dimension. It goes
on where it was stopped; ``--seconds`` begins no run after so many.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from multivector_page import RESAMPLES, label, short
from multivector_runs import RESIDUALS, Bench, Rows, Run, load, measure, recalls
from quotes import ROOT, put

from bench.measure.statistics import bootstrap_means, holm, paired_difference
from methods.multivector.colbert_residual import ColbertResidual

FILE = Path(__file__).parents[1] / "published" / "multivector_shift_tokens.csv"
DATA, DOCUMENTS, QUERIES = "squad-shifts-tokens", 2_000, 500
CODECS = ("rq_trellis", "transform_coding", "trellis", "pq")
BITS = (1, 2)


def plan(bench: Bench) -> Iterator[Run]:
    """The residuals of so many bits, then codes of as many bytes."""
    for bits in BITS:
        size = size_of(bench, bits)
        yield RESIDUALS, f"{bits} bit", size, 0
        yield from (("token_codec", codec, size, 0) for codec in CODECS)


def size_of(bench: Bench, bits: int) -> int:
    """Mean bytes of a document, rounded up."""
    return int(np.ceil(ColbertResidual(bench.data.dim, bits).code_sizes(bench.data.base.lengths).mean()))


def table(rows: Rows) -> Iterator[str]:
    """A line a run; codes are compared with the residuals of as many bytes, over the same questions."""
    rows = sorted(rows, key=lambda row: (int(row["bytes"]), row["method"], row["codec"]))
    residuals = {row["bytes"]: row for row in rows if row["method"] == RESIDUALS}
    tests = {
        (row["codec"], row["bytes"]): paired_difference(
            recalls(row)[:1], recalls(residuals[row["bytes"]])[:1], resamples=RESAMPLES
        )
        for row in rows
        if row["method"] != RESIDUALS and row["bytes"] in residuals
    }
    adjusted = dict(zip(tests, holm([test.p for test in tests.values()])))
    yield f"| bytes | method | recall@10 | recall@1 | 40 candidates | p50 ms | beside `{RESIDUALS}` | p |"
    yield "|---:|---|---|---:|---:|---:|---:|---:|"
    for row in rows:
        interval, name = bootstrap_means({"": recalls(row)[0]})[""], (row["codec"], row["bytes"])
        cells = [f"{int(row['code']):,}", label(row["method"], row["codec"])]
        cells += [f"{short(interval.value)} [{short(interval.low)}, {short(interval.high)}]"]
        cells += [short(float(row["recall@1"])), short(recalls(row)[2].mean()), row["p50 ms"]]
        if name in tests:
            test, p = tests[name], adjusted[name]
            cells += [f"{test.value:+.3f} [{test.low:+.3f}, {test.high:+.3f}]", "< .001" if p < 0.001 else short(p)]
        else:
            cells += ["-", "-"]
        yield f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--tables", action="store_true", help="nothing is measured")
    options = parser.parse_args()
    if not options.tables:
        bench = Bench(DATA, QUERIES, DOCUMENTS)
        measure(bench, list(plan(bench)), FILE, options.seconds)
    put(ROOT / "docs" / "multivector.md", "second set tokens", list(table(load(FILE))))


if __name__ == "__main__":
    main()
