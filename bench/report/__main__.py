"""``python -m bench.report RECORDS...``: a table of records, and the figure of recall against bytes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench import records
from bench.errors import UsageError
from bench.report import tables


def main() -> None:
    """Entry of the command."""
    parser = argparse.ArgumentParser(prog="python -m bench.report", description=__doc__)
    parser.add_argument("records", nargs="+", metavar="RECORDS", help="record.json, .jsonl, or a folder of them")
    parser.add_argument("--dataset", help="only records of this data set")
    parser.add_argument("--figure", metavar="FILE", help="draw recall@10 against bytes into FILE (.png, .svg, .pdf)")
    parser.add_argument("--pack", metavar="FILE", help="write the records into one .jsonl file, a line each")
    options = parser.parse_args()
    try:
        chosen = [r for r in records.find(options.records) if options.dataset in (None, r.dataset.name)]
        if not chosen:
            raise UsageError("no records there; measure something first (python -m bench)")
        tables.print_sweep(chosen)
        if options.pack:
            records.pack(chosen, Path(options.pack))
        if options.figure:
            _draw(chosen, Path(options.figure))
    except UsageError as error:
        print(f"bench.report: {error}", file=sys.stderr)
        sys.exit(2)


def _draw(chosen: list[records.Record], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from bench.report.figures import recall_against_bytes

    if path.suffix not in (".png", ".svg", ".pdf"):
        raise UsageError(f"--figure {path} has an unknown ending; use .png, .svg or .pdf")
    path.parent.mkdir(parents=True, exist_ok=True)
    recall_against_bytes(chosen).savefig(path, dpi=110)


if __name__ == "__main__":
    main()
