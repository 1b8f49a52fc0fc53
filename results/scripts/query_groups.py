"""Makes ``query_groups.md`` and a table in ``docs/measuring.md``: what compression costs groups of questions.

    python results/scripts/query_groups.py --measure [--seconds 600]   # query_groups.csv; continues where it stopped
    python results/scripts/query_groups.py                             # the pages, from query_groups.csv

All 10,000 questions of ``squad-sentences``; codecs learn from 10,000 sentences.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import numpy as np
from quotes import ROOT, put, share
from tqdm import tqdm

from bench import datasets
from bench.measure.by_group import by_group
from bench.measure.quality import retrieval_measures
from bench.measure.statistics import holm
from methods import for_budget
from methods.budget import Budget

PUBLISHED = Path(__file__).parents[1] / "published"
TABLE = PUBLISHED / "query_groups.csv"
LEARNED, K = 10_000, 10
CODES = (("sign", "32x"), ("transform_coding", "32x"), ("transform_coding", "16x"), ("pq", "32x"), ("pq", "16x"))
TOLD = ("recall@10", "MRR@10")
FIELDS = ("codec", "budget", "heading", "group", "queries", "measure", "value", "low", "high")
FIELDS += ("lost", "lost_low", "lost_high", "p_lost", "others_lost", "p_others")
LEVEL = 0.05
Line = dict[str, str]


def measure_missing(seconds: float) -> None:
    """Append the codecs that the table lacks, until the time is up."""
    known, started = {(line["codec"], line["budget"]) for line in read()}, time.monotonic()
    missing = [code for code in CODES if code not in known]
    if not missing:
        return
    data = datasets.load("squad-sentences")
    if data.groups is None or data.relevance is None:
        raise SystemExit("squad-sentences has no groups; run `python -m bench.datasets texts squad-sentences`")
    base, near = data.base.read(0, data.base.shape[0]), datasets.ground_truth(data, K).ids
    learned = base[np.sort(np.random.default_rng(0).permutation(len(base))[:LEARNED])]
    exact = {"recall@10": np.ones(len(near)), **retrieval_measures(near, data.relevance)}
    with TABLE.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        if not file.tell():
            writer.writeheader()
        for name, budget in tqdm(missing):
            if time.monotonic() - started > seconds:
                return
            codec = for_budget(name, data.dim, Budget(budget).code_bytes(data.dim), data.metric).fit(learned, seed=0)
            ids = codec.searcher(codec.encode(base)).search(data.queries, K)[1]
            hits = np.array([np.isin(row, true).mean() for row, true in zip(ids, near)])
            measures = {"recall@10": hits, **retrieval_measures(ids, data.relevance)}
            for heading, members in by_group(data.groups, measures, exact, 0).items():
                for group, info in members.items():
                    for measure, value in info.quality.items():
                        lost = info.lost[measure]
                        figures = (value.value, value.low, value.high, lost.value, lost.low, lost.high)
                        rounded = [f"{figure:.4f}" for figure in figures]
                        ps = [f"{info.p_lost[measure]:.3g}", f"{info.others_lost[measure]:.4f}"]
                        row = [name, budget, heading, group, info.queries, measure, *rounded, *ps]
                        writer.writerow(dict(zip(FIELDS, [*row, f"{info.p_others[measure]:.3g}"], strict=True)))
            file.flush()


def read() -> list[Line]:
    """The lines of the table."""
    return list(csv.DictReader(TABLE.open())) if TABLE.exists() else []


def losses(lines: list[Line]) -> list[str]:
    """A line a group, a column a codec: what is lost of recall@10 and MRR@10."""
    codes = [code for code in CODES if any((line["codec"], line["budget"]) == code for line in lines)]
    columns = [(name, budget, measure) for name, budget in codes for measure in TOLD]
    by_key = {(*(line[field] for field in FIELDS[:4]), line["measure"]): line for line in lines}
    different = set()
    for heading in dict.fromkeys(line["heading"] for line in lines):
        for code in codes:
            for measure in TOLD:
                keys = [key for key in by_key if (*key[:2], key[2], key[4]) == (*code, heading, measure)]
                chances = holm([float(by_key[key]["p_others"]) for key in keys])
                different |= {key for key, p in zip(keys, chances) if p < LEVEL}
    heads = [f"`{name}` {budget}, {measure}" for name, budget, measure in columns]
    rows = [f"| group | questions | {' | '.join(heads)} |", "|---|---:|" + "---:|" * len(heads)]
    for heading, group in dict.fromkeys((line["heading"], line["group"]) for line in lines):
        keys = [(name, budget, heading, group, measure) for name, budget, measure in columns]
        cells = [_cell(by_key[key], key in different) for key in keys]
        rows.append(f"| {heading}: {group} | {int(by_key[keys[0]]['queries']):,} | {' | '.join(cells)} |")
    return rows


def _cell(line: Line, different: bool) -> str:
    lost, others = float(line["lost"]), float(line["others_lost"])
    return share(lost) + ("" if not different else "!" if lost > others else "*")


def whole_page(lines: list[Line]) -> str:
    """``query_groups.md``: every measure of every group with its interval."""
    head = """# What compression costs groups of questions

All 10,000 questions of `squad-sentences`, codecs fitted on 10,000 sentences, one seed; 95% intervals in brackets.
"lost": of the exact neighbors' measure; p of the paired test in the group, and of the comparison with all other
questions. Made by `python results/scripts/query_groups.py`.

| codec | budget | group | questions | measure | value | lost | p | lost by others | p |
|---|---|---|---:|---|---:|---:|---:|---:|---:|
"""
    rows = [
        f"| `{line['codec']}` | {line['budget']} | {line['heading']}: {line['group']} | {line['queries']} | "
        f"{line['measure']} | {line['value']} [{line['low']}, {line['high']}] | "
        f"{line['lost']} [{line['lost_low']}, {line['lost_high']}] | {line['p_lost']} | {line['others_lost']} | "
        f"{line['p_others']} |"
        for line in lines
    ]
    return head + "\n".join(rows) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", action="store_true", help="measure what query_groups.csv lacks")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no measurement after so many")
    options = parser.parse_args()
    if options.measure:
        measure_missing(options.seconds)
    else:
        lines = read()
        (PUBLISHED / "query_groups.md").write_text(whole_page(lines))
        put(ROOT / "docs" / "measuring.md", "query groups", losses(lines))


if __name__ == "__main__":
    main()
