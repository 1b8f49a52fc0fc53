"""Makes ``isotropy.md`` and a table in ``docs/embeddings.md``: whom isotropic vectors help, and whom they hurt.

    python results/scripts/isotropy.py --measure [--seconds 600]   # isotropy.csv; continues where it stopped
    python results/scripts/isotropy.py                             # the pages, from isotropy.csv

What ``method=isotropic`` does, with each map fitted once for all codecs: maps and codecs learn from 10,000 vectors,
scores are those of the vectors before the map (``queries=undone``) unless a column says "mapped". A line of the table
is a data set, a map, a codec and a budget; its ``hits`` has one digit for every question, how many of the ten true
neighbors were retrieved (``a`` is ten), so that maps are compared question by question.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from quotes import ROOT, put, share
from tqdm import tqdm

from bench import datasets
from bench.measure.statistics import holm, paired_difference
from methods import for_budget
from methods.budget import Budget
from methods.reduction import isotropic

PUBLISHED = Path(__file__).parents[1] / "published"
TABLE = PUBLISHED / "isotropy.csv"
LEARNED, QUERIES, K = 10_000, 1000, 10
SETS: dict[str, dict[str, Any]] = {
    "squad-sentences-mini": {"name": "squad-sentences-mini"},
    "squad-sentences-mini+cone.75": {"name": "squad-sentences-mini", "cone": 0.75},
    "squad-sentences": {"name": "squad-sentences"},
}
MAPS: dict[str, dict[str, Any]] = {
    "none": {},
    "center": {"transform": "center"},
    "whiten zca": {"transform": "whiten"},
    "whiten pca": {"transform": "whiten", "axes": "pca"},
    "all_but_the_top": {"transform": "all_but_the_top"},
    "ica": {"transform": "ica"},
    "zca, mapped": {"transform": "whiten", "queries": "mapped"},
    "pca, mapped": {"transform": "whiten", "axes": "pca", "queries": "mapped"},
}
PARAMS: dict[str, dict[str, Any]] = {"bebr": {"epochs": 0}, "opq": {"iterations": 10}, "pq": {"iterations": 10}}
CELLS = (  # those that are quickly measured first
    (("sign", "32x"), ("transform_coding", "32x"), ("pq", "32x")),
    (("rabitq", "16x"), ("transform_coding", "16x"), ("pq", "16x"), ("int8", "4x"), ("bebr", "32x")),
    (("opq", "32x"), ("opq", "16x"), ("bebr", "16x")),
    (("rabitq", "8x"), ("transform_coding", "8x"), ("pq", "8x"), ("opq", "8x"), ("bebr", "8x")),
)
MAPPED = ("sign",)  # codecs whose queries are mapped, too


@dataclass(frozen=True)
class Cell:
    """One line of the table."""

    data: str
    map: str
    codec: str
    budget: str
    code_bytes: int
    recall: str
    hits: str

    @property
    def recalls(self) -> np.ndarray:
        return np.array([int(digit, 11) for digit in self.hits]) / K


Table = dict[tuple[str, str, str, str], Cell]


# --- measuring ------------------------------------------------------------------------------------------------------


class Mapped:
    """A data set behind every map, each of which is fitted once."""

    def __init__(self, name: str) -> None:
        data = datasets.load(max_queries=QUERIES, **SETS[name])
        self.metric, self.dim = data.metric, data.dim
        self.base, self.queries = data.base.read(0, data.base.shape[0]), np.asarray(data.queries)
        self.near = datasets.ground_truth(data, K).ids
        self._behind: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def behind(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Base and queries, mapped."""
        if name == "none":
            return self.base, self.queries
        if name not in self._behind:
            options = MAPS[name]
            codec = isotropic.Isotropic(self.dim, self.metric, **options)
            transform = codec._new_transform().fit(self.base[self.learned], 0)
            both = options.get("queries") == "mapped"
            queries = (
                transform.transform(self.queries) if both else transform.transform_queries(self.queries, self.metric)
            )
            self._behind = {name: (transform.transform(self.base), queries)}
        return self._behind[name]

    @property
    def learned(self) -> np.ndarray:
        return np.sort(np.random.default_rng(0).permutation(len(self.base))[:LEARNED])

    def measured(self, data: str, name: str, codec_name: str, budget: str) -> Cell:
        base, queries = self.behind(name)
        size = Budget(budget).code_bytes(self.dim)
        codec = for_budget(codec_name, self.dim, size, self.metric, **PARAMS.get(codec_name, {}))
        codec.fit(base[self.learned], seed=0)
        ids = codec.searcher(codec.encode(base)).search(queries, K)[1]
        hits = [int(np.isin(row, near).sum()) for row, near in zip(ids, self.near)]
        digits = "".join("0123456789a"[each] for each in hits)
        return Cell(data, name, codec_name, budget, codec.code_size, f"{np.mean(hits) / K:.4f}", digits)


