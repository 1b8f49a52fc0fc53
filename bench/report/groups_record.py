"""What a run found by group of queries: a table, and whether compression costs a group more than the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table

from bench.measure.by_group import MEASURES, GroupInfo
from bench.measure.statistics import Interval, holm
from bench.report.words import interval, number

_LEVEL = 0.05
_LEAST_P = 1e-9  # below which a normal approximation says nothing
_TOLD = ("recall@10", "MRR@10")  # losses that are put in words

Groups = Mapping[str, Mapping[str, GroupInfo]]


def groups_table(groups: Groups, title: str) -> Table:
    """A line a group: its measures, and what it lost of the exact neighbors' recall@10 and MRR@10."""
    infos = [info for members in groups.values() for info in members.values()]
    known = [name for name in MEASURES if any(name in info.quality for info in infos)]
    lost = [name for name in _TOLD if name in known]
    table = Table(title=f"{title}, by group of queries", title_justify="left")
    for column in ("group", "queries", *known, *(f"{name} lost" for name in lost)):
        table.add_column(column, justify="left" if column == "group" else "right", no_wrap=True)
    for heading, members in groups.items():
        for label, info in members.items():
            quality = [number(info.quality[name].value, ".3f") if name in info.quality else "-" for name in known]
            losses = [interval(info.lost[name]) if name in info.lost else "-" for name in lost]
            table.add_row(f"{heading}: {label}", f"{info.queries:,}", *quality, *losses)
    return table


def told(groups: Groups) -> list[dict[str, Any]]:
    """A dictionary a group, for the page: ``group``, ``queries``, ``quality`` and ``lost``.

    ``quality`` holds value, low and high by measure. ``lost``, of recall@10 and MRR@10, holds these of what is lost of
    the exact neighbors' measure, the p of that, what all other queries lose, and the p of losing as much as they do;
    both p are Holm's over the groups of a heading, and None where there was no test.
    """
    lines = []
    for heading, members in groups.items():
        corrected = {
            name: {field: _corrected(members, field, name) for field in ("p_lost", "p_others")} for name in _TOLD
        }
        for label, info in members.items():
            lost = {
                name: [
                    *_rounded(info.lost[name]),
                    corrected[name]["p_lost"].get(label),
                    None if name not in info.others_lost else round(info.others_lost[name], 4),
                    corrected[name]["p_others"].get(label),
                ]
                for name in _TOLD
                if name in info.lost
            }
            quality = {name: _rounded(value) for name, value in info.quality.items()}
            lines.append({"group": f"{heading}: {label}", "queries": info.queries, "quality": quality, "lost": lost})
    return lines


def _corrected(members: Mapping[str, GroupInfo], field: str, measure: str) -> dict[str, float]:
    """p of each group that was tested, Holm-corrected, to four digits."""
    tested = {
        label: getattr(info, field)[measure] for label, info in members.items() if measure in getattr(info, field)
    }
    return {label: float(f"{p:.4g}") for label, p in zip(tested, holm(list(tested.values())))}


def _rounded(value: Interval) -> list[float]:
    return [round(float(number), 4) for number in (value.value, value.low, value.high)]


def statements(groups: Groups) -> Iterator[str]:
    """A line for each group that loses more than the others (5%, Holm over the groups of a heading)."""
    for heading, members in groups.items():
        for name in _TOLD:
            tested = {label: info for label, info in members.items() if name in info.p_others}
            for (label, info), p in zip(tested.items(), holm([info.p_others[name] for info in tested.values()])):
                if p < _LEVEL and info.lost[name].value > info.others_lost[name]:
                    yield f"{heading} {label}: {_words(info, name)} ({_chance(p)})"


def _chance(p: float) -> str:
    return f"p {p:.2g}" if p >= _LEAST_P else f"p below {_LEAST_P:g}"


def _words(info: GroupInfo, name: str) -> str:
    lost, others = info.lost[name].value, info.others_lost[name]
    return f"loses {number(lost, '.3f')} of {name}, more than the others' {number(others, '.3f')}"
