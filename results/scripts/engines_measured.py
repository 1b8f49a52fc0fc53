"""Draws ``docs/engines_measured.png`` and writes ``results/engines/NAME.md``: real engines beside methods, measured.

    python results/scripts/engines_measured.py [--beside RESULTS]

From the packed records of engines in ``results/engines`` and of methods in ``results/published``; ``make publish`` runs
it. A record of an engine says what it held on disk and in memory; a method is drawn at the bytes of its code.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

import bench
from bench import records
from bench.engines import Offer, offers
from bench.records import Record
from bench.report import pictures
from bench.report.drawing import colors_of
from bench.report.export import headline_interval
from bench.report.rows import Row, rows_of
from methods import MethodError

ROOT = Path(__file__).parents[2]
ENGINES, PUBLISHED = ROOT / "results" / "engines", ROOT / "results" / "published"
PICTURE = ROOT / "docs" / "engines_measured.png"
_LEAST_ERROR = 1e-3  # what is drawn of a recall of 1
_ALIKE = 0.01  # of recall, within which a scheme has what the method that it equals has


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--beside", metavar="RESULTS", help="first measure the methods beside the schemes, into a folder"
    )
    options = parser.parse_args()
    packs = sorted(ENGINES.glob("*.parquet"))
    measured = {path.stem: [r for r in records.find([path]) if r.status == "ok"] for path in packs}
    if options.beside is not None:
        for of_engines in measured.values():
            measure_beside(of_engines, options.beside)
        return
    for name, of_engines in measured.items():
        (ENGINES / f"{name}.md").write_text("\n".join(table(of_engines, methods_on(of_engines))) + "\n")
    pictures.prepare()
    figure, axes = plt.subplots(
        len(measured), 2, figsize=(11, 5.0 * len(measured)), squeeze=False, layout="constrained"
    )
    colors = colors_of({r.engine.title for of_engines in measured.values() for r in of_engines if r.engine})
    for row, of_engines in zip(axes, measured.values()):
        front = front_of(methods_on(of_engines))
        for axis, where in zip(row, ("memory", "disk")):
            draw(axis, of_engines, front, where, colors)
    handles = [plt.Line2D([], [], color=color, marker="o", linestyle="", label=name) for name, color in colors.items()]
    handles += [
        plt.Line2D([], [], color="0.4", marker="o", linestyle="", label="by codes alone"),
        plt.Line2D([], [], color="0.4", marker="o", markerfacecolor="white", linestyle="", label="rescored"),
        plt.Line2D([], [], color="0.75", linewidth=3, label="best method at each size"),
    ]
    figure.legend(handles=handles, fontsize=8, frameon=False, ncols=6, loc="outside lower center")
    pictures.save(figure, PICTURE)


def methods_on(of_engines: Sequence[Record]) -> list[Record]:
    """Records of methods on the same vectors, from the published pack or beside those of engines, without rescoring."""
    name, checksum = of_engines[0].dataset.name, of_engines[0].dataset.checksum
    paths = [path for path in (ENGINES / "methods" / f"{name}.parquet", PUBLISHED / f"{name}.parquet") if path.exists()]
    return [
        r
        for r in records.find(paths)
        if r.status == "ok"
        and r.engine is None
        and r.dataset.checksum == checksum
        and r.config.get("rescore") is None
        and r.method.family != "identity"
    ]


def front_of(of_methods: Sequence[Record]) -> np.ndarray:
    """Bytes and error of the best method at each size, (n, 2), by ascending bytes."""
    points = sorted((float(r.bytes.code), error_of(r)) for r in of_methods if r.bytes is not None)
    best: list[tuple[float, float]] = []
    for size, error in points:
        if not best or error < best[-1][1]:
            best.append((size, error))
    return np.array(best)


def error_of(record: Record) -> float:
    """``1 - recall@10``, as it is drawn on a logarithmic axis."""
    return max(_LEAST_ERROR, 1 - record.quality["recall@10"].value)


def held(record: Record, where: str) -> float:
    """Bytes that an engine holds of a vector in memory or on disk, measured."""
    assert record.engine is not None
    total = record.engine.resident_bytes if where == "memory" else record.engine.disk_bytes
    return total / record.dataset.n


def draw(axis: Axes, of_engines: Sequence[Record], front: np.ndarray, where: str, colors: dict[str, str]) -> None:
    """One panel: engines' schemes over the front of all methods."""
    axis.plot(*front.T, color="0.75", linewidth=3, zorder=1)
    for record in of_engines:
        assert record.engine is not None
        color, rescored = colors[record.engine.title], record.config["rescore"] is not None
        size = max(1.0, held(record, where))
        axis.plot(
            size, error_of(record), "o", color=color, markerfacecolor="white" if rescored else color, markersize=5
        )
    data = of_engines[0].dataset
    raw = data.float32_bytes
    axis.axvline(raw, color="0.6", linewidth=0.8, linestyle=":")
    axis.text(raw, 1.02, "float32", transform=axis.get_xaxis_transform(), fontsize=7, ha="center", color="0.4")
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.invert_yaxis()
    ticks = [0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001]
    axis.set_yticks(ticks, [f"{1 - tick:.3g}" for tick in ticks])
    axis.minorticks_off()
    sizes = [2**i for i in range(4, 13)]
    axis.set_xticks(sizes, [str(size) for size in sizes])
    axis.set_ylabel("recall@10 (error on a logarithmic scale)")
    axis.set_xlabel(f"bytes of a vector really held {'in memory' if where == 'memory' else 'on disk'}")
    axis.set_title(f"{data.name}: {data.n:,} x {data.dim}, {where}", loc="left", fontsize=9)
    axis.grid(color="0.93")
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)


