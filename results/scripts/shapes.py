"""Makes ``shapes.md``: codecs at other dimensions, and on vectors that are not of unit length.

    python results/scripts/shapes.py           # minutes
    python results/scripts/shapes.py --long    # 1536 and 3072 dimensions too

The vectors are the first 64 and 100 dimensions of ``squad-sentences`` (not of unit length, squared distance), the
images of ``fashion-mnist`` (784 dimensions, squared distance) and, with ``--long``, four and eight consecutive
sentences joined into one vector (1536 and 3072 dimensions, inner product). Every twentieth vector is a query; the
others are searched.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import faiss
import numpy as np
from tqdm import tqdm

from bench import datasets
from bench.measure.statistics import bootstrap_means
from methods import BudgetError, Metric, for_budget
from methods.faiss_tools import faiss_metric

PUBLISHED = Path(__file__).parents[1] / "published"
METHODS = ("rq_trellis", "trellis", "transform_coding", "saq", "pq", "rabitq")
FACTOR, QUERIES, EVERY = 16, 1000, 20
HEAD = """# Other dimensions, other lengths

Recall@10 of held-out vectors at 16x with its 95% interval over queries, one seed, fitted on the base. Made by
`python results/scripts/shapes.py`.
"""


def cases(long: bool) -> dict[str, tuple[np.ndarray, str]]:
    """Vectors and metric by name."""
    sentences = datasets.load("squad-sentences")
    rows = sentences.base.read(0, sentences.base.shape[0])
    images = datasets.load("fashion-mnist")
    vectors = {f"first {dim} dimensions": (np.ascontiguousarray(rows[:, :dim]), "l2") for dim in (64, 100)}
    for many in (4, 8) if long else ():
        joined = rows[: len(rows) // many * many].reshape(-1, many * rows.shape[1])
        vectors[f"{many} sentences in a row"] = (joined, "ip")
    return {**vectors, "fashion-mnist": (images.base.read(0, images.base.shape[0]), "l2")}


def cell(method: str, base: np.ndarray, queries: np.ndarray, truth: np.ndarray, metric: str) -> str:
    """Recall with its interval, and bytes, as the page shows them; ``-`` where no code is so small."""
    try:
        codec = for_budget(method, base.shape[1], 4 * base.shape[1] // FACTOR, metric)
    except BudgetError:
        return "-"
    ids = codec.fit(base).searcher(codec.encode(base)).search(queries, 10)[1]
    recalls = np.array([np.isin(row, true).mean() for row, true in zip(ids, truth)])
    interval = bootstrap_means({"recall": recalls})["recall"]
    return f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}], {codec.code_size} B"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="1536 and 3072 dimensions too")
    long = parser.parse_args().long
    lines = [HEAD, f"| vectors | n x d | metric | {' | '.join(f'`{name}`' for name in METHODS)} |"]
    lines.append("|---|---|---|" + "---|" * len(METHODS))
    for name, (vectors, metric) in tqdm(cases(long).items()):
        is_query = np.arange(len(vectors)) % EVERY == 0
        base, queries = vectors[~is_query], vectors[is_query][:QUERIES]
        truth = faiss.knn(queries, base, 10, metric=faiss_metric(Metric(metric)))[1]
        cells = [cell(method, base, queries, truth, metric) for method in METHODS]
        lines.append(f"| {name} | {len(base):,} x {base.shape[1]} | {metric} | {' | '.join(cells)} |")
    (PUBLISHED / "shapes.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
