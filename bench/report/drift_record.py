"""What a run with vectors that arrive in time found: a table of its steps, and whether to fit the codec again."""

from __future__ import annotations

from rich.table import Table

from bench.measure.statistics import Interval
from bench.records import Record
from bench.records.drift_info import DriftInfo, DriftStep
from bench.report.words import interval, number, short


def drift_table(drift: DriftInfo) -> Table:
    """A line a step: what the first codec and one that is fitted again keep, and what each costs."""
    table = Table(
        title="recall@10 of all, old and new neighbors, kept and after a refit; error: over that of the first vectors",
        title_justify="left",
        padding=(0, 0),
    )
    for column in ("step", "alive", "old", "error", "kept", "old", "new", "refit", "old", "new", "a refit gains"):
        table.add_column(column, justify="right", no_wrap=True)
    for column in ("refit s", "insert/s", "rebuild ms"):
        table.add_column(column, justify="right", no_wrap=True)
    for at, step in enumerate(drift.steps):
        table.add_row(str(at), f"{step.alive:,}", f"{step.old / max(1, step.alive):.0%}", *_cells(step))
    return table


def _cells(step: DriftStep) -> list[str]:
    ratio = "-" if step.error_ratio is None else number(step.error_ratio, ".2f")
    kept = [interval(step.kept["recall@10"]), _share(step.kept, "old"), _share(step.kept, "new")]
    rates = [short(step.inserted_per_s), short(1e3 * step.seconds["rebuild"])]
    if step.gained is None:
        return [ratio, *kept, *5 * ["-"], *rates]
    refit = [_share(step.refit, name) for name in ("recall@10", "old", "new")]
    seconds = f"{step.seconds['refit']:.1f}+{step.seconds['encode_again']:.1f}"
    return [ratio, *kept, *refit, _gain(step.gained), seconds, *rates]


def _share(measures: dict[str, Interval], name: str) -> str:
    return number(measures[name].value, ".3f") if name in measures else "-"


def _gain(gained: Interval) -> str:
    return f"{number(gained.value, '+.3f')} \\[{number(gained.low, '+.3f')}, {number(gained.high, '+.3f')}]"


def statement(record: Record) -> str:
    """Whether and when to fit the codec again, and what recall that would give."""
    drift = record.drift
    assert drift is not None
    last, bound = drift.steps[-1], f"{drift.warned_ratio:g}"
    at = drift.refit_at
    if at is not None:
        then = drift.steps[at]
        later = f", {_given(last)} at the last" if at < len(drift.steps) - 1 else ""
        return (
            f"refit at step {at}: error ratio {_ratio(then)} above {bound}; a refit gives {_given(then)} there{later}"
        )
    gives = f"a refit at the last step gives {_given(last)}"
    if last.error_ratio is None:
        return f"no error ratio says when to refit: codes of {record.method.full_name} do not decode; {gives}"
    worst = max(drift.steps[1:], key=lambda step: step.error_ratio or 0.0)
    return f"no refit needed: error ratio at most {_ratio(worst)}, not above {bound}; {gives}"


def _given(step: DriftStep) -> str:
    assert step.gained is not None
    seconds = step.seconds["refit"] + step.seconds["encode_again"]
    return f"recall@10 {_gain(step.gained)} for {seconds:.3g} s"


def _ratio(step: DriftStep) -> str:
    return number(step.error_ratio or 0.0, ".2f")
