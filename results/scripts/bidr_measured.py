"""Measures BiDR and its controls on all questions of ``squad-sentences``, step by step.

    python results/scripts/bidr_measured.py [--seconds 500]   # goes on where it stopped

What is trained, and the lists that codes return, stay in the cache folder ``bidr``; from the measured rows come
``results/trained/bidr.csv`` (values), ``bidr_tests.csv`` (pairs), ``bidr_seeds.csv`` (pairs of other seeds, which
``--seed 1 --first 5`` measures), ``bidr_costs.csv`` (seconds of training) and ``bidr_tried.csv`` (settings, by
validation questions alone). ``trained.py`` writes the page.
"""

from __future__ import annotations

import argparse
import csv
import functools
import itertools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bidr_steps import (
    ALONE,
    BUDGETS,
    CHOSEN,
    CONTROL,
    EXACT,
    MEASURES,
    OPQ,
    ORIGINALS,
    ROWS,
    STAGE_1,
    TRIED,
    TRIED_CODES,
    WAYS,
    data,
    file_of,
    judged_codes,
    lists,
    measured,
    of_seed,
    per_question,
    trained_codes,
    trained_maps,
)

from bench.measure.statistics import bootstrap_means, holm, paired_difference

NUMBERS = ("value", "control", "gain", "low", "high", "p")
SEEDS = (0, 1, 2)
BOTH_STAGES = ("labels", "snowball")
IN_BATCH = ("labels", "ann_in_batch")  # the better of the two ways without a walk
TRAINED = Path(__file__).parents[1] / "trained"


def tables() -> None:
    """All CSV files, from the rows that are measured."""
    of_seed(0)
    values, tests, costs, apart = [], [], [], []
    for budget in BUDGETS:
        names = [(EXACT, EXACT), *ROWS]
        there = [row for row in names if file_of(f"row-{budget}-{row[0]}-{row[1]}.npz").exists()]
        questions = {row: per_question(measured(budget, *row)) for row in there}
        for (codes, disk), measures in questions.items():
            for measure, interval in bootstrap_means(measures).items():
                numbers = [f"{number:.5f}" for number in (interval.value, interval.low, interval.high)]
                values.append([budget, codes, disk, measure, *numbers])
        tests += tested(budget, questions)
        apart += by_answer(budget, questions)
        for codes in STAGE_1:
            if file_of(f"codes-{budget}-{codes}.npz").exists():
                costs.append([budget, codes, "", f"{float(trained_codes(budget, codes)['seconds']):.0f}", "", ""])
        for codes, disk in there:
            if file_of(f"maps-{budget}-{codes}-{disk}.npz").exists():
                maps = trained_maps(budget, codes, disk, CHOSEN)
                epochs = json.dumps([round(float(score), 4) for score in maps["epochs"]])
                costs.append([budget, codes, disk, f"{float(maps['seconds']):.0f}", epochs, float(maps["weight"])])
    write("bidr", ["bytes", "codes", "disk", "measure", "value", "low", "high"], values)
    write("bidr_tests", ["bytes", "codes", "disk", "beside", "measure", "gain", "low", "high", "p", "p_holm"], tests)
    write("bidr_answers", ["bytes", "codes", "disk", "seen", "questions", "measure", *NUMBERS], apart)
    write("bidr_costs", ["bytes", "codes", "disk", "seconds", "epochs", "weight"], costs)
    write("bidr_seeds", ["bytes", "seed", "codes", "disk", "beside", "measure", "value", *NUMBERS[1:]], by_seed())
    write("bidr_tried", ["stage", "setting", "MRR@10", "R@100", "epochs"], tried_lines())


Questioned = dict[tuple[str, str], dict[str, np.ndarray]]


def tested(budget: int, questions: Questioned) -> list[list[Any]]:
    """Rows beside the control, codes alone beside OPQ's, batches beside ANN's; Holm's correction within each."""
    lines = []
    beside = {CONTROL: [row for row in questions if row != CONTROL and row[1] not in (ALONE, EXACT)]}
    beside[OPQ, ALONE] = [row for row in questions if row[1] == ALONE and row[0] != OPQ]
    ways = [("labels", way) for way in WAYS if ("labels", way) != IN_BATCH]
    beside[IN_BATCH] = [row for row in ways if row in questions]
    for other, rows in beside.items():
        if other not in questions:
            continue
        for measure in MEASURES:
            pairs = [paired_difference(questions[row][measure], questions[other][measure]) for row in rows]
            for (codes, disk), pair, p in zip(rows, pairs, holm([pair.p for pair in pairs])):
                numbers = [f"{number:.5f}" for number in (pair.value, pair.low, pair.high, pair.p, p)]
                lines.append([budget, codes, disk, " + ".join(other), measure, *numbers])
    return lines


