"""Writes the tables of ``docs/trained.md``: methods that learned from queries beside the same without.

    python results/scripts/trained.py

From the packed records in ``results/trained``, and the tables beside them that ``weighted.py`` and
``bidr_measured.py`` measure; ``make publish`` runs it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench import records
from bench.measure.statistics import Interval, holm, paired_difference
from bench.records import Record
from methods import registry

ROOT = Path(__file__).parents[2]
TRAINED, PAGE = ROOT / "results" / "trained", ROOT / "docs" / "trained.md"
PLAIN = {"distill_pq": "opq"}  # of other methods it is the codec behind the map
CODECS = ("transform_coding", "trellis", "rq_trellis")  # from plain to elaborate
CONTROL = "opq + originals"  # what BiDR's rows stand beside
ON_DISK = {"none": "", "originals": "as they are", "exact": "as they are, all of them"}


def sections() -> dict[str, list[str]]:
    """The lines of every table of the page, by its name there."""
    measured = [record for record in records.find([TRAINED]) if record.status == "ok"]
    distilled = [record for record in measured if record.method.name in PLAIN]
    made = {
        "weighted": weighted(read("weighted")),
        "adapted": adapted(read("adapted")),
        "distilled": table(distilled, measured),
        "bidr": bidr(read("bidr"), read("bidr_tests")),
        "bidr batches": batches(read("bidr"), read("bidr_tests")),
        "bidr seeds": seeds(read("bidr_seeds")),
        "bidr served": served(read("bidr_records")),
        "bidr answers": answers(read("bidr_answers")),
        "bidr tried": tried(read("bidr_tried")),
        "bidr costs": costs(read("bidr_costs")),
    }
    return {name: list(lines) for name, lines in made.items()}


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for section, made in sections().items():
        lines = "\n".join(made)
        first, last = f"<!-- {section} -->\n", f"\n<!-- end of {section} -->"
        if (text.count(first), text.count(last)) != (1, 1):
            raise SystemExit(f"{PAGE} has {text.count(first)} places for {section}; it needs one")
        before, rest = text.split(first)
        text = before + first + lines + last + rest.split(last)[1]
    PAGE.write_text(text, encoding="utf-8")


def read(name: str) -> list[dict[str, str]]:
    """The lines of ``results/trained/NAME.csv``."""
    with (TRAINED / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def weighted(lines: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """A line for each codec, method and budget: recall and MRR beside the codec without the map."""
    columns = "codec", "bytes", "map", "seed", "ridge", "recall@10", "without", "gain", "p", "MRR@10 gain", "p"
    yield f"| {' | '.join([*columns, 'fit s', 'without'])} |"
    yield "|---|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    of_mrr = {place(line): line for line in lines if line["measure"] == "MRR@10"}
    for line in sorted(
        lines, key=lambda line: (line["method"], CODECS.index(line["codec"]), -int(line["bytes"]), line["seed"])
    ):
        if line["measure"] != "recall@10":
            continue
        mrr = of_mrr[place(line)]
        cells = [f"`{line['codec']}`", line["bytes"], f"`{line['method']}`", line["seed"], line["ridge"]]
        cells += [f"{float(line['value']):.3f}", f"{float(line['plain']):.3f}", gain(line), chance(line["p_holm"])]
        cells += [gain(mrr), chance(mrr["p_holm"]), line["seconds"], line["plain_seconds"]]
        yield f"| {' | '.join(cells)} |"


def place(line: Mapping[str, str]) -> tuple[str, ...]:
    return line["codec"], line["bytes"], line["method"], line["seed"]


def adapted(lines: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """A line for each codec, size and loss: MRR and recall beside the same codes with queries as they are."""
    heads = "codec", "bytes", "loss", "map", "seed"
    measures = "MRR@10", "R@100", "recall@10"
    yield f"| {' | '.join(heads)} | {' | '.join(f'{measure} | gain | p' for measure in measures)} | parts MB | fit s |"
    yield "|---|---:|---|---|---:|" + "---:|" * (3 * len(measures) + 2)
    key = ("codec", "bytes", "loss", "hidden", "seed")
    for place in dict.fromkeys(tuple(line[name] for name in key) for line in lines):
        own = {line["measure"]: line for line in lines if tuple(line[name] for name in key) == place}
        codec, size, loss, hidden, seed = place
        cells = [f"`{codec}`", size, f"`{loss}`", "linear" if hidden == "0" else f"hidden {hidden}", seed]
        for measure in measures:
            line = own[measure]
            cells += [f"{float(line['value']):.3f}", gain(line), chance(line["p_holm"])]
        yield f"| {' | '.join([*cells, own['MRR@10']['parts_mb'], own['MRR@10']['seconds']])} |"


def bidr(values: Sequence[Mapping[str, str]], tests: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """A line for each kind of codes and of vectors on disk, with the tests beside the control."""
    measures = "MRR@10", "nDCG@10", "R@10", "R@50", "R@100", "recall@10"
    heads = "bytes", "codes", "vectors on disk", *measures, "gain of MRR@10", "p", "gain of R@100", "p"
    yield f"| {' | '.join(heads)} |"
    yield "|---:|---|---|" + "---:|" * (len(heads) - 3)
    known = {(line["bytes"], line["codes"], line["disk"], line["measure"]): line["value"] for line in values}
    beside = {
        (line["bytes"], line["codes"], line["disk"], line["measure"]): line
        for line in tests
        if line["beside"] == CONTROL
    }
    places = dict.fromkeys((line["bytes"], line["codes"], line["disk"]) for line in values)
    exact = [key for key in places if key[1] == "exact"]  # the same at every budget
    for size, codes, disk in [exact[0], *(key for key in places if key not in exact)]:
        name = "float32" if codes == "exact" else f"`{codes}`" if codes in ("opq", "rq_trellis") else codes
        cells = ["1536" if codes == "exact" else size, name, ON_DISK.get(disk, disk)]
        cells += [f"{float(known[size, codes, disk, measure]):.3f}" for measure in measures]
        for measure in ("MRR@10", "R@100"):
            test = beside.get((size, codes, disk, measure))
            cells += ["", ""] if test is None else [gain(test), chance(test["p_holm"])]
        yield f"| {' | '.join(cells)} |"


def batches(values: Sequence[Mapping[str, str]], tests: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """A line for each way to draw batches, beside random ones with a candidate of each query."""
    measures = "MRR@10", "R@10", "R@100"
    yield f"| bytes | batches | {' | '.join(f'{measure} | beside ANN + in-batch | p' for measure in measures)} |"
    yield "|---:|---|" + "---:|---:|---:|" * len(measures)
    known = {(line["bytes"], line["codes"], line["disk"], line["measure"]): line["value"] for line in values}
    beside = {
        (line["bytes"], line["disk"], line["measure"]): line
        for line in tests
        if line["beside"] == "labels + ann_in_batch"
    }
    for size in dict.fromkeys(line["bytes"] for line in values):
        for way in ("random", "ann", "ann_in_batch", "walk", "snowball"):
            if (size, "labels", way, "MRR@10") not in known:
                continue
            cells = [size, way]
            for measure in measures:
                test = beside.get((size, way, measure))
                cells += [f"{float(known[size, 'labels', way, measure]):.4f}"]
                cells += ["", ""] if test is None else [gain(test, 4), chance(test["p_holm"])]
            yield f"| {' | '.join(cells)} |"


def seeds(lines: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """A line for each size and seed: codes alone beside OPQ's, and both stages beside the control."""
    measures = "MRR@10", "R@100", "recall@10"
    yield f"| bytes | seed | compared | {' | '.join(f'{measure} | gain' for measure in measures)} |"
    yield "|---:|---:|---|" + "---:|---:|" * len(measures)
    for size, seed, codes, disk in dict.fromkeys(
        (line["bytes"], line["seed"], line["codes"], line["disk"]) for line in lines
    ):
        own = {
            line["measure"]: line
            for line in lines
            if (line["bytes"], line["seed"], line["codes"], line["disk"]) == (size, seed, codes, disk)
        }
        compared = "codes alone, with OPQ's" if disk == "none" else "both stages, with the control"
        cells = [size, seed, compared]
        for measure in measures:
            cells += [f"{float(own[measure]['value']):.3f}", gain(own[measure])]
        yield f"| {' | '.join(cells)} |"


