"""Measures searches of token codes in turns: those that are scanned, the same codes decoded, and ColBERTv2's residuals.

    OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 python results/scripts/token_scans.py WORK_DIR

On ``squad-tokens-128``, which has to be built. Codes are kept in WORK_DIR, so that it goes on where it was stopped.
Writes ``results/tokens/scans.csv``, a line a way of searching; ``tokens.py`` makes the table of docs/multivector.md.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from quotes import ROOT

from bench import datasets
from bench.files import write_whole
from methods import registry
from methods.multivector import Codes, MultiVectorCodec, Ragged, SetSearcher
from methods.multivector.colbert_residual import ColbertResidual
from methods.multivector.token_store import DecodingSetSearcher, TokenStoreCodec

FILE = ROOT / "results" / "tokens" / "scans.csv"
FIELDS = ("codes", "search", "bytes", "p50 ms", "least ms", "recall@10", "same ids", "turns", "load")
QUERIES, TURNS, K, SEED = 200, 25, 10, 0
BUDGETS = {"5120B": 5120, "5611B": 5611}  # bytes of a document
CODECS: dict[str, tuple[str, dict[str, Any]]] = {
    "trellis": ("5120B", {}),
    "rq_trellis": ("5611B", {"state_bits": 10}),
    "transform_coding": ("5120B", {}),
    "saq": ("5120B", {}),
    "pq": ("5120B", {}),
}
CANDIDATES = (0, 2, 4, 8, 16)  # of colbert_residual; 0 decodes all


def main(work: Path) -> None:
    data = datasets.load("squad-tokens-128", max_queries=QUERIES)
    queries = Ragged(data.queries.floats(), data.queries.offsets)
    truth = datasets.ground_truth(data, K).ids[:, :K]
    searchers: dict[tuple[str, str], SetSearcher] = {}
    for name in (*CODECS, "colbert_residual"):
        for way, searcher in ways_of(name, data.base, work).items():
            searchers[name, way] = searcher
            searcher.search(queries[:1], K)
    milliseconds: dict[tuple[str, str], list[float]] = {way: [] for way in searchers}
    for turn in range(TURNS):
        for way, searcher in searchers.items():
            start = time.perf_counter()
            searcher.search(queries[turn : turn + 1], K)
            milliseconds[way].append(1e3 * (time.perf_counter() - start))
    lines = [",".join(FIELDS)]
    ids = {way: searcher.search(queries, K)[1] for way, searcher in searchers.items()}
    for (name, way), searcher in searchers.items():
        taken, results = milliseconds[name, way], ids[name, way]
        size = int(np.ceil((searcher.nbytes - searcher.padding) / len(data.base)))
        times = f"{np.median(taken):.1f},{min(taken):.1f}"
        kept = f"{shared(results, truth):.4f},{shared(results, ids[name, 'decoded']):.4f}"
        lines.append(f"{name},{way},{size},{times},{kept},{TURNS},{os.getloadavg()[0]:.1f}")
    write_whole(FILE, "\n".join(lines) + "\n")


def ways_of(name: str, base: Ragged, work: Path) -> dict[str, SetSearcher]:
    """Searchers over the same codes."""
    if name == "colbert_residual":
        residual: ColbertResidual = registry.configured(ColbertResidual, base.dim, BUDGETS["5611B"], base.lengths)
        codes = coded(residual, base, work / f"{name}.npz")
        searchers: dict[str, SetSearcher] = {}
        for candidates in CANDIDATES:
            other = ColbertResidual.from_parts({**residual.params(), "candidates": candidates}, residual.parts())
            searchers[f"{candidates} candidates a result" if candidates else "decoded"] = other.searcher(codes)
        return searchers
    budget, params = CODECS[name]
    cls = registry.get("token_codec", "multivector")
    codec: TokenStoreCodec = registry.configured(
        cls, base.dim, BUDGETS[budget], base.lengths, codec=name, codec_params=params
    )
    codes = coded(codec, base, work / f"{name}.npz")
    return {
        "decoded": DecodingSetSearcher(codec, codes, codec.codec_.code_size),
        "by a kernel": codec.searcher(codes),
    }


def coded(codec: MultiVectorCodec, base: Ragged, kept: Path) -> Codes:
    """Fits the codec, and the codes of all documents; both from the file ``kept`` where it is there."""
    if not kept.exists():
        codes = codec.fit(base, SEED).encode(base)
        np.savez(kept, data=codes.data, offsets=codes.offsets, **{f"parts/{k}": v for k, v in codec.parts().items()})
        print(f"{kept} is made", file=sys.stderr)
    with np.load(kept, allow_pickle=False) as stored:
        parts = {key.removeprefix("parts/"): stored[key] for key in stored.files if key.startswith("parts/")}
        fitted = type(codec).from_parts(codec.params(), parts)
        codec.__dict__.update(fitted.__dict__)
        return Codes(stored["data"], stored["offsets"], codec.fixed)


def shared(ids: np.ndarray, others: np.ndarray) -> float:
    """The share of ``others`` (nq, k) that is among ``ids`` (nq, k)."""
    return float(np.mean([np.isin(other, row).mean() for row, other in zip(ids, others)]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
