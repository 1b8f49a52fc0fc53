"""Measures adaptors of frozen vectors in front of truncation, beside principal components and ``leanvec``.

    python results/scripts/adaptors.py --measure [--seconds 300]   # adaptors.csv; continues where it stopped
    python results/scripts/adaptors.py                             # the table in docs/layers.md, from adaptors.csv

Yoon et al., "Matryoshka-Adaptor", arXiv 2407.20243, without labels: ``f(x) = x + MLP(x)`` is trained so that prefixes
of f(x) have the cosines that whole vectors have, among neighbors (top-k) and among all of a batch (pairwise), and so
that f(x) stays near x. It learns from the sentences of ``squad-sentences-mini`` alone. Questions go through the same
map. A line is a way to few dimensions, which then are one byte each (``int8``; ``leanvec`` has four bytes more).
"""

from __future__ import annotations

import argparse
import csv
import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import methods
from bench import datasets
from bench.datasets.base import Dataset
from bench.datasets.cache import writable_folder, written_whole
from bench.files import write_csv
from bench.measure.quality import retrieval_measures
from bench.measure.statistics import holm, paired_difference
from methods.fitting.nearest import nearest
from methods.reduction.pca import PrincipalComponents

TABLE = Path(__file__).parents[1] / "layers" / "adaptors.csv"
DATA, K = "squad-sentences-mini", 10
WIDTHS = (32, 64, 128, 192)
HIDDEN, STEPS, RATE = 384, 1_000, 1e-3
ANCHORS, NEIGHBORS = 32, 8  # of a batch; an anchor counts among its neighbors
TRUNCATED, ADAPTED, PCA, ADAPTED_PCA, LEANVEC = "truncation", "adaptor", "pca", "pca, adaptor", "leanvec"
WAYS = (TRUNCATED, ADAPTED, PCA, ADAPTED_PCA, LEANVEC)
SEEDS = (0, 1)
TRAINED = (ADAPTED, ADAPTED_PCA)  # the other ways are of one seed
MEASURES = ("recall@10", "MRR@10")
FIELDS = (
    "way",
    "dimensions",
    "bytes",
    "seeds",
    "measure",
    "value",
    "beside_pca",
    "low",
    "high",
    "p",
    "p_holm",
    "seconds",
)

Found = dict[str, np.ndarray]


class Judge:
    """Sentences and questions, and what a search of them finds."""

    def __init__(self) -> None:
        data = datasets.load(DATA)
        assert isinstance(data, Dataset)
        assert data.relevance is not None
        self.base, self.queries = data.base.read(0, data.base.shape[0]), np.asarray(data.queries)
        self.near, self.relevance = datasets.ground_truth(data, K).ids, data.relevance

    @functools.cached_property
    def beside(self) -> np.ndarray:
        """Of each sentence the nearest, itself first: (n, NEIGHBORS)."""
        return nearest(self.base, self.base, NEIGHBORS)

    def found(self, codec: Any, base: np.ndarray, queries: np.ndarray) -> Found:
        """Both measures (nq,) of ``codec`` fitted on mapped vectors."""
        codec.fit(base, seed=0)
        ids = codec.searcher(codec.encode(base)).search(queries, K)[1]
        hits = np.array([np.isin(row, near).mean() for row, near in zip(ids, self.near)])
        return {"recall@10": hits, "MRR@10": retrieval_measures(ids, self.relevance)["MRR@10"]}


def rotated(judge: Judge) -> tuple[np.ndarray, np.ndarray]:
    """Sentences and questions along the principal axes of the sentences, all of them, uncentered."""
    axes = PrincipalComponents(judge.base.shape[1], judge.base.shape[1]).fit(judge.base, 0).matrix_
    return judge.base @ axes, judge.queries @ axes


def prefix(vectors: np.ndarray, width: int) -> np.ndarray:
    kept = vectors[:, :width]
    return np.ascontiguousarray(kept / np.linalg.norm(kept, axis=1, keepdims=True))


