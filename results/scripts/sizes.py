"""Draws ``docs/size.png`` and writes ``results/sizes/NAME.md``: recall@10 against the number of vectors, and the
recall, latency and build time that ``bench.recommend`` foretells from samples.

    python results/scripts/sizes.py                  # from the packed records in results/sizes
    python results/scripts/sizes.py --parts RESULTS  # reads recall on parts of samples from a folder of runs before

Recall of 10 million vectors through all lists of an index is that of a scan of the same codes: where there is no record
of a scan, the one in ``results/indexes`` says it, and its seconds of fitting and encoding. ``make publish`` runs it.
"""

from __future__ import annotations

import argparse
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench import records
from bench.measure.statistics import Interval
from bench.recommend.offer import Offer
from bench.recommend.scaling import Parts, fitted, parts_of
from bench.records import Record
from bench.report import pictures
from bench.report.drawing import colors_of, ink
from bench.report.labels import Label, Panel, write_labels
from bench.report.rows import processor_of

ROOT = Path(__file__).parents[2]
SIZES, INDEXES, PICTURE = ROOT / "results" / "sizes", ROOT / "results" / "indexes", ROOT / "docs" / "size.png"
MEASURE, K = "recall@10", 10
SAMPLES = ((10_000, 10_000), (100_000, 20_000), (100_000, 100_000))  # vectors searched, and fitted on
LEAST_TIMES = 10  # as many vectors as in the sample, that are foretold
RECALL_OFF, TIME_OFF = 0.02, 1.5  # what a prediction may be off

PartsOf = Mapping[tuple[str, int, int], Parts]  # by method, vectors searched and fitted on


@dataclass(frozen=True)
class Runs:
    """All runs of one data set at one budget.

    Attributes
    ----------
    scans : (method, vectors, fitted on) -> Record
        That scan all codes.
    lists : (method, vectors, fitted on) -> Record
        With lists of codes.
    """

    scans: dict[tuple[str, int, int], Record]
    lists: dict[tuple[str, int, int], Record]

    @property
    def methods(self) -> list[str]:
        """Those with the best recall at the most vectors that all have, first."""
        curves = {name: self.curve(name) for name in sorted({name for name, _, _ in self.scans})}
        most = max(set.intersection(*map(set, curves.values())))
        return sorted(curves, key=lambda name: -curves[name][most].value)

    @property
    def fitted_on(self) -> int:
        """The most vectors that were fitted on: what the runs of every size have as far as they have so many."""
        return max(train for _, _, train in self.scans)

    def of(self, method: str, n: int, train: int) -> Record | None:
        """The run on so many vectors, fitted on so many: a scan, else one with lists."""
        return self.scans.get((method, n, train)) or self.lists.get((method, n, train))

    def sizes(self) -> list[int]:
        """Numbers of vectors, ascending."""
        return sorted({n for _, n, _ in [*self.scans, *self.lists]})

    def curve(self, method: str) -> dict[int, Interval]:
        """Recall by the number of vectors, ascending."""
        measured = {n: self.of(method, n, min(n, self.fitted_on)) for n in self.sizes()}
        return {n: recall(record) for n, record in measured.items() if record is not None}


@dataclass(frozen=True)
class Foretold:
    """What follows for ``measured`` from a run on a sample."""

    sample: tuple[int, int]
    measured: Record
    offer: Offer

    @property
    def method(self) -> str:
        return self.measured.method.full_name

    @property
    def recall(self) -> Interval:
        assert self.offer.recall_range is not None
        return self.offer.recall_range

    @property
    def off(self) -> float:
        """Of recall@10: foretold less measured."""
        return self.recall.value - recall(self.measured).value

    @property
    def latency_ratio(self) -> float | None:
        """p50 of a scan, foretold over measured; None where either was not measured."""
        of_sample = self.offer.record.latency_ms
        if self.measured.index is not None or self.measured.latency_ms is None or "fixed" not in (of_sample or {}):
            return None
        return self.offer.p50_ms / self.measured.latency_ms["p50"]

    @property
    def build_ratio(self) -> float | None:
        """Seconds of fitting and encoding, foretold over measured; None where another processor measured."""
        if processor_of(self.offer.record) != processor_of(self.measured):
            return None
        return self.offer.build_s / build_s(self.measured)


