"""Makes ``docs/multivector_error.png``: what bytes in memory keep of Chamfer's first ten, alone and with a disk.

    python results/scripts/multivector_figure.py

From ``multivector_measured.csv`` and the records of token codes in ``results/tokens``, both of ``squad-tokens-128``. On
the left the documents that a search in memory returns; on the right those among the first 40, which an exact re-rank of
40 documents from disk puts in order. Errors, on a logarithmic scale: .9 and .99 are apart. ``make publish`` runs it.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from multivector_page import FIRST, groups
from multivector_runs import COUNTS, UNCOMPRESSED, load, recalls
from quotes import ROOT
from tokens import PACK

from bench import records
from bench.report import pictures
from bench.report.drawing import colors_of, ink
from bench.report.labels import Label, Panel, write_labels

PICTURE = ROOT / "docs" / "multivector_error.png"
CANDIDATES = 40
LINES = {  # name in the picture: method and codec in the csv
    "lemur (rq_trellis)": ("lemur", "rq_trellis"),
    "lemur (transform_coding)": ("lemur", "transform_coding"),
    "muvera (sign)": ("muvera", "sign"),
    "muvera (pq)": ("muvera", "pq"),
    "mean_pooling (float16)": ("mean_pooling", "float16"),
    "kmeans_pooling (sign)": ("kmeans_pooling", "sign"),
    "token_pooling (sign)": ("token_pooling", "sign"),
}
TOKENS = ("token_codec (rq_trellis)", "token_codec (pq)", "colbert_residual")


def measured(at: int) -> dict[str, np.ndarray]:
    """Bytes and error (n, 2) of each line, by the first ``COUNTS[at]`` documents, on average over seeds."""
    points: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for (method, codec, _), rows in groups(load(FIRST)).items():
        if codec != UNCOMPRESSED:
            error = 1 - float(np.mean([recalls(row)[at].mean() for row in rows]))
            points.setdefault((method, codec), []).append((int(rows[0]["code"]), error))
    return {name: np.array(sorted(points[of])) for name, of in LINES.items() if of in points}


def token_codes() -> dict[str, np.ndarray]:
    """Bytes and error (n, 2) of codes of every token, which are searched in memory, on average over seeds."""
    errors: dict[str, dict[int, list[float]]] = {}
    for record in records.find([PACK]):
        if record.status != "ok" or record.config["rescore"] is not None or record.bytes is None:
            continue
        codec = record.method.requested.get("codec")
        name = record.method.name + (f" ({codec})" if codec else "")
        if name in TOKENS:
            errors.setdefault(name, {}).setdefault(record.bytes.code, []).append(1 - record.quality["recall@10"].value)
    return {
        name: np.array([(size, np.mean(of)) for size, of in sorted(sizes.items())]) for name, sizes in errors.items()
    }


def panel(axis: Axes, title: str, lines: dict[str, np.ndarray], colors: dict[str, str]) -> Panel:
    """Lines of error over bytes, named at their last points."""
    for name, path in lines.items():
        axis.plot(*path.T, "o-", color=colors[name], markersize=4, linewidth=1.4)
    axis.set_title(title, loc="left", fontsize=10)
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.grid(color="0.92")
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_xlabel("bytes in memory for a document")
    axis.xaxis.set_major_formatter(lambda size, _: f"{size:,.0f}")
    labels = [Label(name, (float(path[-1, 0]), float(path[-1, 1])), ink(colors[name])) for name, path in lines.items()]
    marks = [path[:-1] for path in lines.values()]
    owners = [name for name, path in lines.items() for _ in path[:-1]]
    return Panel(axis, labels, np.concatenate(marks), owners, list(lines.values()))


def figure_of() -> Figure:
    """Two panels with one scale of errors."""
    alone, on_disk = measured(0) | token_codes(), measured(COUNTS.index(CANDIDATES))
    colors = colors_of([*alone, *on_disk])
    figure, axes = plt.subplots(1, 2, figsize=(12, 4.8), sharey=True, layout="constrained")
    titles = ("in memory alone", f"{CANDIDATES} candidates re-ranked by the documents on disk")
    panels = [panel(*each, colors) for each in zip(axes, titles, (alone, on_disk))]
    errors = np.concatenate([path[:, 1] for path in (*alone.values(), *on_disk.values())])
    axes[0].set_ylim(1.15 * errors.max(), errors.min() / 1.15)
    axes[0].set_ylabel("error: 1 - recall@10 (log scale; up is better)")
    axes[0].yaxis.set_major_formatter(lambda error, _: f"{error:g}")
    axes[0].yaxis.set_minor_formatter(lambda error, _: f"{error:g}" if _shown(error) else "")
    write_labels(figure, panels, beside=True)
    return figure


def _shown(error: float) -> bool:
    """Of minor ticks, those that begin with 2, 3 or 5."""
    return round(error / 10 ** np.floor(np.log10(error))) in (2, 3, 5)


def main() -> None:
    pictures.prepare()
    pictures.save(figure_of(), PICTURE)


if __name__ == "__main__":
    main()
