"""``python -m bench.report RECORDS...``: tables of records; with ``--out DIR`` a page, tables and figures as files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bench import records
from bench.datasets.base import DatasetError
from bench.errors import UsageError
from bench.options import OneLineParser
from bench.records import Record
from bench.report import pictures, significance, tables
from bench.report.curves import curves
from bench.report.export import TABLES
from bench.report.names import shown_name
from bench.report.per_query import Judges, with_values
from bench.report.pictures import PICTURES
from bench.report.ranking import print_rankings
from bench.report.rows import HEADLINES, Row, by_measure, headline, rows_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COSTS = {"bytes": "codes", "latency": "p50 ms"}  # of --against
_FORMATS = (*TABLES, *PICTURES)
_DEFAULT_FORMATS = "html,md,csv,parquet,png,svg"
_MINE_PATHS = ("results/runs", "results/published")
Located = list[tuple[Record, Path | None]]


def main() -> None:
    """Entry of the command."""
    parser = OneLineParser(prog="python -m bench.report", description=__doc__)
    parser.add_argument(
        "records", nargs="*", metavar="RECORDS", help="record.json, packed records, or a folder of them"
    )
    parser.add_argument("--dataset", help="only records of this data set")
    parser.add_argument("--measure", metavar="M", help="choose the best and rank by it: recall@1, nDCG@10, ...")
    parser.add_argument("--out", metavar="DIR", help="write index.html, tables and figures there")
    parser.add_argument(
        "--format",
        metavar="A,B",
        help=f"of --out: some of {','.join(_FORMATS)} (default {_DEFAULT_FORMATS})",
    )
    parser.add_argument("--compare", nargs=2, metavar=("A", "B"), help="the second set of records against the first")
    parser.add_argument(
        "--mine",
        metavar="METHOD",
        help="this method ('NAME' or 'NAME key=value') beside the best other one, on all data sets of the records "
        f"(default {' and '.join(_MINE_PATHS)}): a table, with --out and --figure files too",
    )
    parser.add_argument("--figure", metavar="FILE", help="draw recall@10 against bytes into FILE (.png, .svg, .pdf)")
    parser.add_argument("--against", choices=_COSTS, default="bytes", help="what --figure draws recall@10 against")
    parser.add_argument(
        "--error",
        action=argparse.BooleanOptionalAction,
        help="figures have the error 1 - recall on a logarithmic scale; without: where that is easier to read",
    )
    parser.add_argument("--overview", metavar="FILE", help="draw the error of the best methods against bytes into FILE")
    parser.add_argument("--known", default="", metavar="A,B", help="methods that --overview draws wherever they lie")
    parser.add_argument(
        "--curves", metavar="FILE", help="draw recall@10 against time at each operating point of runs with an index"
    )
    parser.add_argument(
        "--pack", metavar="FILE", help="write the records into one file: .parquet, or .jsonl with a line each"
    )
    parser.add_argument(
        "--newest",
        action="store_true",
        help="of each method on a data set with a budget, only the version that was measured last",
    )
    parser.add_argument("--groups", action="store_true", help="what each run found by group of queries")
    try:
        options = parser.parse_args()
        formats = _formats(options.format or _DEFAULT_FORMATS)
        if options.mine:
            _mine(options, formats)
            return
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
    chosen = [name for name in text.lower().split(",") if name]
    if unknown := [name for name in chosen if name not in _FORMATS]:
        raise UsageError(f"--format {unknown[0]} is unknown; use some of {','.join(_FORMATS)}")
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
    if options.groups:
        tables.print_groups(chosen)
    if options.pack:
        path = Path(options.pack)
        records.pack(with_values(located, judges), path)
        significance.write(significance.beside(path), comparisons)
    if options.figure:
        _draw("figure", options.figure, lambda: _by_family(chosen, options))
    if options.curves:
        _draw("curves", options.curves, lambda: curves(chosen, options.error))
    if options.overview:
        _draw("overview", options.overview, lambda: _overview(chosen, options))
    if options.out:
        from bench.report.export import write_all

        failures = [record for record in chosen if record.status != "ok"]
        for path in write_all(rows, failures, Path(options.out), formats, ordered, options.error):
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
    without = dict.fromkeys(shown_name(row.record) for row in rows if row.quality(headline_name) is None)
    if without:
        print(f"bench.report: the best by {headline_name} leave out {', '.join(without)}, without it", file=sys.stderr)
    kind, _, k = headline_name.partition("@")
    if kind != "recall" or headline_name in HEADLINES:
        return significance.mark(chosen, [])
    comparisons, _ = significance.compare_rows(chosen, significance.folders_of(located), int(k))
    return significance.mark(chosen, comparisons)


def _mine(options: argparse.Namespace, formats: list[str]) -> None:
    """The method of ``--mine`` beside the best other one, in its newest version."""
    from bench.report.mine import standings
    from bench.report.mine_tables import print_standings

    paths = options.records or [path for path in _MINE_PATHS if Path(path).is_dir()]
    if not paths:
        raise UsageError(
            f"there is no {' and no '.join(_MINE_PATHS)} here; name the folders of your records and others'"
        )
    located = records.newest_versions(_locate(paths, options.dataset))
    compared, notes = standings(located, options.mine, options.measure)
    print_standings(options.mine, compared, notes)
    if options.out:
        from bench.report.export import write_mine

        for path in write_mine(options.mine, compared, notes, Path(options.out), formats):
            print(path)
    if options.figure:
        from bench.report.mine_figure import difference_figure

        _draw("figure", options.figure, lambda: difference_figure(options.mine, compared))


def _compare(sets: list[str], dataset: str | None) -> None:
    from bench.report.compare import compare_sets, print_comparison

    first, second = (_locate([path], dataset) for path in sets)
    print_comparison(*compare_sets(first, second))


def _by_family(chosen: list[Record], options: argparse.Namespace) -> Figure:
    from bench.report.figures import by_family

    return by_family(chosen, _COSTS[options.against], _headline(chosen), options.error)


def _overview(chosen: list[Record], options: argparse.Namespace) -> Figure:
    from bench.report.overview import overview

    known = [name for name in options.known.split(",") if name]
    return overview(chosen, known, _headline(chosen), options.error is not False)


def _headline(chosen: list[Record]) -> str:
    return next((first for record in chosen if (first := headline(record)) is not None), HEADLINES[0])


def _draw(option: str, name: str, figure: Callable[[], Figure]) -> None:
    """Write the figure into the file that the option names."""
    path = Path(name)
    pictures.kind_of(path, option)
    pictures.prepare()
    drawn = figure()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pictures.save(drawn, path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}; choose another --{option}") from error


if __name__ == "__main__":
    main()