def served(lines: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """A line for each run of the harness: bytes, times from memory and from disk, relevance beside the control."""
    yield "| method | bytes | MB on disk | MB of parts | fit s | p50 ms | cold | reads | MRR@10 | gain | R@100 | gain |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    for name in dict.fromkeys(line["method"] for line in lines):
        own = {line["measure"]: line for line in lines if line["method"] == name}
        first = own["MRR@10"]
        star = "\\*" if first["shared"] == "true" else ""
        times = [f"{first[field]}{star}" if first[field] else "-" for field in ("p50_ms", "cold_p50_ms")]
        cells = [f"`{name}`", *(first[field] for field in ("bytes", "disk_mb", "parts_mb", "fit_s")), *times]
        cells += [f"{first['reads']} of {float(first['read_kb']) / float(first['reads']):.2g} kB"]
        for line in (first, own["R@100"]):
            cells += [f"{float(line['value']):.3f}", "" if float(line["gain"]) == 0 else gain(line)]
        yield f"| {' | '.join(cells)} |"


def answers(lines: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Gains beside the control by whether a training question has the same answer, of both stages."""
    measures = "MRR@10 | control | gain | R@100 | control | gain"
    yield f"| bytes | a training question has the answer too | questions | {measures} |"
    yield "|---:|---|---:|---:|---:|---:|---:|---:|---:|"
    both_stages = [line for line in lines if (line["codes"], line["disk"]) == ("labels", "snowball")]
    for size, seen in dict.fromkeys((line["bytes"], line["seen"]) for line in both_stages):
        own = {line["measure"]: line for line in both_stages if (line["bytes"], line["seen"]) == (size, seen)}
        cells = [size, seen, f"{int(own['MRR@10']['questions']):,}"]
        for line in (own["MRR@10"], own["R@100"]):
            cells += [f"{float(line['value']):.3f}", f"{float(line['control']):.3f}", gain(line)]
        yield f"| {' | '.join(cells)} |"


def tried(lines: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """A line for each setting of either training."""
    yield "| stage | setting | MRR@10 | R@100 | MRR@10 at the start and by epoch |"
    yield "|---:|---|---:|---:|---|"
    for line in lines:
        setting = f"`{line['setting']}`" if line["setting"] else "the defaults"
        yield f"| {line['stage']} | {setting} | {line['MRR@10']} | {line['R@100']} | {line['epochs'].strip('[]')} |"


def costs(lines: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """A line for each training."""
    yield "| bytes | codes | stage | seconds | weight of code scores |"
    yield "|---:|---|---|---:|---:|"
    for line in lines:
        stage = f"2, {line['disk']}" if line["disk"] else "1"
        yield f"| {line['bytes']} | {line['codes']} | {stage} | {line['seconds']} | {line['weight']} |"


def gain(line: Mapping[str, str], digits: int = 3) -> str:
    value, low, high = (f"{float(line[name]):+.{digits}f}" for name in ("gain", "low", "high"))
    return f"{value} [{low}, {high}]"


def chance(p: str) -> str:
    return "< .001" if float(p) < 0.001 else f"{float(p):.3f}".removeprefix("0")


def table(trained: Sequence[Record], measured: Sequence[Record]) -> Iterator[str]:
    """A line a run, from large budgets to small: recall beside the method without, and the test of pairs."""
    ordered = sorted(trained, key=lambda r: (-r.budget.bytes, r.method.name, name_of(r)))
    pairs = [(record, without(record, measured)) for record in ordered]
    tests = [paired_difference(values(record), values(plain)) for record, plain in pairs]
    adjusted = holm([test.p for test in tests])
    columns = "data set", "bytes", "method", "recall@10", "without", "gain", "p", "MRR@10", "without", "parts MB"
    yield f"| {' | '.join([*columns, 'fit s', 'without'])} |"
    yield "|---|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    for (record, plain), test, p in zip(pairs, tests, adjusted):
        assert record.bytes is not None
        gained = f"{test.value:+.3f} [{test.low:+.3f}, {test.high:+.3f}]"
        cells = [
            record.dataset.name,
            str(record.bytes.code),
            f"`{name_of(record)}`",
            shown(record.quality["recall@10"]),
            shown(plain.quality["recall@10"]),
            gained,
            chance(str(p)),
            interval(record.quality["MRR@10"]),
            interval(plain.quality["MRR@10"]),
            f"{record.bytes.parts_total / 1e6:.2f}",
            f"{record.seconds['fit']:.0f}",
            f"{plain.seconds['fit']:.0f}",
        ]
        yield f"| {' | '.join(cells)} |"


def name_of(record: Record) -> str:
    """The method with what was requested of it."""
    options = {key: value for key, value in record.method.requested.items() if key in ("codec", "loss")}
    return " ".join([record.method.name, *(f"{key}={value}" for key, value in options.items())])


def without(record: Record, measured: Sequence[Record]) -> Record:
    """The one run that differs in nothing but the training: all of its options are the trained one's or defaults."""
    requested = record.method.requested
    name = PLAIN.get(record.method.name) or requested["codec"]
    options = {**registry.get(name).parameters(), **(requested.get("codec_params") or {})}
    options = {"name": name, **{key: requested.get(key, value) for key, value in options.items()}}
    wanted = {**setting(record), "method": given(options)}
    same = [other for other in measured if setting(other) == wanted]
    if len(same) != 1:
        place = f"{record.budget.bytes} bytes on {record.dataset.name}, seed {record.config['seed']}"
        raise SystemExit(f"{TRAINED} has {len(same)} runs of {name} beside {name_of(record)} at {place}; it needs one")
    return same[0]


def setting(record: Record) -> dict[str, Any]:
    """What decides a result, but for where it lies and how it was run."""
    decided = ("scenario", "k", "seed", "train_size", "rescore", "index", "engine")
    kept = {key: record.config[key] for key in decided}
    return {
        **kept,
        "method": given(record.method.requested),
        "data": record.dataset.checksum,
        "bytes": record.budget.bytes,
    }


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options that are not left to the method."""
    return {key: value for key, value in options.items() if value is not None}


def values(record: Record) -> np.ndarray:
    """Recall@10 of each distinct query."""
    return np.array(record.recalls)


def shown(quality: Interval) -> str:
    return f"{quality.value:.3f}"


def interval(quality: Interval) -> str:
    return f"{quality.value:.3f} [{quality.low:.3f}, {quality.high:.3f}]"


if __name__ == "__main__":
    main()
