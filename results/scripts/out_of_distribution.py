"""Makes ``out_of_distribution.md`` and its ``.csv``: recall of codecs that are trained on other vectors.

    python results/scripts/out_of_distribution.py [--queries 1000] [--budget 96]

The sentences of ``squad-sentences`` are in the order of their articles. The last two thirds are searched. Codecs are
trained on a sample of these, on 1,000 of these, on the articles of the first third, and on questions other than the
queries.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import faiss
import numpy as np
from tqdm import tqdm

from bench import datasets
from bench.files import write_csv
from bench.measure.statistics import bootstrap_means
from methods import for_budget

PUBLISHED = Path(__file__).parents[1] / "published"
METHODS = ("rq_trellis", "trellis", "transform_coding", "opq", "pq", "rabitq")
MOST = 20_000  # training vectors at most


def trainings(base: np.ndarray, questions: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The vectors that are searched, and the training vectors by name."""
    first = len(base) // 3
    searched, rng = base[first:], np.random.default_rng(0)
    same = searched[rng.permutation(len(searched))[:MOST]]
    return searched, {
        "the same": same,
        "1,000 of the same": same[:1000],
        "other articles": base[:first][rng.permutation(first)[:MOST]],
        "questions": questions[:MOST],
    }


def recalls(ids: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.array([np.isin(row, true).mean() for row, true in zip(ids, truth)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--budget", type=int, default=96, help="bytes a vector")
    options = parser.parse_args()
    data = datasets.load("squad-sentences", max_queries=None)
    queries, questions = data.queries[: options.queries], data.queries[options.queries :]
    searched, trained_on = trainings(data.base.read(0, data.base.shape[0]), questions)
    truth = faiss.knn(queries, searched, 10, metric=faiss.METRIC_INNER_PRODUCT)[1]
    rows = []
    for method in tqdm(METHODS):
        for name, vectors in trained_on.items():
            codec = for_budget(method, data.dim, options.budget, data.metric).fit(vectors)
            codes = codec.encode(searched)
            per_query = recalls(codec.searcher(codes).search(queries, 10)[1], truth)
            interval = bootstrap_means({"recall": per_query})["recall"]
            rows.append(
                {
                    "method": method,
                    "trained on": name,
                    "vectors": len(vectors),
                    "bytes": codec.code_size,
                    "recall@10": round(interval.value, 4),
                    "low": round(interval.low, 4),
                    "high": round(interval.high, 4),
                }
            )
    write_csv(PUBLISHED / "out_of_distribution.csv", list(rows[0]), rows, ends="\r\n")
    (PUBLISHED / "out_of_distribution.md").write_text(as_markdown(rows, len(searched), len(queries), trained_on))


def as_markdown(rows: list[dict], searched: int, queries: int, trained_on: dict[str, np.ndarray]) -> str:
    by_case = {(row["method"], row["trained on"]): row for row in rows}

    def cell(method: str, name: str) -> str:
        row = by_case[method, name]
        return f"{row['recall@10']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"

    lines = [
        "# Trained on other vectors: squad-sentences",
        "",
        f"Recall@10 of {queries:,} questions among {searched:,} sentences, inner product, one seed; how many vectors",
        "each codec was trained on stands in the head. Made by `python results/scripts/out_of_distribution.py`.",
        "",
        "| method | bytes | " + " | ".join(f"{name} ({len(v):,})" for name, v in trained_on.items()) + " |",
        "|---|---:|" + "---:|" * len(trained_on),
    ]
    for method in METHODS:
        size = by_case[method, "the same"]["bytes"]
        lines.append(f"| `{method}` | {size} | " + " | ".join(cell(method, name) for name in trained_on) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
