"""Prints how well ``bench.recommend`` foretells recall at more vectors than it measures on (docs/measuring.md).

    python results/scripts/recall_at_n.py                          # an hour on one core
    python results/scripts/recall_at_n.py --datasets glove-100 --methods pq,saq --budgets 32x

Each method is fitted on 20,000 training vectors and searched for in nested samples of a data set, each the part of the
full set that is named; what follows for the full set from a sample is compared with recall measured there, by the same
1,000 queries.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from bench import datasets
from bench.datasets.base import Dataset
from bench.datasets.exact import exact_search
from bench.datasets.store import ArrayStore
from bench.measure.quality import RecallJudge
from bench.recommend.scaling import SHARES, fitted, nested_recalls
from methods import BudgetError, Codec, for_budget
from methods.budget import Budget

DATASETS = (
    "squad-sentences,squad-sentences-cone,squad-sentences-layer4,squad-sentences-wordllama,fashion-mnist,glove-100,"
    "glove-100-ip"
)
METHODS, BUDGETS = "pq,saq,pq_fastscan,transform_coding,eden,itq", "16x,32x"
PARTS = (10**-0.5, 0.1)
QUERIES, TRAINING, K = 1_000, 20_000, 10


@dataclass(frozen=True)
class Foretold:
    """Recall on a sample, what follows from it for the full set, and recall there."""

    case: str
    part: float
    sample: float
    value: float
    low: float
    high: float
    line: float
    full: float


def foretold(name: str, methods: list[str], budgets: list[str]) -> Iterator[Foretold]:
    """Of every method and budget that has a code, on one data set."""
    full = datasets.load(name, max_queries=QUERIES)
    assert isinstance(full, Dataset)
    n = full.base.shape[0]
    base, rng = full.base.read(0, n), np.random.default_rng(0)
    order = rng.permutation(n)
    train = full.training.take(np.sort(rng.permutation(full.n_train)[:TRAINING]))
    truths = {}
    for part in (1.0, *PARTS):
        rows = np.sort(order[: round(n * part)])
        sample = replace(full, base=ArrayStore(base[rows]), train=None, relevance=None, neighbors=None)
        truth = exact_search(sample, 100)
        truths[part] = rows, RecallJudge(sample.base, full.queries, full.metric, truth.scores, truth.ids)
    for method in methods:
        for budget in budgets:
            try:
                codec = for_budget(method, full.dim, Budget(budget).code_bytes(full.dim), full.metric).fit(train, 0)
            except BudgetError:
                continue
            codes = codec.encode(base)
            rows, judge = truths[1.0]
            at_full = judge.recall(_search(codec, codes[rows], full.queries)[:, :K], K).mean()
            for part in PARTS:
                rows, judge = truths[part]
                ids = _search(codec, codes[rows], full.queries)
                judged = judge.judge(ids)
                recalls = nested_recalls(judged, ids, judge.truth_ids, K, len(rows), full.metric.descending)
                sizes, means = [round(share * len(rows)) for share in SHARES], recalls.mean(axis=1)
                if (trend := fitted(sizes, recalls)) is not None:
                    at_n = trend.at(n, float(means[0]))
                    fall = (means[-1] - means[0]) / np.log(sizes[0] / sizes[-1])
                    line = means[0] - max(0.0, fall) * np.log(n / sizes[0])
                    yield Foretold(
                        f"{name} {method} {budget}", part, means[0], at_n.value, at_n.low, at_n.high, line, at_full
                    )


def _search(codec: Codec, codes: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """The 100 best ids (nq, 100) of each query."""
    return codec.searcher(np.ascontiguousarray(codes)).search(queries, 100)[1]


def main() -> None:
    """Prints each case, then a table of Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", default=DATASETS)
    parser.add_argument("--methods", default=METHODS)
    parser.add_argument("--budgets", default=BUDGETS)
    options = parser.parse_args()
    by_part = defaultdict(list)
    for name in options.datasets.split(","):
        for one in foretold(name, options.methods.split(","), options.budgets.split(",")):
            by_part[one.part].append(one)
            print(
                f"{one.case}, {1 / one.part:.3g} times as many: {one.sample:.3f}, expected {one.value:.3f} "
                f"[{one.low:.3f}, {one.high:.3f}], measured {one.full:.3f}",
                flush=True,
            )
    print("\n| times as many | cases | unchanged | line through two sizes | law | in the 90% interval | its width |")
    print("|---|---|---|---|---|---|---|")
    for part, cases in by_part.items():
        guesses = [[one.sample for one in cases], [one.line for one in cases], [one.value for one in cases]]
        full = np.array([one.full for one in cases])
        errors = " | ".join(f"{np.abs(np.array(guess) - full).mean():.4f}" for guess in guesses)
        inside = sum(one.low <= one.full <= one.high for one in cases)
        width = np.mean([one.high - one.low for one in cases])
        print(f"| {1 / part:.2g} | {len(cases)} | {errors} | {inside} of {len(cases)} | {width:.3f} |")


if __name__ == "__main__":
    main()