def by_answer(budget: int, questions: Questioned) -> list[list[Any]]:
    """Beside the control, of questions whose answer a training question has too, and of the others."""
    lines: list[list[Any]] = []
    if CONTROL not in questions:
        return lines
    known = np.isin(data().test.answers, data().learned.answers)
    for row in [row for row in questions if row != CONTROL and row[1] not in (ALONE, EXACT)]:
        for name, which in (("yes", known), ("no", ~known)):
            for measure in MEASURES:
                own, control = (questions[each][measure][which] for each in (row, CONTROL))
                pair = paired_difference(own, control)
                numbers = (own.mean(), control.mean(), pair.value, pair.low, pair.high, pair.p)
                shown = [f"{number:.5f}" for number in numbers]
                lines.append([budget, *row, name, int(which.sum()), measure, *shown])
    return lines


def by_seed() -> list[list[Any]]:
    """Of every seed, codes beside OPQ's where both are alone, and both stages beside the control; p is of one test."""
    lines: list[list[Any]] = []
    for budget, number in itertools.product(BUDGETS, SEEDS):
        of_seed(number)
        for own, control in ((("labels", ALONE), (OPQ, ALONE)), (BOTH_STAGES, CONTROL)):
            if not all(file_of(f"row-{budget}-{codes}-{disk}.npz").exists() for codes, disk in (own, control)):
                continue
            values, beside = (per_question(measured(budget, *row)) for row in (own, control))
            for measure in MEASURES:
                pair = paired_difference(values[measure], beside[measure])
                means = (values[measure].mean(), beside[measure].mean())
                numbers = [f"{each:.5f}" for each in (*means, pair.value, pair.low, pair.high, pair.p)]
                lines.append([budget, number, *own, " + ".join(control), measure, *numbers])
    of_seed(0)
    return lines


def tried_lines() -> list[list[Any]]:
    """Settings of both trainings, by validation questions."""
    lines = []
    for name in ["", *TRIED_CODES]:
        if file_of(f"judged-24-labels{name}.npz").exists():
            rank = judged_codes(24, "labels", name)["rank"]
            mrr = np.where((rank > 0) & (rank <= 10), 1 / np.maximum(rank, 1), 0).mean()
            lines.append(["1", name, f"{mrr:.4f}", f"{(rank > 0).mean():.4f}", ""])
    for name in ["", *TRIED]:
        if (file := file_of(f"maps-24-labels-snowball{name}.npz")).exists():
            with np.load(file) as maps:
                epochs = [round(float(score), 4) for score in maps["epochs"]]
            lines.append(["2", name, f"{max(epochs):.4f}", "", json.dumps(epochs)])
    return lines


def write(name: str, fields: Sequence[str], lines: Sequence[Sequence[Any]]) -> None:
    with (TRAINED / f"{name}.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(fields)
        writer.writerows(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no step after so many")
    parser.add_argument("--first", type=int, default=len(ROWS), help="so many rows of each budget")
    parser.add_argument("--tried", nargs="*", default=[], choices=list(TRIED), help="settings of the second training")
    parser.add_argument("--codes", nargs="*", default=[], choices=list(TRIED_CODES), help="settings of the first")
    parser.add_argument("--budgets", nargs="*", type=int, default=BUDGETS, choices=BUDGETS)
    parser.add_argument("--seed", type=int, default=0, choices=SEEDS)
    options, started = parser.parse_args(), time.monotonic()
    torch.set_num_threads(1)
    of_seed(options.seed)
    steps: list[Callable[[], object]] = []
    for setting in options.tried:
        recipe = replace(CHOSEN, **TRIED[setting])
        steps.append(functools.partial(trained_maps, 24, "labels", "snowball", recipe, setting))
    if options.codes:
        steps += [functools.partial(judged_codes, 24, "labels", setting) for setting in ["", *options.codes]]
    for budget in options.budgets:
        steps.append(functools.partial(measured, budget, EXACT, EXACT))
        for codes, disk in ROWS[: options.first]:
            if codes in STAGE_1:
                steps.append(functools.partial(trained_codes, budget, codes))
            steps.append(functools.partial(lists, budget, codes))
            if disk not in (ALONE, ORIGINALS):
                steps.append(functools.partial(trained_maps, budget, codes, disk, CHOSEN))
            steps.append(functools.partial(measured, budget, codes, disk))
    for step in steps:
        if time.monotonic() - started > options.seconds:
            break
        step()
    tables()


if __name__ == "__main__":
    main()
