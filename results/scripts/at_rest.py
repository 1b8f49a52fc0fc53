"""Writes ``results/at_rest/NAME.md`` and a table in ``docs/measuring.md``: what finished codes still take at rest, by
the entropy of their bytes, by zstd, and where the caller takes over an order that the codec chooses.

    python results/scripts/at_rest.py

From packs of records in ``results/at_rest``, which come from runs such as

    python -m bench -m method=pq,opq,trellis budget=8x,32x dataset=glove-100 dataset.max_queries=100 latency_s=0.1
    python -m bench.report results/ --pack results/at_rest/glove-100.parquet

Every run measures it; searches do not matter here. ``make publish`` runs it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from quotes import ROOT, put

from bench import records
from bench.measure.at_rest import CodesAtRest
from bench.measure.free_order import FreeOrder
from bench.records import Record
from bench.report.rows import rows_of

FOLDER, PAGE = ROOT / "results" / "at_rest", ROOT / "docs" / "measuring.md"
HEAD = """# Codes at rest: {name}

{n:,} vectors of {dim} dimensions. *Entropy*: of a byte of the code in bits, of 8 (order 0, each byte by itself); *by
entropy*: bytes of a code if each byte took no more. *zstd*: bytes of the codes over what zstd makes of them. *Order is
free*: bytes of a code where the caller stores its documents in an order that the codec chooses, at least (log2 of how
many orders of all codes there are) and by sorted codes whose leading bits are a bit map. One seed. Emptiest codes
first. Made by `python results/scripts/at_rest.py`.

| method | budget | bytes | entropy | by entropy | zstd | order is free: at least | stored |
|---|---|---:|---:|---:|---:|---:|---:|
"""


@dataclass(frozen=True)
class Codes:
    """A method's codes on a data set."""

    label: str
    record: Record
    rest: CodesAtRest
    order: FreeOrder

    @property
    def budget(self) -> str:
        return str(self.record.budget.requested)

    @property
    def size(self) -> int:
        """Bytes of a code."""
        assert self.record.bytes is not None
        return self.record.bytes.code


def codes_of(pack: Path) -> list[Codes]:
    """Those of a pack, the emptiest first."""
    rows = rows_of(record for record in records.find([pack]) if record.status == "ok")
    both = ((row, row.record.at_rest) for row in rows)
    codes = [Codes(row.label, row.record, rest, rest.order) for row, rest in both if rest and rest.order]
    return sorted(codes, key=lambda each: (each.rest.entropy, each.label))


def page(name: str, codes: Sequence[Codes]) -> str:
    """The text of ``results/at_rest/NAME.md``."""
    data, lines = codes[0].record.dataset, []
    for each in codes:
        shrunk = each.size * each.rest.entropy / 8
        cells = [f"{each.rest.entropy:.2f}", f"{shrunk:.1f}", f"{each.rest.zstd_ratio:.2f}"]
        cells += [f"{each.order.least:.2f}", f"{each.order.stored:.2f}"]
        lines.append(f"| `{each.label}` | {each.budget} | {each.size} | {' | '.join(cells)} |")
    return HEAD.format(name=name, n=data.n, dim=data.dim) + "\n".join(lines) + "\n"


def short(sets: dict[str, list[Codes]]) -> list[str]:
    """A line a method and budget, the emptiest on average first: entropy, zstd, and bytes where the order is free."""
    by_line: dict[tuple[str, str], dict[str, Codes]] = defaultdict(dict)
    for name, codes in sets.items():
        for each in codes:
            by_line[each.label, each.budget][name] = each
    titles = " | ".join(f"`{name}`: entropy | zstd | bytes, order free" for name in sets)
    lines = [f"| method | budget | {titles} |", "|---|---|" + "---:|---:|---:|" * len(sets)]
    order = sorted(by_line.items(), key=lambda item: np.mean([each.rest.entropy for each in item[1].values()]))
    for (label, budget), of_line in order:
        cells = [" | ".join(_short(of_line.get(name))) for name in sets]
        lines.append(f"| `{label}` | {budget} | {' | '.join(cells)} |")
    return lines


def _short(codes: Codes | None) -> tuple[str, str, str]:
    if codes is None:
        return "-", "-", "-"
    return f"{codes.rest.entropy:.2f}", f"{codes.rest.zstd_ratio:.2f}", f"{codes.size}: {codes.order.stored:.1f}"


def main() -> None:
    sets = {pack.stem: codes_of(pack) for pack in sorted(FOLDER.glob("*.parquet"))}
    for name, codes in sets.items():
        (FOLDER / f"{name}.md").write_text(page(name, codes))
    put(PAGE, "at rest", short(sets))


if __name__ == "__main__":
    main()