def adaptor(vectors: np.ndarray, near: np.ndarray, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """The map, trained on ``vectors`` (n, dim) of length 1; ``near`` (n, NEIGHBORS) each one's nearest, and itself."""
    import torch
    from torch.nn import functional as nn

    generator, rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    dim = vectors.shape[1]
    inner = (torch.randn(dim, HIDDEN, generator=generator) * np.sqrt(2 / dim)).requires_grad_()
    outer, bias = torch.zeros(HIDDEN, dim, requires_grad=True), torch.zeros(HIDDEN, requires_grad=True)

    def mapped(rows: Any) -> Any:
        return rows + nn.gelu(rows @ inner + bias) @ outer

    optimizer = torch.optim.Adam([inner, outer, bias], RATE)
    falling = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, STEPS, pct_start=0.1)
    block = torch.kron(torch.eye(ANCHORS), torch.ones(NEIGHBORS, NEIGHBORS)) - torch.eye(ANCHORS * NEIGHBORS)
    for _ in range(STEPS):
        rows = torch.tensor(vectors[near[rng.choice(len(vectors), ANCHORS, replace=False)].ravel()])
        own, products = mapped(rows), rows @ rows.T
        loss = (own - rows).abs().sum(dim=1).mean() / dim
        for width in (*WIDTHS, dim):
            kept = nn.normalize(own[:, :width])
            off = (kept @ kept.T - products).abs()
            loss = loss + (off * block).sum() / block.sum() + off.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        falling.step()

    def to_numpy(every: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return torch.cat([mapped(torch.tensor(each)) for each in np.array_split(every, 16)]).numpy()

    return to_numpy


def measure(way: str, seed: int, judge: Judge) -> None:
    """All widths of a way, into its file."""
    print(f"{time.strftime('%H:%M:%S')} {way} {seed}", flush=True)
    base, queries = (judge.base, judge.queries) if way in (TRUNCATED, ADAPTED, LEANVEC) else rotated(judge)
    started = time.process_time()
    if way in TRAINED:
        mapped = adaptor(base, judge.beside, seed)
        base, queries = mapped(base), mapped(queries)
    arrays = {"seconds": np.array(time.process_time() - started if way in TRAINED else 0.0)}
    for width in WIDTHS:
        if way == LEANVEC:
            codec = methods.create(way, dim=base.shape[1], budget=f"{width + 4}B", levels="8", out_dim=width)
            measured = judge.found(codec, base, queries)
        else:
            codec = methods.create("int8", dim=width, budget=f"{width}B")
            measured = judge.found(codec, prefix(base, width), prefix(queries, width))
        arrays |= {f"{width} {name}": values for name, values in measured.items()}
        arrays[f"{width} bytes"] = np.array(codec.code_size)
    with written_whole(file_of(way, seed)) as stream:
        np.savez(stream, allow_pickle=False, **arrays)


def file_of(way: str, seed: int) -> Path:
    return writable_folder(datasets.cache_dir() / "adaptors") / f"{way.replace(', ', '-')}-{seed}.npz"


def runs_of(way: str) -> list[Found]:
    files = [file_of(way, seed) for seed in (SEEDS if way in TRAINED else SEEDS[:1])]
    return [dict(np.load(file, allow_pickle=False)) for file in files if file.exists()]


def lines() -> list[dict[str, str]]:
    """A line for each way, width and measure, beside principal components of the same width; Holm within a measure."""
    made = []
    runs = {way: runs_of(way) for way in WAYS}
    for way, width, measure in ((way, width, measure) for measure in MEASURES for width in WIDTHS for way in WAYS):
        if not runs[way] or not runs[PCA]:
            continue
        own = np.array([run[f"{width} {measure}"] for run in runs[way]])
        test = paired_difference(own, np.broadcast_to(runs[PCA][0][f"{width} {measure}"], own.shape))
        numbers = (own.mean(), test.value, test.low, test.high, test.p, np.nan)
        size, seconds = int(runs[way][0][f"{width} bytes"]), np.mean([float(run["seconds"]) for run in runs[way]])
        cells = [way, width, size, len(own), measure, *(f"{number:.5f}" for number in numbers), f"{seconds:.0f}"]
        made.append({field: str(cell) for field, cell in zip(FIELDS, cells, strict=True)})
    for measure in MEASURES:
        same = [line for line in made if line["measure"] == measure and line["way"] != PCA]
        for line, p in zip(same, holm([float(line["p"]) for line in same])):
            line["p_holm"] = f"{p:.5f}"
    return made


def shown(made: list[dict[str, str]]) -> list[str]:
    """The table: a line a width, a column a way; "+" and "-" are above and below principal components at 5%."""
    ways = [way for way in WAYS if any(line["way"] == way for line in made)]
    rows = [f"| dimensions | measure | {' | '.join(f'`{way}`' for way in ways)} |", "|---:|---|" + "---:|" * len(ways)]
    of = {(line["way"], line["dimensions"], line["measure"]): line for line in made}
    for width in dict.fromkeys(line["dimensions"] for line in made):
        for measure in MEASURES:
            cells = []
            for line in (of[way, width, measure] for way in ways):
                differs = line["way"] != PCA and float(line["p_holm"]) < 0.05
                sign = ("+" if float(line["beside_pca"]) > 0 else "-") if differs else ""
                cells.append(f"{float(line['value']):.3f}{sign}")
            rows.append(f"| {width} | {measure} | {' | '.join(cells)} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", action="store_true", help="measure what adaptors.csv lacks")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no measurement after so many")
    options, started = parser.parse_args(), time.monotonic()
    if options.measure:
        import torch

        torch.set_num_threads(1)
        judge = Judge()
        for seed, way in ((seed, way) for seed in SEEDS for way in WAYS if seed == SEEDS[0] or way in TRAINED):
            if not file_of(way, seed).exists() and time.monotonic() - started < options.seconds:
                measure(way, seed, judge)
        write_csv(TABLE, FIELDS, lines())
    else:
        from quotes import ROOT, put

        with TABLE.open(newline="") as file:
            put(ROOT / "docs" / "layers.md", "adaptors", shown(list(csv.DictReader(file))))


if __name__ == "__main__":
    main()