def recall(record: Record, measure: str = MEASURE) -> Interval:
    """Of a scan of all codes: with an index, through all lists."""
    return (record if record.index is None else record.index.points[-1]).quality[measure]


def build_s(record: Record) -> float:
    """Seconds of fitting and encoding."""
    return record.seconds["fit"] + record.seconds["encode"]


def runs_of(scans: Iterable[Record], lists: Iterable[Record]) -> Runs:
    """Those that were measured, of the budget that scans have."""
    good = [record for record in scans if record.status == "ok"]
    budgets = {record.budget.bytes for record in good}
    with_lists = [record for record in lists if record.status == "ok" and record.budget.bytes in budgets]
    return Runs(_by_size(good), _by_size(with_lists))


def _by_size(measured: Iterable[Record]) -> dict[tuple[str, int, int], Record]:
    groups: dict[tuple[str, int, int], list[Record]] = defaultdict(list)
    for record in measured:
        groups[_key(record)].append(record)
    return {key: fastest(group) for key, group in groups.items()}


def fastest(group: Sequence[Record]) -> Record:
    """One run that was measured several times, with the shortest of each of its times: other work only adds to them."""
    build = min(group, key=build_s)
    timed = [record.latency_ms for record in group if record.latency_ms is not None]
    latency = {name: min(each[name] for each in timed if name in each) for name in {*itertools.chain(*timed)}}
    shared = all(record.latency_shared for record in group)
    return replace(build, latency_ms=latency or None, latency_shared=shared if timed else None)


def _key(record: Record) -> tuple[str, int, int]:
    return record.method.full_name, record.dataset.n, record.dataset.n_train


def foretold(runs: Runs, parts: PartsOf) -> Iterator[Foretold]:
    """For every run on ten times the vectors of a sample or more, fitted on as many, by the code of a race."""
    for method in runs.methods:
        for searched, train in SAMPLES:
            key = method, searched, train
            if key not in parts or key not in runs.scans:
                continue
            trend = fitted(parts[key].sizes, parts[key].recalls)
            for n in runs.sizes():
                measured = runs.of(method, n, train)
                if n >= LEAST_TIMES * searched and measured is not None:
                    yield Foretold((searched, train), measured, Offer(runs.scans[key], n, K, trend=trend))


def recall_table(runs: Runs) -> list[str]:
    """A line a method: recall@10 at each number of vectors."""
    sizes = runs.sizes()
    lines = [f"| method | {' | '.join(f'{n:,}' for n in sizes)} |", f"|---|{'---:|' * len(sizes)}"]
    for method in runs.methods:
        curve = runs.curve(method)
        cells = [f"{curve[n].value:.3f}" if n in curve else "-" for n in sizes]
        lines.append(f"| `{method}` | {' | '.join(cells)} |")
    return lines


def density(runs: Runs) -> str:
    """How near recall@100 of ten times the vectors is to recall@10: neighbors are then as near as the tenth were."""
    apart = []
    for method, n, larger in itertools.product(runs.methods, runs.sizes(), runs.sizes()):
        train = runs.fitted_on
        few, many = runs.of(method, n, min(n, train)), runs.of(method, larger, min(larger, train))
        if few is not None and many is not None and 9 < larger / n < 11:
            apart.append(recall(many, "recall@100").value - recall(few).value)
    return (
        f"recall@100 of ten times the vectors less {MEASURE}: {np.mean(apart):+.3f} on average, {min(apart):+.3f} to "
        f"{max(apart):+.3f} ({len(apart)} pairs)."
    )


