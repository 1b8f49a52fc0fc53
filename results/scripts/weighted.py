"""Measures ``query_weighted`` and ``base_weighted`` on all questions of ``squad-sentences``.

    python results/scripts/weighted.py [--seconds 500] [--codecs transform_coding trellis rq_trellis]

It goes on where it stopped. What each question found stays in the cache folder ``weighted``; from that comes
``results/trained/weighted.csv``, a line for each method and seed beside the same codec without. ``trained.py`` writes
the page.
"""

from __future__ import annotations

import argparse
import itertools
import time
from pathlib import Path
from typing import Any

import numpy as np
from bidr_steps import data, judged_rows, per_question, search

import methods
from bench import datasets
from bench.datasets.cache import writable_folder, written_whole
from bench.files import write_csv
from bench.measure.statistics import holm, paired_difference
from methods import TrainingQueries, registry

TABLE = Path(__file__).parents[1] / "trained" / "weighted.csv"
CODECS = ("transform_coding", "trellis", "rq_trellis")
BUDGETS = (48, 24, 96)
PLAIN = "plain"
RIDGE_OF = dict.fromkeys(("trellis", "rq_trellis"), "transform_coding")  # slow to fit for every ridge; on the same axes
SEEDS = {PLAIN: (0, 1, 2), "query_weighted": (0, 1, 2), "base_weighted": (0, 1, 2)}
MEASURES = ("recall@10", "MRR@10", "R@100")
FIELDS = [
    *("codec", "bytes", "method", "measure", "seed", "value", "plain", "gain", "low", "high", "p", "p_holm"),
    *("ridge", "seconds", "plain_seconds"),
]


def file_of(method: str, codec: str, budget: int, seed: int) -> Path:
    version = "" if method == PLAIN else registry.get(method).version
    return writable_folder(datasets.cache_dir() / "weighted") / f"{codec}-{budget}-{method}{version}-{seed}.npz"


def measure(method: str, codec: str, budget: int, seed: int) -> None:
    """Fit on all sentences, encode them, and keep where each question's answer and neighbors are."""
    every, started = data(), time.process_time()
    print(f"{time.strftime('%H:%M:%S')} {method} {codec} {budget} {seed}", flush=True)
    options = {"dim": every.base.shape[1], "budget": f"{budget}B"}
    fitted: Any
    if method == PLAIN:
        fitted = methods.create(codec, **options).fit(every.base, seed)
    elif method == "base_weighted":
        fitted = methods.create(method, **options, codec=codec).fit(every.base, seed)
    else:
        vectors = np.concatenate([every.learned.vectors, every.judged.vectors])
        log = TrainingQueries(vectors, validation=np.arange(len(every.learned.vectors), len(vectors)))
        ridge = None
        if codec in RIDGE_OF:
            with np.load(file_of(method, RIDGE_OF[codec], budget, seed), allow_pickle=False) as arrays:
                ridge = float(arrays["ridge"])
        fitted = methods.create(method, **options, codec=codec, ridge=ridge).fit(every.base, seed, log)
    seconds = time.process_time() - started
    decoded = fitted.decode(fitted.encode(every.base))
    arrays = judged_rows(search(decoded, every.test.vectors, 100)[1], every)
    arrays |= {"ridge": np.array(1.0 if method == PLAIN else fitted.transform_.ridge)}
    arrays |= {"seconds": np.array(seconds)}
    with written_whole(file_of(method, codec, budget, seed)) as stream:
        np.savez(stream, allow_pickle=False, **arrays)


def table() -> list[dict[str, object]]:
    """A line for each method, codec, budget, seed and measure; Holm's correction among all lines of a measure.

    Seeds stand apart: each chooses its own ridge, and a mean of them would hide what a choice costs.
    """
    lines: list[dict[str, object]] = []
    for method, codec, budget in itertools.product(SEEDS, CODECS, BUDGETS):
        if method == PLAIN:
            continue
        weighted, plain = (read(name, codec, budget) for name in (method, PLAIN))
        for seed, measure in itertools.product([seed for seed in weighted if seed in plain], MEASURES):
            pair = weighted[seed], plain[seed]
            own, without = (per_question(run)[measure] for run in pair)
            test = paired_difference(own, without)
            numbers = (own.mean(), without.mean(), test.value, test.low, test.high, test.p, np.nan)
            seconds = [f"{float(run['seconds']):.0f}" for run in pair]
            row = [codec, budget, method, measure, seed, *(f"{number:.5f}" for number in numbers)]
            row += [f"{float(pair[0]['ridge']):g}", *seconds]
            lines.append(dict(zip(FIELDS, row, strict=True)))
    for measure in MEASURES:
        same = [line for line in lines if line["measure"] == measure]
        for line, p in zip(same, holm([float(str(line["p"])) for line in same])):
            line["p_holm"] = f"{p:.5f}"
    return lines


def read(method: str, codec: str, budget: int) -> dict[int, dict[str, np.ndarray]]:
    """The runs that there are, by seed."""
    runs = {}
    for seed in SEEDS[method]:
        file = file_of(method, codec, budget, seed)
        if file.exists():
            with np.load(file, allow_pickle=False) as arrays:
                runs[seed] = dict(arrays)
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no measurement after so many")
    parser.add_argument("--codecs", nargs="*", default=CODECS, choices=CODECS)
    parser.add_argument("--budgets", nargs="*", type=int, default=BUDGETS, choices=BUDGETS)
    parser.add_argument("--methods", nargs="*", default=list(SEEDS), choices=list(SEEDS))
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    options, started = parser.parse_args(), time.monotonic()
    for seed, codec, budget, method in itertools.product(
        options.seeds, options.codecs, options.budgets, options.methods
    ):
        if seed not in SEEDS[method] or file_of(method, codec, budget, seed).exists():
            continue
        if time.monotonic() - started > options.seconds:
            break
        measure(method, codec, budget, seed)
    write_csv(TABLE, FIELDS, table())


if __name__ == "__main__":
    main()
