"""Makes ``bench/recommend/prior.json``: what `python -m bench.recommend` knows of methods before it measures them.

    python results/scripts/prior.py

From the packed records beside it; ``make publish`` runs it, and with it ``set_prior.py``. A line is a method (by its
name alone) at a budget on a data set, with the columns that the file names: recalls, and ns of a vector and dimension
for fitting and encoding.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean
from typing import Any

import set_prior
from quotes import PUBLISHED, ROOT

from bench import records
from bench.files import write_whole
from bench.recommend import prior
from bench.records import Record

FILE = ROOT / "bench" / "recommend" / prior.FILE
LEAST_METHODS = 5  # at a budget: what one keeps less than the best says nothing where there are few


def main() -> None:
    write_whole(FILE, text_of(sorted(PUBLISHED.glob("*.parquet"))))
    set_prior.main()


def text_of(packs: Iterable[Path]) -> str:
    """The file's text: of every pack its checksum, and the data set unless it has too few methods."""
    sums, sets = [], []
    for pack in packs:
        sums.append(f"  {json.dumps(pack.name)}: {json.dumps(records.file_sha256(pack))}")
        plain = [record for record, _ in records.newest_versions(records.locate([pack])) if is_plain(record)]
        if codes := codes_of(plain):
            sets.append(_text_of_set(_named(plain), codes))
    head = f'{{\n "columns": {json.dumps(prior.COLUMNS)},\n "packs": {{\n'
    return head + ",\n".join(sums) + '\n },\n "sets": [\n' + ",\n".join(sets) + "\n ]\n}\n"


def is_plain(record: Record) -> bool:
    """Whether it is of a method's own codes of single vectors and nothing finer, and was measured."""
    own = record.method.full_name == record.method.name and not record.config.get("rescore")
    return record.status == "ok" and record.dataset.track == "dense" and own


def codes_of(measured: Iterable[Record]) -> dict[int, dict[str, list[float]]]:
    """Budget in bytes -> method -> the file's columns, means over seeds."""
    groups: dict[int, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in measured:
        groups[record.budget.bytes][record.method.name].append(record)
    return {
        size: {name: _columns(group) for name, group in sorted(methods.items())}
        for size, methods in sorted(groups.items())
        if len(methods) >= LEAST_METHODS
    }


def _columns(group: list[Record]) -> list[float]:
    recalls = [fmean(record.quality[f"recall@{k}"].value for record in group) for k in (1, 10, 100)]
    fits = [record.seconds["fit"] / (record.dataset.n_train * record.dataset.dim) for record in group]
    encodings = [record.seconds["encode"] / (record.dataset.n * record.dataset.dim) for record in group]
    return [round(value, 4) for value in recalls] + [float(f"{1e9 * fmean(each):.2g}") for each in (fits, encodings)]


def _named(measured: list[Record]) -> dict[str, Any]:
    """What the data set is called and is like."""
    data = measured[0].dataset
    diagnosis = next(record.diagnosis for record in measured if record.diagnosis is not None)
    traits = prior.traits_of(diagnosis, data.dim, data.metric)
    described = {"dim": data.dim, "metric": data.metric, "compared": traits.compared, "kinds": sorted(traits.kinds)}
    return {"name": data.name, "n": data.n, **described}


def _text_of_set(named: dict[str, Any], codes: dict[int, dict[str, list[float]]]) -> str:
    """A set as JSON with a line for each method at a budget, so that a change shows."""
    sizes = []
    for size, methods in codes.items():
        lines = ",\n".join(f"    {json.dumps(name)}: {json.dumps(row)}" for name, row in methods.items())
        sizes.append(f'   "{size}": {{\n{lines}\n   }}')
    return f'  {json.dumps(named)[:-1]}, "codes": {{\n' + ",\n".join(sizes) + "\n  }}"


if __name__ == "__main__":
    main()
