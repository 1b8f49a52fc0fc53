"""``python -m bench.report RECORDS...``: tables of records; with ``--out DIR`` a page, tables and figures as files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from bench import records
from bench.datasets.base import DatasetError
from bench.errors import UsageError
from bench.records import Record
from bench.report import significance, tables
from bench.report.names import shown_name
from bench.report.per_query import Judges, with_values
from bench.report.ranking import print_rankings
from bench.report.rows import HEADLINES, Row, by_measure, headline, rows_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COSTS = {"bytes": "codes", "latency": "p50 ms"}  # of --against
_FORMATS = "html,md,csv,parquet,png,svg"
Located = list[tuple[Record, Path | None]]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; --help names the options")


def main() -> None:
    """Entry of the command."""
    parser = _Parser(prog="python -m bench.report", description=__doc__)
    parser.add_argument(
        "records", nargs="*", metavar="RECORDS", help="record.json, packed records, or a folder of them"
    )
    parser.add_argument("--dataset", help="only records of this data set")
    parser.add_argument("--measure", metavar="M", help="choose the best and rank by it: recall@1, nDCG@10, ...")
    parser.add_argument("--out", metavar="DIR", help="write index.html, tables and figures there")
    parser.add_argument("--format", default=_FORMATS, metavar="A,B", help=f"of --out (default {_FORMATS})")
    parser.add_argument("--compare", nargs=2, metavar=("A", "B"), help="the second set of records against the first")
    parser.add_argument("--figure", metavar="FILE", help="draw recall@10 against bytes into FILE (.png, .svg, .pdf)")
    parser.add_argument("--against", choices=_COSTS, default="bytes", help="what --figure draws recall@10 against")
    parser.add_argument("--overview", metavar="FILE", help="draw the error of the best methods against bytes into FILE")
    parser.add_argument("--known", default="", metavar="A,B", help="methods that --overview draws wherever they lie")
    parser.add_argument(
        "--pack", metavar="FILE", help="write the records into one file: .parquet, or .jsonl with a line each"
    )
    parser.add_argument(
        "--newest", action="store_true", help="of each method on a data set, only the version that was measured last"
    )
    try:
        options = parser.parse_args()
        formats = _formats(options.format)
        if options.compare:
            _compare(options.compare, options.dataset)
        if options.records:
            _report(options, formats)
        elif not options.compare:
            raise UsageError("no records are named; give a folder of results, e.g. results/")
    except (UsageError, DatasetError) as error:
        print(f"bench.report: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)


def _formats(text: str) -> list[str]:
    known = _FORMATS.split(",")
    chosen = [name for name in text.split(",") if name]
    if unknown := [name for name in chosen if name not in known]:
        raise UsageError(f"--format {unknown[0]} is unknown; use some of {_FORMATS}")
    return chosen


def _locate(paths: list[str], dataset: str | None) -> Located:
    located = [(r, folder) for r, folder in records.locate(paths) if dataset in (None, r.dataset.name, shown_name(r))]
    if not located:
        raise UsageError("no records there; measure something first (python -m bench)")
    return located


def _report(options: argparse.Namespace, formats: list[str]) -> None:
    located = _locate(options.records, options.dataset)
    if options.newest:
        located = records.newest_versions(located)
    chosen = [record for record, _ in located]
    judges = Judges()
    rows, comparisons = _marked(located, options.records, judges)
    ordered = rows if options.measure is None else _ordered(rows, options.measure, located)
    tables.print_sweep(chosen, rows=rows)
    if options.measure is not None or len({row.group for row in rows}) > 1:
        tables.print_best(ordered)
        print_rankings(ordered)
    if options.pack:
        path = Path(options.pack)
        records.pack(with_values(located, judges), path)
        significance.write(significance.beside(path), comparisons)
    if options.figure:
        _draw(chosen, "figure", options.figure, lambda measure: _by_family(chosen, _COSTS[options.against], measure))
    if options.overview:
        known = [name for name in options.known.split(",") if name]
        _draw(chosen, "overview", options.overview, lambda measure: _overview(chosen, known, measure))
    if options.out:
        from bench.report.export import write_all

        failures = [record for record in chosen if record.status != "ok"]
        for path in write_all(rows, failures, Path(options.out), formats, ordered):
            print(path)


def _marked(located: Located, paths: list[str], judges: Judges) -> tuple[list[Row], list[significance.Comparison]]:
    """Rows marked against the best of their groups: by tests made now, else by comparisons that lie there."""
    rows = rows_of(record for record, _ in located)
    comparisons, reasons = significance.compare_rows(rows, significance.folders_of(located), judges=judges)
    for reason in reasons:
        print(f"bench.report: some methods are not compared with the best: {reason}", file=sys.stderr)
    known = significance.combine(significance.find(paths), comparisons, rows)
    return significance.mark(rows, known), known


def _ordered(rows: list[Row], measure: str, located: Located) -> list[Row]:
    """Rows by another measure than the headline's; recall at another k is tested where arrays lie, nothing else is."""
    chosen = by_measure(rows, measure)
    headline_name = chosen[0].headline
    without = dict.fromkeys(row.group[0] for row in rows if row.quality(headline_name) is None)
    if without:
        print(f"bench.report: the best by {headline_name} leave out {', '.join(without)}, without it", file=sys.stderr)
    kind, _, k = headline_name.partition("@")
    if kind != "recall" or headline_name in HEADLINES:
        return significance.mark(chosen, [])
    comparisons, _ = significance.compare_rows(chosen, significance.folders_of(located), int(k))
    return significance.mark(chosen, comparisons)


def _compare(sets: list[str], dataset: str | None) -> None:
    from bench.report.compare import compare_sets, print_comparison

    first, second = (_locate([path], dataset) for path in sets)
    print_comparison(*compare_sets(first, second))


def _by_family(chosen: list[Record], cost: str, measure: str) -> Figure:
    from bench.report.figures import by_family

    return by_family(chosen, cost, measure)


def _overview(chosen: list[Record], known: list[str], measure: str) -> Figure:
    from bench.report.overview import overview

    return overview(chosen, known, measure)


def _draw(chosen: list[Record], option: str, name: str, figure: Callable[[str], Figure]) -> None:
    """Write the figure of the records' headline measure into the file that the option names."""
    import matplotlib

    matplotlib.use("Agg")
    path = Path(name)
    if path.suffix not in (".png", ".svg", ".pdf"):
        raise UsageError(f"--{option} {path} has an unknown ending; use .png, .svg or .pdf")
    measure = next((first for record in chosen if (first := headline(record)) is not None), HEADLINES[0])
    drawn = figure(measure)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn.savefig(path, dpi=110)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}; choose another --{option}") from error


if __name__ == "__main__":
    main()