def table(of_engines: Sequence[Record], of_methods: Sequence[Record]) -> list[str]:
    """A line a scheme and size, by engine."""
    data, environment = of_engines[0].dataset, of_engines[0].environment
    columns = "engine | scheme | bytes | memory | disk | searched | recall@10 | rescored | method | its recall"
    lines = [
        f"# Engines on {data.name}",
        "",
        f"{data.n:,} x {data.dim}, {data.metric}, {data.queries:,} queries, {environment['cpu']}, one thread.",
        "Made by `python results/scripts/engines_measured.py` from the records here.",
        "*Bytes* are those of a code by the formula of the [catalogue](../../docs/engines.md). *Memory* and *disk* are",
        "measured, of a vector, with everything that the engine keeps there. *Method* is what this project measures",
        "with the same codes (=) or near ones (≈), at as many bytes; in bold where recalls of equal codes that are all",
        "visited are more than .01 apart." + _busy(of_engines),
        "",
        f"| {columns} | p50 ms | built/s |",
        "|---|---|---:|---:|---:|---|---|---|---|---|---:|---:|",
    ]
    rows = {(row.record.config["rescore"], _key(row.record)): row for row in rows_of(of_engines)}
    for key in sorted({key for _, key in rows}):
        if (row := rows.get((None, key))) is not None:
            lines.append(f"| {' | '.join(_cells(row, rows.get(('engine', key)), of_methods))} |")
    return lines


def _busy(of_engines: Sequence[Record]) -> str:
    shared = sum(bool(record.latency_shared) for record in of_engines)
    return f" {shared} of {len(of_engines)} latencies were taken beside other work." if shared else ""


def _key(record: Record) -> tuple[str, str, int, str]:
    engine, size = record.engine, record.bytes
    assert engine is not None
    assert size is not None
    return engine.title, engine.scheme, -size.code, str(record.method.params)


def _cells(row: Row, rescored: Row | None, of_methods: Sequence[Record]) -> Iterator[str]:
    record, engine = row.record, row.record.engine
    assert engine is not None
    yield engine.title
    yield f"`{engine.scheme}`"
    yield str(row.code)
    yield f"{held(record, 'memory'):,.0f}"
    yield f"{held(record, 'disk'):,.0f}"
    yield _searched(engine.index)
    yield headline_interval(row)
    scheme = offer_of(record).scheme  # as the catalogue has it now
    never = scheme.rescoring.when == "never"
    unknown = "never" if never else "not measured"
    yield unknown if rescored is None else f"{rescored.headline_quality.value:.3f}"
    beside = _beside(record, of_methods)
    yield f"{'=' if scheme.equals else '≈'} `{scheme.method}`" if scheme.method else "-"
    if beside is None:
        yield "not measured"
    else:
        value = beside.quality["recall@10"].value
        visits_all = engine.index["kind"] == "flat" or "all" in engine.index.values()
        apart = scheme.equals and visits_all and abs(value - row.headline_quality.value) > _ALIKE
        yield f"**{value:.3f}**" if apart else f"{value:.3f}"
    yield f"{record.latency_ms['p50']:.3g}" if record.latency_ms else "-"
    yield f"{record.throughput['encode_vectors_per_s']:,.0f}" if record.throughput else "-"


def _searched(index: dict) -> str:
    options = ", ".join(f"{key} {value}" for key, value in index.items() if key != "kind")
    return f"{'all codes' if index['kind'] == 'flat' else index['kind']}{f' ({options})' if options else ''}"


def _beside(record: Record, of_methods: Sequence[Record]) -> Record | None:
    """The record of the method that the scheme equals or is nearest to, with its parameters and at as many bytes."""
    offer = offer_of(record)
    return next(
        (
            r
            for r in of_methods
            if r.method.name == offer.scheme.method
            and r.budget.bytes == offer.method_bytes
            and all(str(r.method.requested.get(key)) == str(value) for key, value in offer.params.items())
        ),
        None,
    )


def offer_of(record: Record) -> Offer:
    """What the catalogue says of the scheme and settings of a record."""
    engine, params = record.engine, record.method.params or {}
    assert engine is not None
    listed = offers(engine.name, record.dataset.dim, record.dataset.metric, engine.scheme)
    return next(offer for offer in listed if all(params.get(key) == value for key, value in offer.settings.items()))


def measure_beside(of_engines: Sequence[Record], results: str) -> None:
    """Measure, on the same vectors, the methods that schemes equal or are nearest to; what has a record is done."""
    wanted = {}
    for record in of_engines:
        offer = offer_of(record)
        if offer.scheme.method is not None:
            options = {"method": {"name": offer.scheme.method, **offer.params}, "budget": f"{offer.method_bytes}B"}
            options |= {"dataset": record.config["dataset"], "latency_s": 1.0, "results": results}
            wanted[str(options)] = options
    for options in wanted.values():
        try:
            bench.run(**options)
        except MethodError as error:
            print(f"{options['method']} {options['budget']}: {error}")


if __name__ == "__main__":
    main()
