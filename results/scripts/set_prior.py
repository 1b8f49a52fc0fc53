"""Makes ``bench/recommend/set_prior.json``: what `python -m bench.recommend multivector` knows before it measures.

    python results/scripts/set_prior.py

From the measured lines and the packed records of sets; ``prior.py`` runs it. Of each method (with the codec that it
has by default, and with others) at each size: recall@10, the share of the first ten among forty candidates, and the
seconds of a run. ``results/tokens/defaults.parquet`` has runs that no sweep has, for their times.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from statistics import fmean

from multivector_page import FIRST, SECOND
from multivector_runs import Rows, load, recalls
from quotes import ROOT

from bench import records
from bench.files import write_whole
from bench.recommend import set_prior
from bench.records import Record
from methods import registry

FILE = ROOT / "bench" / "recommend" / set_prior.FILE
RESULTS = ROOT / "results"
PACKS = [RESULTS / "published" / "squad-tokens-128.parquet", *sorted((RESULTS / "tokens").glob("*.parquet"))]
AT_40 = 2  # of a line's counts of candidates
# Documents of each set, their vectors, and dimensions: lines do not say.
SIZES = {"squad-tokens-128": (2_067, 321_685, 128), "squad-shifts-tokens": (9_748, 1_606_591, 384)}

Measured = dict[tuple[str, str, int], dict[str, list[float]]]  # method, codec, bytes -> column -> values


def main() -> None:
    write_whole(FILE, text())


def text() -> str:
    """The file's text."""
    packed = records.newest_versions(records.locate(PACKS))
    first, second = SIZES
    sets = [set_text(first, load(FIRST), [record for record, _ in packed]), set_text(second, load(SECOND), [])]
    head = f'{{\n "sources": {json.dumps(sources(), indent=2)},\n "sets": [\n'
    return head + ",\n".join(sets) + "\n ]\n}\n"


def sources() -> dict[str, str]:
    """Checksums of what the file is made of."""
    return {str(path.relative_to(ROOT)): records.file_sha256(path) for path in (FIRST, SECOND, *PACKS)}


def set_text(name: str, lines: Rows, packed: list[Record]) -> str:
    """A set's object, a row a line."""
    documents, vectors, dim = SIZES[name]
    head = {"name": name, "numbers": vectors * dim, "raw": round(4 * vectors * dim / documents)}
    rows = ",\n".join(f"    {json.dumps(row)}" for row in rows_of(lines, packed))
    return f'  {json.dumps(head)[:-1]}, "rows": [\n{rows}\n  ]}}'


def rows_of(lines: Rows, packed: Iterable[Record]) -> Iterator[list[object]]:
    """As :class:`bench.recommend.set_prior.Row`, of the codec that a method has by default under both labels."""
    measured: Measured = defaultdict(lambda: defaultdict(list))
    for line in lines:
        if "," not in line["method"]:  # with its options as they are by default
            values = measured[line["method"], line["codec"], int(line["code"])]
            shares = recalls(line).mean(axis=1)
            values["recall"].append(float(shares[0]))
            values["of 40"].append(float(shares[AT_40]))
    for record in packed:
        if record.status == "ok" and record.config.get("rescore") is None and record.bytes is not None:
            values = measured[record.method.name, str(record.method.params.get("codec", "")), record.bytes.code]
            values["seconds"].append(record.seconds["process"])
            if "recall" not in values:
                values["packed"].append(record.quality["recall@10"].value)
    for (method, codec, size), values in sorted(measured.items()):
        kept = fmean(values["recall"] or values["packed"])
        of_40 = round(fmean(values["of 40"]), 3) if values["of 40"] else None
        seconds = round(fmean(values["seconds"]), 1) if values["seconds"] else None
        for label in labels_of(method, codec):
            yield [label, size, round(kept, 3), of_40, seconds]


def labels_of(method: str, codec: str) -> list[str]:
    """``muvera(sign)``; of the default codec, and where a budget chooses among several, the method alone too."""
    if not codec:
        return [method]
    default = registry.parameters(method).get("codec")
    return [f"{method}({codec})", *([method] if default in (None, codec) or method == "mean_pooling" else [])]


if __name__ == "__main__":
    main()
