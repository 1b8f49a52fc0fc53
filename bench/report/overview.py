"""The picture of a whole sweep: one panel of the methods near the front and of a few that everybody knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import UsageError
from bench.records import Record
from bench.report.drawing import Vertical, colors_of, ink, ratio_ticks, title_of
from bench.report.labels import Label, Panel, write_labels
from bench.report.lines import by_size, code_bytes, lines_of, of_one_dataset, reads_disk, rescore_of, seeds_together
from bench.report.words import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NEAR = 1.4  # times the front's error: up to here a method is near the front
_GREY = "#8C8C8C"


def overview(
    records: Sequence[Record], known: Sequence[str] = (), measure: str = "recall@10", error: bool = True
) -> Figure:
    """The error ``1 - recall`` against the bytes of an item, both on a logarithmic scale: .95, .98 and .997 are apart.

    A line is a method. Drawn are those with two sizes or more that are on the front at one of them, or whose error is
    at most 1.4 times the front's at two; ``known`` ones are always drawn, gray and dashed. Re-ranked runs are left out.

    Parameters
    ----------
    records : sequence of Record
        Of one data set and metric; those that are not ``ok`` are left out.
    known : sequence of str
        Methods that readers know, to compare with: drawn wherever they lie.
    measure : str
        A key of ``Record.quality`` between 0 and 1.
    error : bool
        False draws the measure itself.

    Raises
    ------
    UsageError
        If no record has the measure, they come from several data sets, or none of ``known`` was measured.
    """
    import matplotlib.pyplot as plt

    good = seeds_together(of_one_dataset(records, measure), measure)
    plain = [r for r in good if r.method.family != "identity" and not reads_disk(r) and not rescore_of(r)]
    if not plain:
        raise UsageError(f"no compressed method has {measure}; measure one (python -m bench method=pq)")
    lines = {name: by_size(line, measure, code_bytes) for name, line in lines_of(plain).items()}
    missing = [name for name in known if name not in lines]
    if missing:
        raise UsageError(f"{', '.join(missing)} is not among the records; there are {', '.join(sorted(lines))}")
    errors = Vertical.of(plain, measure, True)
    if not errors.is_error:
        raise UsageError(f"{measure} is no share between 0 and 1, and has no error 1 - {measure}; draw recall@10")
    drawn = sorted({*known, *_near_front(lines, errors)})
    figure, axis = plt.subplots(figsize=(8.6, 5.4), layout="tight")
    colors = {**colors_of(name for name in drawn if name not in known), **dict.fromkeys(known, _GREY)}
    vertical = errors if error else Vertical.of(plain, measure, False)
    paths = {name: _path(lines[name], vertical) for name in drawn}
    for name, path in paths.items():  # a color a method, not a family: most that come near the front are of one
        dashes = "--" if name in known else "-"
        axis.plot(*path.T, dashes, color=colors[name], marker="o", markersize=4, linewidth=1.4, gid="method")
    _decorate(axis, [record for name in drawn for record in lines[name]], vertical)
    labels = [Label(name, tuple(path[-1].tolist()), ink(colors[name])) for name, path in paths.items()]
    marks = np.concatenate([path[:-1] for path in paths.values()])
    owners = [name for name, path in paths.items() for _ in path[:-1]]
    write_labels(figure, [Panel(axis, labels, marks, owners, list(paths.values()))], beside=True, fontsize=10)
    return figure


def _path(line: Sequence[Record], vertical: Vertical) -> np.ndarray:
    """Bytes and height of each record, (n, 2)."""
    values = vertical.drawn([record.quality[vertical.measure].value for record in line])
    return np.stack([[code_bytes(record) for record in line], values], axis=1)


def _near_front(lines: Mapping[str, Sequence[Record]], errors: Vertical) -> list[str]:
    """Methods on the front, or near it at two of their sizes or more."""
    paths = {name: _path(line, errors) for name, line in lines.items()}
    points = np.concatenate(list(paths.values()))
    points = points[np.lexsort((points[:, 1], points[:, 0]))]
    best = np.minimum.accumulate(points[:, 1])
    chosen = []
    for name, path in paths.items():
        ratios = path[:, 1] / best[np.searchsorted(points[:, 0], path[:, 0], side="right") - 1]
        if len(path) > 1 and ((ratios <= 1).any() or (ratios <= _NEAR).sum() > 1):
            chosen.append(name)
    return chosen


def _decorate(axis: Axes, records: Sequence[Record], vertical: Vertical) -> None:
    raw = records[0].dataset.float32_bytes
    sizes = [code_bytes(record) for record in records]
    axis.set_xscale("log", base=2)
    vertical.set_up(axis, *vertical.limits([record.quality[vertical.measure].value for record in records]))
    ratios = [2**i for i in range(1, max(1, round(np.log2(raw / min(sizes)))) + 1)]
    shown = [ratio for ratio in ratios if raw / ratio <= 1.1 * max(sizes)]
    ratio_ticks(axis, shown, raw, 40, lambda size: f"{short(size)}\n{raw / size:.0f}x")
    item = "vector" if records[0].dataset.vectors_per_item is None else "document"
    axis.set_xlabel(f"bytes per {item}, and how many times less than float32")
    axis.set_ylabel(f"{vertical.label[:-1]}; up is better)" if vertical.is_error else vertical.label)
    axis.set_title(title_of(records[0]), loc="left", fontsize=10)
    axis.grid(color="0.92")
    axis.spines[["top", "right"]].set_visible(False)
