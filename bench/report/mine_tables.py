"""One method beside the best other one: in the terminal, as Markdown, as a frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.report.mine import Standing
from bench.report.names import dataset_names
from bench.report.rows import digits_of, headlines
from bench.report.tables import terminal
from bench.report.words import number

if TYPE_CHECKING:
    import pandas as pd

RULES = (
    "difference: this method minus the best other one, on the same queries, with its 95% interval; p: paired "
    "randomization test, with several seeds no less than Welch's, Holm-corrected over the table; *: distinguishable "
    "at 5%; i: compared by intervals, values of single queries are missing; x: this method over the other, less is "
    "better"
)
_LEFT = ("data set", "budget", "method", "best other")
_FOLDED = ("method", "best other", "bytes x", "p50 x", "encode x")  # in a narrow terminal


def print_standings(
    name: str, standings: Sequence[Standing], notes: Sequence[str], console: Console | None = None
) -> None:
    """A table for each data set with a line a budget, what they come to, and what could not be compared."""
    console = console or terminal()
    columns, lines = _cells(standings)
    tables: dict[str, Table] = {}
    for cells in lines:
        if (dataset := cells[0]) not in tables:
            tables[dataset] = Table(title=f"{name} beside the best other method on {dataset}", title_justify="left")
            for column in columns[1:]:
                tables[dataset].add_column(
                    column,
                    justify="left" if column in _LEFT else "right",
                    overflow="fold",
                    no_wrap=column not in _FOLDED,
                )
        tables[dataset].add_row(*map(escape, cells[1:]))
    for table in tables.values():
        console.print(table)
    console.print(f"{name} is {summary(standings)}", highlight=False, soft_wrap=True)
    console.print(RULES, highlight=False, soft_wrap=True)
    for note in notes:
        console.print(f"[yellow]note[/]: {escape(note)}", highlight=False, soft_wrap=True)


def summary(standings: Sequence[Standing]) -> str:
    """``better than the best other method at 3 of 5 rows, worse at 1, not distinguishable at 1``."""
    counts = Counter(
        "equal" if not each.is_distinguishable else "above" if _gain(each) > 0 else "below" for each in standings
    )
    return (
        f"better than the best other method at {counts['above']} of {len(standings)} rows, worse at {counts['below']}, "
        f"not distinguishable at {counts['equal']}"
    )


def _gain(standing: Standing) -> float:
    """The difference, signed so that more is better."""
    return standing.mine.worth - standing.rival.worth


def markdown(name: str, standings: Sequence[Standing], notes: Sequence[str]) -> str:
    """The same as a page."""
    columns, lines = _cells(standings)
    rules = "|".join("---" if column in _LEFT else "---:" for column in columns)
    page = [f"# {name} beside the best of all other methods", "", f"`{name}` is {summary(standings)}.", ""]
    page += [f"| {' | '.join(columns)} |", f"|{rules}|"]
    for cells in lines:
        page.append(f"| {' | '.join(f'`{c}`' if k in _LEFT[2:] else c for k, c in zip(columns, cells))} |")
    page += ["", f"{RULES[0].upper()}{RULES[1:]}."]
    page += ["", *(f"- {note}" for note in notes)] if notes else []
    return "\n".join(page) + "\n"


def _cells(standings: Sequence[Standing]) -> tuple[list[str], list[list[str]]]:
    """Columns and lines; the method's own label stands there only where its options differ."""
    name = dataset_names(standing.mine.record for standing in standings)
    measure = headlines(standing.mine for standing in standings)
    several = len({standing.mine.label for standing in standings}) > 1
    columns = ["data set", "budget", *(["method"] if several else []), "bytes", measure, "rank", "best other"]
    columns += ["difference", "p", "bytes x", "p50 x", "encode x"]
    lines = []
    for each in standings:
        mine, difference = each.mine, each.difference
        quality, form = mine.headline_quality, digits_of(mine.headline)
        signed = "+" + (".4f" if form.endswith("f") else form)
        low, high = number(quality.low, form), number(quality.high, form)
        between = f"[{number(difference.low, signed)}, {number(difference.high, signed)}]"
        marks = ("*" if each.is_distinguishable else "") + ("" if each.is_paired else "i")
        lines.append(
            [
                name(mine.record),
                mine.record.budget.requested,
                *([mine.label] if several else []),
                str(mine.code),
                f"{number(quality.value, form)} [{low}, {high}]",
                f"{each.rank} of {each.methods}",
                each.rival.label,
                f"{number(difference.value, signed)} {between}",
                f"{each.p_adjusted:.2g}{' ' if marks else ''}{marks}",
                f"{each.bytes_ratio:.2f}",
                "-" if each.p50_ratio is None else f"{each.p50_ratio:.3g}",
                "-" if each.encode_ratio is None else f"{each.encode_ratio:.3g}",
            ]
        )
    return columns, lines


def to_frame(standings: Sequence[Standing]) -> pd.DataFrame:
    """A line a standing, with numbers as they are."""
    import pandas as pd

    name = dataset_names(standing.mine.record for standing in standings)
    return pd.DataFrame(
        {
            "dataset": name(each.mine.record),
            "budget": each.mine.record.budget.requested,
            "budget_bytes": each.mine.record.budget.bytes,
            "method": each.mine.label,
            "bytes": each.mine.code,
            "measure": each.mine.headline,
            "value": each.mine.headline_quality.value,
            "low": each.mine.headline_quality.low,
            "high": each.mine.headline_quality.high,
            "seeds": len(each.mine.records),
            "rank": each.rank,
            "methods": each.methods,
            "rival": each.rival.label,
            "rival_value": each.rival.headline_quality.value,
            "difference": each.difference.value,
            "difference_low": each.difference.low,
            "difference_high": each.difference.high,
            "paired": each.is_paired,
            "p_adjusted": each.p_adjusted,
            "bytes_ratio": each.bytes_ratio,
            "p50_ratio": each.p50_ratio,
            "encode_ratio": each.encode_ratio,
        }
        for each in standings
    )
