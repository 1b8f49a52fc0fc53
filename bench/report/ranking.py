"""The ranking of the methods of each track over data sets and budgets: in the terminal, as Markdown, as a frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.measure.ranking import Ranked, rank_methods
from bench.report.names import scenario_of
from bench.report.rows import Row, headlines
from bench.report.tables import terminal

if TYPE_CHECKING:
    import pandas as pd

TRACKS = {"dense": "single vectors", "multivector": "sets of vectors", "table": "embedding tables"}
RULE = (
    "only what was measured together counts: strengths of a Bradley-Terry model of the duels of two methods on a data "
    "set at a budget (a group), ties half; the win rate is the share of duels that a method is expected to win if it "
    "met all others equally often; the interval is a bootstrap over groups"
)
_COLUMNS = ("method", "rank", "95%", "win rate", "measured in", "duels won")


@dataclass(frozen=True)
class Ranking:
    """Methods of one track, best first.

    Attributes
    ----------
    measure : str
        What they were ranked by in each group.
    groups : int
        Data sets and budgets that at least two of them were measured at.
    left_out : list of str
        Methods that never met those ranked, not even through others, so that nothing says which are better.
    """

    track: str
    measure: str
    groups: int
    places: list[Ranked]
    left_out: list[str]


def rankings(rows: Sequence[Row]) -> list[Ranking]:
    """A ranking for each track: a method of one cannot run on, or lose at, the groups of another.

    A track with fewer than two groups or methods has none.
    """
    rows = [row for row in rows if not scenario_of(row.record)]  # which methods change less is another question
    tracks = dict.fromkeys(row.track for row in rows)
    per_track = [_ranking(track, [row for row in rows if row.track == track]) for track in tracks]
    return [ranking for ranking in per_track if ranking is not None]


def _ranking(track: str, rows: Sequence[Row]) -> Ranking | None:
    scores: dict[tuple, dict[str, float]] = {}
    for row in rows:
        if row.family != "identity":
            scores.setdefault(row.group, {})[row.label] = row.worth
    # Where one method alone was measured nothing was compared: it beats nobody there.
    groups = [group for group in scores.values() if len(group) > 1]
    names = sorted({name for group in groups for name in group})
    if len(groups) < 2:
        return None
    places = rank_methods(names, np.array([[group.get(name, np.nan) for name in names] for group in groups]))
    ranked = {place.name for place in places}
    met = sum(len(ranked & group.keys()) > 1 for group in groups)
    return Ranking(track, headlines(rows), met, places, [name for name in names if name not in ranked])


def _left_out(ranking: Ranking) -> str:
    """What says of which methods there is no place, and why; empty if all have one."""
    if not ranking.left_out:
        return ""
    return f"not ranked, for they never met these, not even through others: {', '.join(ranking.left_out)}"


def _cells(place: Ranked, groups: int) -> tuple[str, ...]:
    return (
        place.name,
        f"{place.rank:g}",
        f"{place.rank_low:.3g} to {place.rank_high:.3g}",
        f"{place.win_rate:.1%}",
        f"{place.tasks} of {groups}",
        f"{place.won:,.10g} of {place.duels:,}",
    )


def print_rankings(rows: Sequence[Row], console: Console | None = None) -> None:
    """A table for each track, and how it is counted."""
    console = console or terminal()
    printed = rankings(rows)
    for ranking in printed:
        table = Table(title=_title(ranking), title_justify="left")
        for column in _COLUMNS:
            table.add_column(column, justify="left" if column == "method" else "right", overflow="fold")
        for place in ranking.places:
            table.add_row(*_cells(place, ranking.groups))
        console.print(table)
        if note := _left_out(ranking):
            console.print(escape(note), highlight=False, soft_wrap=True)
    if printed:
        console.print(RULE, highlight=False, soft_wrap=True)


def markdown(listed: Sequence[Ranking]) -> str:
    """A heading and a table for each track, and how it is counted."""
    lines = []
    for ranking in listed:
        lines += [f"## {_title(ranking)}", "", f"| {' | '.join(_COLUMNS)} |", "|---|---:|---:|---:|---:|---:|"]
        for place in ranking.places:
            name, *others = _cells(place, ranking.groups)
            lines.append(f"| `{name}` | {' | '.join(others)} |")
        lines.append("")
        if note := _left_out(ranking):
            lines += [note[0].upper() + note[1:] + ".", ""]
    return "\n".join([*lines, RULE[0].upper() + RULE[1:] + "."]) + "\n"


def frame(listed: Sequence[Ranking]) -> pd.DataFrame:
    """A line a method and track; of methods that have no place (:attr:`Ranking.left_out`) without ranks."""
    import pandas as pd

    lines = []
    for ranking in listed:
        for place in ranking.places:
            values = asdict(place)
            name, tasks = values.pop("name"), values.pop("tasks")
            lines.append(
                {"track": ranking.track, "measure": ranking.measure, "method": name}
                | values
                | {"measured_in": tasks, "groups": ranking.groups}
            )
        of = {"track": ranking.track, "measure": ranking.measure}
        lines += [{**of, "method": name} for name in ranking.left_out]
    return pd.DataFrame(lines)


def _title(ranking: Ranking) -> str:
    return f"ranking of {TRACKS[ranking.track]} by {ranking.measure} over {ranking.groups} groups"
