"""Writes ``results/layers/NAME.md``, draws ``docs/layers.png`` and fills the tables of ``docs/layers.md``: what queries
at an inner layer of their encoder find, at which time and bytes.

    python results/scripts/layers.py

From the packed records in ``results/layers`` (``experiment=layers``); ``make publish`` runs it.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from quotes import put

from bench import records
from bench.measure.statistics import Interval
from bench.records import Record
from bench.report import pictures
from bench.report.drawing import ink
from bench.report.labels import Label, Panel, write_labels
from bench.tracks.layers import UNMAPPED

ROOT = Path(__file__).parents[2]
LAYERS, PAGE, PICTURE = ROOT / "results" / "layers", ROOT / "docs" / "layers.md", ROOT / "docs" / "layers.png"
WIDTHS = ("pca", "truncation")  # methods whose dimension is the axis of a table
BLUE, ORANGE, GREEN, GRAY = "#0072B2", "#D55E00", "#009E73", "#666666"  # color-blind safe
WAYS = {"queries": BLUE, "both": GREEN, "both, unmapped": ORANGE}
PAIRS = ((1, 32), (2, 64), (3, 128), (4, 192), (5, 256), (6, 384))  # layers and dimensions of ``layer_heads.py``
AT = ("both", "queries")  # what is at a pair: documents too, or queries over documents at the last layer
MEASURES = {"recall@10": "recall@10 of the last layer's neighbors", "MRR@10": "MRR@10 of the answer's sentence"}


@dataclass(frozen=True)
class Runs:
    """All runs on the layers of one encoder."""

    records: Sequence[Record]

    @cached_property
    def exact(self) -> Record:
        """Without a code: float16 at full width."""
        return next(record for record in self.records if record.method.full_name == "float16")

    @cached_property
    def coded(self) -> list[Record]:
        """All methods at full width, the most bytes first."""
        kept = [record for record in self.records if record.method.full_name not in WIDTHS]
        return sorted(kept, key=lambda record: (-size(record), -plain(record).value))

    @cached_property
    def measured(self) -> list[int]:
        """Layers before the last that every run has."""
        layers = range(1, self.last)
        return [n for n in layers if all(f"{self.setting('queries', n)} recall@10" in r.quality for r in self.records)]

    def widths(self, method: str) -> dict[int, Record]:
        """Of ``pca`` or ``truncation``: the runs by dimension, ascending."""
        kept = [record for record in self.records if record.method.full_name == method]
        return {int((record.method.params or {})["out_dim"]): record for record in sorted(kept, key=size)}

    @cached_property
    def last(self) -> int:
        """How many layers the encoder has."""
        rates = self.exact.throughput or {}
        return max(int(name.split()[1]) for name in rates if name.startswith("layer "))

    def ms(self, layer: int, kind: str = "queries") -> float:
        """CPU time of encoding one query or text as far as a layer."""
        return 1e3 / (self.exact.throughput or {})[f"layer {layer} {kind}_per_s"]

    def saved(self, layer: int, kind: str = "queries") -> float:
        """The share of the time of all layers that is saved."""
        return 1 - self.ms(layer, kind) / self.ms(self.last, kind)

    def setting(self, way: str, layer: int) -> str:
        """How a record calls one of :data:`WAYS`."""
        if way == "queries":
            return f"{layer}->{self.last}"
        return f"{layer}->{layer}" + (f" {UNMAPPED}" if way != "both" else "")


def size(record: Record) -> int:
    assert record.bytes is not None
    return record.bytes.code


def plain(record: Record, measure: str = "recall@10") -> Interval:
    """With all layers."""
    return record.quality[measure]


def kept(record: Record, setting: str, measure: str) -> str:
    """The share of the plain run's measure that a setting keeps, with the interval of what it loses, query by query."""
    reached, loss = plain(record, measure).value, record.quality[f"{setting} {measure}_loss"]
    shares = [1 - part / reached for part in (loss.value, loss.high, loss.low)]
    return "{:.3f} [{:.3f}, {:.3f}]".format(*shares)


