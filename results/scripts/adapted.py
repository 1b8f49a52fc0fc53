"""Measures ``query_adapted`` on all questions of ``squad-sentences``: a map of queries in front of codes as they are.

    python results/scripts/adapted.py [--seconds 200] [--codecs opq trellis] [--losses answers] [--seeds 0]

It goes on where it stopped. What each question found stays in the cache folder ``adapted``; from that comes
``results/trained/adapted.csv``, a line for each loss and seed beside the same codes without. ``trained.py`` writes the
page.
"""

from __future__ import annotations

import argparse
import itertools
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bidr_steps import data, judged_rows, per_question, search

import methods
from bench import datasets
from bench.datasets.cache import writable_folder, written_whole
from bench.files import write_csv
from bench.measure.statistics import holm, paired_difference
from methods import TrainingQueries, registry

TABLE = Path(__file__).parents[1] / "trained" / "adapted.csv"
METHOD, PLAIN = "query_adapted", "plain"
SIZES = {
    "float32": (1_536,),
    "transform_coding": (48, 24),
    "opq": (48, 24),
    "trellis": (48, 24),
    "rq_trellis": (48, 24),
}
LOSSES = ("answers", "neighbors")
SEEDS = (0, 1)
MEASURES = ("MRR@10", "R@100", "recall@10")
FIELDS = [
    *("codec", "bytes", "loss", "hidden", "measure", "seed", "value", "plain", "gain", "low", "high", "p", "p_holm"),
    *("seconds", "parts_mb"),
]


def file_of(loss: str, hidden: int, codec: str, size: int, seed: int) -> Path:
    name = PLAIN if loss == PLAIN else f"{loss}-{hidden}-{registry.get(METHOD).version}"
    return writable_folder(datasets.cache_dir() / "adapted") / f"{codec}-{size}-{name}-{seed}.npz"


def measure(loss: str, hidden: int, codec: str, size: int, seed: int) -> None:
    """Fit on all sentences and questions, and keep where each test question's answer and neighbors are."""
    every, started = data(), time.process_time()
    print(f"{time.strftime('%H:%M:%S')} {loss} {hidden} {codec} {size} {seed}", flush=True)
    answers = np.concatenate([every.learned.answers, every.judged.answers])
    vectors = np.concatenate([every.learned.vectors, every.judged.vectors])
    log = TrainingQueries(vectors, answers, np.arange(len(every.learned.vectors), len(vectors)))
    fitted: Any = methods.create(
        METHOD, dim=every.base.shape[1], budget=f"{size}B", codec=codec, loss=loss, hidden=hidden
    )
    fitted.fit(every.base, seed, log)
    seconds = time.process_time() - started
    decoded = fitted.decode(fitted.encode(every.base))
    queries = fitted.transform_.transform_queries(every.test.vectors, fitted.metric)
    parts = sum(array.nbytes for name, array in fitted.parts().items() if name.startswith("transform."))
    costs = {"seconds": np.array(seconds), "parts": np.array(parts)}
    keep(file_of(loss, hidden, codec, size, seed), costs | judged_rows(search(decoded, queries, 100)[1], every))
    if not file_of(PLAIN, 0, codec, size, seed).exists():  # the codes are the same
        measure_plain(decoded, codec, size, seed)


def measure_plain(decoded: np.ndarray | None, codec: str, size: int, seed: int) -> None:
    """As :func:`measure`, with queries as they are; the codec is fitted where ``decoded`` is None."""
    every = data()
    if decoded is None:
        fitted = methods.create(codec, dim=every.base.shape[1], budget=f"{size}B").fit(every.base, seed)
        decoded = fitted.decode(fitted.encode(every.base))
    keep(file_of(PLAIN, 0, codec, size, seed), judged_rows(search(decoded, every.test.vectors, 100)[1], every))


def keep(file: Path, arrays: dict[str, np.ndarray]) -> None:
    with written_whole(file) as stream:
        np.savez(stream, allow_pickle=False, **arrays)


def read(file: Path) -> dict[str, np.ndarray]:
    with np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def table() -> list[dict[str, object]]:
    """A line for each codec, size, loss, width and seed; Holm's correction among all lines of a measure."""
    lines: list[dict[str, object]] = []
    for codec, loss, hidden, seed in itertools.product(SIZES, LOSSES, (0, 384), SEEDS):
        for size in SIZES[codec]:
            file = file_of(loss, hidden, codec, size, seed)
            if not file.exists():
                continue
            run, without = read(file), read(file_of(PLAIN, 0, codec, size, seed))
            for name in MEASURES:
                own, plain = (per_question(each)[name] for each in (run, without))
                test = paired_difference(own, plain)
                numbers = (own.mean(), plain.mean(), test.value, test.low, test.high, test.p, np.nan)
                row = [codec, size, loss, hidden, name, seed, *(f"{number:.5f}" for number in numbers)]
                row += [f"{float(run['seconds']):.0f}", f"{float(run['parts']) / 1e6:.2f}"]
                lines.append(dict(zip(FIELDS, row, strict=True)))
    for name in MEASURES:
        same = [line for line in lines if line["measure"] == name]
        for line, p in zip(same, holm([float(str(line["p"])) for line in same])):
            line["p_holm"] = f"{p:.5f}"
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no measurement after so many")
    parser.add_argument("--codecs", nargs="*", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--sizes", nargs="*", type=int, default=[48, 24, 1_536])
    parser.add_argument("--losses", nargs="*", default=LOSSES, choices=LOSSES)
    parser.add_argument("--hidden", nargs="*", type=int, default=[0])
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    options, started = parser.parse_args(), time.monotonic()
    torch.set_num_threads(1)
    settings = itertools.product(options.seeds, options.losses, options.hidden, options.codecs, options.sizes)
    for seed, loss, hidden, codec, size in settings:
        if size not in SIZES[codec]:
            continue
        if file_of(loss, hidden, codec, size, seed).exists():
            if not file_of(PLAIN, 0, codec, size, seed).exists():  # it was stopped between the two
                measure_plain(None, codec, size, seed)
            continue
        if time.monotonic() - started > options.seconds:
            break
        measure(loss, hidden, codec, size, seed)
    write_csv(TABLE, FIELDS, table())


if __name__ == "__main__":
    main()