def foretold_table(cases: Sequence[Foretold]) -> list[str]:
    """A line a prediction: recall, latency and build time foretold and measured; in bold where they are far off."""
    lines = [
        "| method | sample | fitted on | vectors | recall foretold | 90% interval | measured | p50 ms | foretold "
        "| build s | foretold |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for case in cases:
        record, offer, (searched, train) = case.measured, case.offer, case.sample
        cells = [f"`{case.method}`", f"{searched:,}", f"{train:,}", f"{offer.n:,}"]
        cells += [_bold(f"{case.recall.value:.3f}", abs(case.off) > RECALL_OFF)]
        cells += [f"{case.recall.low:.3f} to {case.recall.high:.3f}", f"{recall(record).value:.3f}"]
        if case.latency_ratio is None or record.latency_ms is None:
            cells += ["-", "-"]
        else:
            shared = "\\*" if record.latency_shared or offer.record.latency_shared else ""
            cells += [f"{record.latency_ms['p50']:.3g}{shared}", _bold(f"{offer.p50_ms:.3g}", _far(case.latency_ratio))]
        if case.build_ratio is None:
            cells += ["-", "-"]
        else:
            cells += [f"{build_s(record):.3g}", _bold(f"{offer.build_s:.3g}", _far(case.build_ratio))]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _named(sample: tuple[int, int]) -> str:
    return f"{sample[0]:,}, fitted on {sample[1]:,}"


def _bold(text: str, is_off: bool) -> str:
    return f"**{text}**" if is_off else text


def _far(ratio: float) -> bool:
    return not 1 / TIME_OFF <= ratio <= TIME_OFF


def summary(cases: Sequence[Foretold]) -> list[str]:
    """A line a sample and how many times as many vectors: how far off recall is, and how often times are."""
    lines = [
        "| sample | times as many | cases | mean error of recall | largest | within .02 | in the 90% interval "
        "| p50 within 1.5x | build within 1.5x |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    groups: dict[tuple[tuple[int, int], int], list[Foretold]] = defaultdict(list)
    for case in cases:
        groups[case.sample, round(case.measured.dataset.n / case.sample[0], -1)].append(case)
    for (sample, times), group in sorted(groups.items()):
        off = np.array([case.off for case in group])
        inside = sum(case.recall.low <= recall(case.measured).value <= case.recall.high for case in group)
        p50 = [case.latency_ratio for case in group if case.latency_ratio is not None]
        build = [case.build_ratio for case in group if case.build_ratio is not None]
        lines.append(
            f"| {_named(sample)} | {times:g} | {len(group)} | {np.abs(off).mean():.4f} "
            f"| {off[np.abs(off).argmax()]:+.3f} | {(np.abs(off) <= RECALL_OFF).sum()} | {inside} "
            f"| {_near(p50)} of {len(p50)} | {_near(build)} of {len(build)} |"
        )
    return lines


def _near(ratios: Sequence[float]) -> int:
    return sum(not _far(ratio) for ratio in ratios)


def figure_of(sets: Mapping[str, Runs], cases: Mapping[str, Sequence[Foretold]]) -> Figure:
    """A panel a data set, a line a method; dashed: as foretold from its largest sample."""
    colors = colors_of({name for runs in sets.values() for name in runs.methods})
    figure, axes = plt.subplots(1, len(sets), figsize=(6.4 * len(sets), 5.0), squeeze=False, layout="constrained")
    panels = [draw(axis, runs, cases[name], colors) for axis, (name, runs) in zip(axes[0], sets.items())]
    write_labels(figure, panels, beside=True)
    return figure


def draw(axis: Axes, runs: Runs, cases: Sequence[Foretold], colors: Mapping[str, str]) -> Panel:
    """One panel, whose names are still to be written."""
    paths, labels = [], []
    for method in runs.methods:
        curve = runs.curve(method)
        path = np.array([(n, recall.value) for n, recall in curve.items()])
        axis.plot(*path.T, "o-", color=colors[method], markersize=3.5, linewidth=1.3, gid="method")
        paths.append(path)
        labels.append(Label(method, (float(path[-1, 0]), float(path[-1, 1])), ink(colors[method])))
        of_method = [case for case in cases if case.method == method]
        largest = max((case.sample for case in of_method), default=None)
        ahead = sorted((c for c in of_method if c.sample == largest), key=lambda case: case.offer.n)
        if ahead:
            first = ahead[0].offer
            start = (first.record.dataset.n, first.recall.value)
            dashed = np.array([start, *((case.offer.n, case.recall.value) for case in ahead)])
            axis.plot(*dashed.T, "--", color=colors[method], linewidth=1, alpha=0.7)
    record = next(iter(runs.scans.values()))
    data = record.dataset
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(lambda n, _: f"{n:,.0f}")
    axis.set_xlabel("vectors")
    axis.set_ylabel(f"{MEASURE} of a scan of all codes")
    size = record.budget.bytes
    axis.set_title(f"{data.name}: {size} bytes for {data.dim} dimensions, {data.metric}", loc="left", fontsize=10)
    axis.grid(color="0.92")
    axis.spines[["top", "right"]].set_visible(False)
    return Panel(axis, labels, np.concatenate([path[:-1] for path in paths]), (), paths)


def page(name: str, runs: Runs, cases: Sequence[Foretold]) -> list[str]:
    """The text of ``results/sizes/NAME.md``."""
    record = next(iter(runs.scans.values()))
    data = record.dataset
    return [
        f"# Recall by the number of vectors on {name}",
        "",
        "Made by `python results/scripts/sizes.py` from the records here.",
        f"{record.budget.bytes} bytes for {data.dim} dimensions, {data.metric}, {data.queries:,} queries, "
        f"{record.environment['cpu']}, one thread. A base is a random",
        f"part of the whole; methods are fitted on it, on at most {runs.fitted_on:,} of its vectors.",
        "",
        f"## {MEASURE}",
        "",
        *recall_table(runs),
        "",
        density(runs),
        "",
        "## What `recommend` foretells",
        "",
        "By the code of `python -m bench.recommend --n`, from runs on samples; measured with as much training.",
        "",
        *summary(cases),
        "",
        f"In bold: off by more than {RECALL_OFF:g} of recall, or {TIME_OFF:g} times. Build is fitting and encoding,",
        "on one kind of processor.",
        "Of repeated runs the shortest times count. \\* one of both was timed beside other work. No p50 where only a",
        "run with lists was measured.",
        "",
        *foretold_table(cases),
    ]


def write_parts(folder: str) -> None:
    """``results/sizes/NAME.npz`` of the runs on samples in a folder: recall of every query on nested parts."""
    by_set: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
    for record, _ in records.locate([folder]):
        if record.status == "ok" and _key(record)[1:] in SAMPLES and (parts := parts_of(record)) is not None:
            name = " ".join(map(str, _key(record)))
            by_set[record.dataset.name][name] = parts.recalls.astype(np.float32)
            by_set[record.dataset.name][f"{name} sizes"] = np.array(parts.sizes)
    for name, arrays in by_set.items():
        path = SIZES / f"{name}.npz"
        kept = dict(np.load(path)) if path.exists() else {}
        np.savez_compressed(path, **dict(sorted({**kept, **arrays}.items())))


def read_parts(path: Path) -> dict[tuple[str, int, int], Parts]:
    """What :func:`write_parts` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        return {
            (method, int(n), int(train)): Parts(tuple(arrays[f"{key} sizes"].tolist()), arrays[key].astype(np.float64))
            for key in arrays.files
            if not key.endswith(" sizes")
            for method, n, train in [key.rsplit(" ", 2)]
        }


def read(pack: Path) -> tuple[Runs, list[Foretold]]:
    """The runs of a data set, and what is foretold of them."""
    lists = INDEXES / pack.name
    with_lists = records.find([lists]) if lists.exists() else []  # of the seed that scans are of
    runs = runs_of(records.find([pack]), (record for record in with_lists if record.config["seed"] == 0))
    return runs, list(foretold(runs, read_parts(pack.with_suffix(".npz"))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", metavar="RESULTS", help="a folder of runs, with their arrays and data sets")
    options = parser.parse_args()
    if options.parts:
        write_parts(options.parts)
    pictures.prepare()
    sets, cases = {}, {}
    for pack in sorted(SIZES.glob("*.parquet")):
        sets[pack.stem], cases[pack.stem] = read(pack)
        lines = page(pack.stem, sets[pack.stem], cases[pack.stem])
        pack.with_suffix(".md").write_text("\n".join(lines) + "\n")
    pictures.save(figure_of(sets, cases), PICTURE)


if __name__ == "__main__":
    main()