def layer_table(runs: Runs) -> list[str]:
    """A line a layer: what encoding takes, and what is kept of recall and of MRR."""
    exact = runs.exact
    lines = [
        "| layer | ms a query | saved | ms a sentence | saved | recall kept: queries | both | both, unmapped "
        "| MRR kept: queries | both | both, unmapped |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for layer in range(1, runs.last):
        times = [
            text
            for kind in ("queries", "texts")
            for text in (f"{runs.ms(layer, kind):.2f}", f"{runs.saved(layer, kind):.0%}")
        ]
        shares = [kept(exact, runs.setting(way, layer), measure) for measure in MEASURES for way in WAYS]
        lines.append(f"| {layer} | {' | '.join([*times, *shares])} |")
    times = [text for kind in ("queries", "texts") for text in (f"{runs.ms(runs.last, kind):.2f}", "-")]
    values = [f"{plain(exact, measure).value:.3f} found" for measure in MEASURES for _ in WAYS]
    lines.append(f"| {runs.last} | {' | '.join([*times, *values])} |")
    return lines


def width_table(runs: Runs) -> list[str]:
    """A line a dimension: recall of queries at each layer over documents at the last."""
    heads = [f"queries at {layer}" for layer in runs.measured] + [f"at {runs.last}"]
    lines = [f"| dimensions | bytes | {' | '.join(heads)} |", f"|---|---:|{'---:|' * len(heads)}"]
    cases = [(f"{width}, {method}", record) for method in WIDTHS for width, record in runs.widths(method).items()]
    full = f"{runs.exact.dataset.dim}, all"
    for name, record in [*cases, (full, runs.exact)]:
        lines.append(f"| {name} | {size(record)} | {' | '.join(recalls(runs, record))} |")
    return lines


def code_table(runs: Runs) -> list[str]:
    """A line a method and budget: recall of queries at each layer over documents at the last, and of both."""
    heads = [f"queries at {layer}" for layer in runs.measured] + [f"all at {runs.last}"]
    both = [f"both at {layer}" for layer in runs.measured]
    lines = [f"| method | bytes | {' | '.join([*heads, *both])} |", f"|---|---:|{'---:|' * len([*heads, *both])}"]
    for record in runs.coded:
        settings = [record.quality[f"{runs.setting('both', layer)} recall@10"].value for layer in runs.measured]
        cells = [*recalls(runs, record), *(f"{value:.3f}" for value in settings)]
        lines.append(f"| `{record.method.full_name}` | {size(record)} | {' | '.join(cells)} |")
    return lines


def recalls(runs: Runs, record: Record) -> list[str]:
    """recall@10 of queries at each layer, the last one included."""
    settings = [f"{runs.setting('queries', layer)} recall@10" for layer in runs.measured]
    return [f"{record.quality[name].value:.3f}" for name in [*settings, "recall@10"]]


def heads_table(lines: Sequence[Mapping[str, str]], at: str) -> list[str]:
    """A line for each pair of ``layer_heads.py`` and measure: the closed form, and every loss by seed.

    "+" and "-" are above and below the closed form of the same seed by the paired test (Holm, 5%).
    """
    lines = [line for line in lines if line["at"] == at and (int(line["layer"]), int(line["dimensions"])) in PAIRS]
    runs = list(dict.fromkeys((line["loss"], line["seed"]) for line in lines))
    heads = " | ".join(f"{loss}, seed {seed}" for loss, seed in runs)
    rows = [f"| layer | dimensions | measure | closed form | {heads} |", "|---:|---:|---|---:|" + "---:|" * len(runs)]
    of = {tuple(line[name] for name in ("loss", "seed", "layer", "dimensions", "measure")): line for line in lines}
    for (layer, width), measure in itertools.product(PAIRS, MEASURES):
        own = [of[*run, str(layer), str(width), measure] for run in runs]
        cells = [f"{float(own[0]['closed_form']):.3f}"]
        for line in own:
            sign = ("+" if float(line["gain"]) > 0 else "-") if float(line["p_holm"]) < 0.05 else ""
            cells.append(f"{float(line['value']):.3f}{sign}")
        rows.append(f"| {layer} | {width} | {measure} | {' | '.join(cells)} |")
    return rows


def page(name: str, runs: Runs) -> list[str]:
    """The text of ``results/layers/NAME.md``."""
    record = runs.exact
    data = record.dataset
    return [
        f"# Layers: {name}",
        "",
        "Made by `python results/scripts/layers.py` from the records here (`experiment=layers`).",
        f"{data.n:,} documents, {data.queries:,} questions, {data.metric}, {record.environment['cpu']}.",
        "Times are CPU time of one thread, tokenizing included: questions one at a time, sentences in batches.",
        "",
        "*Queries*: at the layer, mapped, over documents at the last one. *Both*: documents at the layer too. *Kept*:",
        "the share of recall@10 (of the exact neighbors by the last layer) and of MRR@10 (of the answering sentence)",
        "that all layers reach, with a 95% interval over questions.",
        "",
        "## By layer, without a code",
        "",
        *layer_table(runs),
        "",
        "## recall@10 by layer and dimension",
        "",
        *width_table(runs),
        "",
        "## recall@10 by layer and bytes",
        "",
        *code_table(runs),
    ]


def figure_of(sets: dict[str, Runs]) -> Figure:
    """A row an encoder: recall and MRR against the time to encode a query, and recall against bytes."""
    figure, axes = plt.subplots(len(sets), 3, figsize=(15, 4.3 * len(sets)), squeeze=False, layout="constrained")
    over_time, over_bytes = [], []
    for row, (name, runs) in zip(axes, sets.items()):
        over_time += [by_time(axis, runs, measure) for axis, measure in zip(row, MEASURES)]
        over_bytes.append(by_bytes(row[2], runs))
        row[0].set_title(name, loc="left", fontsize=10)
    write_labels(figure, over_bytes, beside=True)
    write_labels(figure, over_time)
    return figure


def by_time(axis: Axes, runs: Runs, measure: str) -> Panel:
    """A line for each way to use a layer, over the time that encoding a query takes."""
    labels, paths = [], []
    for way, color in WAYS.items():
        values = [runs.exact.quality[f"{runs.setting(way, layer)} {measure}"] for layer in range(1, runs.last)]
        points = [*values, plain(runs.exact, measure)]
        path = np.array([(runs.ms(layer), point.value) for layer, point in enumerate(points, 1)])
        spans = np.abs(np.array([(point.low, point.high) for point in points]).T - path[:, 1])
        axis.errorbar(
            path[:, 0], path[:, 1], yerr=spans, fmt="o-", color=color, markersize=3.5, linewidth=1.3, elinewidth=0.8
        )
        labels.append(Label(way, (float(path[0, 0]), float(path[0, 1])), ink(color)))
        paths.append(path)
    axis.margins(x=0.12)
    for layer in range(1, runs.last + 1):
        axis.annotate(
            f"layer {layer}", (runs.ms(layer), 0.02), xycoords=("data", "axes fraction"), fontsize=8, ha="center"
        )
    return _finished(axis, "ms to encode a query (CPU time, one thread)", MEASURES[measure], labels, paths)


def by_bytes(axis: Axes, runs: Runs) -> Panel:
    """A line for each layer of queries, over bytes of a document: PCA to fewer dimensions (lines) and codes (dots)."""
    labels, paths, marks = [], [], []
    layers = [*runs.measured, runs.last]
    for layer, shade in zip(layers, plt.get_cmap("viridis")(np.linspace(0.7, 0.0, len(layers)))):
        name = "recall@10" if layer == runs.last else f"{runs.setting('queries', layer)} recall@10"
        wide = [*runs.widths("pca").values(), runs.exact]
        path = np.array([(size(record), record.quality[name].value) for record in wide])
        axis.plot(*path.T, "-", color=shade, linewidth=1.3)
        dots = np.array([(size(record), record.quality[name].value) for record in runs.coded])
        axis.plot(*dots.T, "o", color=shade, markersize=3.5)
        labels.append(Label(f"queries at {layer}", (float(path[-1, 0]), float(path[-1, 1])), ink(shade)))
        paths.append(path)
        marks.append(dots)
    axis.set_xscale("log", base=2)
    axis.xaxis.set_major_formatter(lambda n, _: f"{n:,.0f}")
    finished = _finished(axis, "bytes a document (lines: PCA in float16; dots: codes)", "recall@10", labels, paths)
    return Panel(axis, finished.labels, np.concatenate(marks), (), paths)


def _finished(axis: Axes, x: str, y: str, labels: list[Label], paths: list[np.ndarray]) -> Panel:
    axis.set_xlabel(x)
    axis.set_ylabel(y)
    axis.set_ylim(bottom=0)
    axis.grid(color="0.92")
    axis.spines[["top", "right"]].set_visible(False)
    return Panel(axis, labels, np.concatenate([path[1:] for path in paths]), (), paths)


def read(packs: Iterable[Path]) -> dict[str, Runs]:
    """The runs of each data set, the one with most layers first."""
    sets = {
        pack.stem: Runs([record for record in records.find([pack]) if record.status == "ok"]) for pack in sorted(packs)
    }
    return dict(sorted(sets.items(), key=lambda item: -item[1].last))


def main() -> None:
    pictures.prepare()
    sets = read(LAYERS.glob("*.parquet"))
    for name, runs in sets.items():
        (LAYERS / f"{name}.md").write_text("\n".join(page(name, runs)) + "\n")
        for table, lines in (("layers", layer_table(runs)), ("widths", width_table(runs)), ("codes", code_table(runs))):
            put(PAGE, f"{table} of {name}", lines)
    with (LAYERS / "heads.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    for at in AT:
        put(PAGE, f"heads, {at}", heads_table(lines, at))
    pictures.save(figure_of(sets), PICTURE)


if __name__ == "__main__":
    main()