def wanted(data: str) -> Iterator[tuple[str, str, str, str]]:
    """Cells of a data set, in the order of measuring."""
    for cells in CELLS:
        for name, options in MAPS.items():
            for codec, budget in cells:
                if "queries" not in options or codec in MAPPED:
                    yield data, name, codec, budget


def measure_missing(seconds: float, names: Sequence[str]) -> None:
    """Append the cells that the table lacks, until the time is up."""
    known, started = read(), time.monotonic()
    with TABLE.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if not file.tell():
            writer.writerow([field.name for field in fields(Cell)])
        for data in names:
            missing = [key for key in wanted(data) if key not in known]
            if not missing:
                continue
            mapped = Mapped(data)
            for key in tqdm(missing, desc=data):
                if time.monotonic() - started > seconds:
                    return
                writer.writerow(asdict(mapped.measured(*key)).values())
                file.flush()


def read() -> Table:
    """The lines of the table."""
    if not TABLE.exists():
        return {}
    cells = [Cell(**{**line, "code_bytes": int(line["code_bytes"])}) for line in csv.DictReader(TABLE.open())]
    return {(cell.data, cell.map, cell.codec, cell.budget): cell for cell in cells}


# --- the pages ------------------------------------------------------------------------------------------------------

HEAD = f"""# Isotropic vectors: whom they help, and whom they hurt

Recall@10 of {QUERIES:,} questions, one seed, maps and codecs fitted on {LEARNED:,} sentences; scores are those of the
vectors before the map, but where a map says "mapped": there queries are mapped as vectors are, and scores are of what
comes out. "+": above the same codec without a map, "-": below it (paired randomization test of the questions, Holm over
all maps and codecs of a data set, 5%); without a sign: not distinguishable. Made by
`python results/scripts/isotropy.py`.
"""
LEVEL = 0.05


def table_of(table: Table, data: str) -> list[str]:
    """The codecs of a data set in lines, the maps in columns."""
    cells = [cell for cell in table.values() if cell.data == data]
    lines = sorted({(cell.codec, cell.budget, cell.code_bytes) for cell in cells}, key=lambda line: (-line[2], line[0]))
    maps = [name for name in MAPS if any(cell.map == name for cell in cells)]
    signs = signs_of(table, data)
    rows = [f"| codec | bytes | {' | '.join(maps)} |", "|---|---:|" + "---:|" * len(maps)]
    for codec, budget, size in lines:
        shown = [
            f"{share(float(cell.recall))}{signs.get(cell_of, '')}" if (cell := table.get(cell_of)) else ""
            for cell_of in ((data, name, codec, budget) for name in maps)
        ]
        rows.append(f"| `{codec}` | {size} | {' | '.join(shown)} |")
    return rows


def signs_of(table: Table, data: str) -> dict[tuple[str, str, str, str], str]:
    """ "+" or "-" of each cell that is above or below the same codec without a map."""
    compared = {
        key: paired_difference(cell.recalls, plain.recalls)
        for key, cell in table.items()
        if key[0] == data and key[1] != "none" and (plain := table.get((data, "none", *key[2:])))
    }
    corrected = holm([difference.p for difference in compared.values()])
    return {
        key: "+" if difference.value > 0 else "-"
        for (key, difference), p in zip(compared.items(), corrected)
        if p < LEVEL
    }


def write(table: Table) -> None:
    """The page, and the table of ``docs/embeddings.md``."""
    measured = [data for data in SETS if any(cell.data == data for cell in table.values())]
    lines, quoted = [HEAD], []
    for data in measured:
        lines += [f"## {data}", "", *table_of(table, data), ""]
        quoted += [f"`{data}`:", "", *table_of(table, data), ""]
    (PUBLISHED / "isotropy.md").write_text("\n".join(lines))
    put(ROOT / "docs" / "embeddings.md", "isotropy", quoted[:-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", nargs="*", metavar="DATA", help="measure what isotropy.csv lacks, of these or all")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no measurement after so many")
    options = parser.parse_args()
    if options.measure is not None:
        measure_missing(options.seconds, options.measure or list(SETS))
    else:
        write(read())


if __name__ == "__main__":
    main()
