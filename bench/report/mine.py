"""``--mine NAME``: one method beside the best other one, on every data set and at every budget of the records."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.arguments import overrides_of, shell_word
from bench.config import RunConfig
from bench.datasets.base import DatasetError
from bench.errors import UsageError, unknown_name
from bench.measure.statistics import Difference, holm, unpaired_difference
from bench.records import Record
from bench.report.compare import times_differ
from bench.report.names import dataset_names, shown_name
from bench.report.per_query import Judges
from bench.report.rows import RUN_OPTIONS, Row, by_measure, options_of, rows_of
from bench.report.significance import difference_of, folders_of

_SAME_OPTIONS = ("rescore", "rescore_factor", "rescore_carving", "scenario", "click_model", "k")
_DEFAULTS = {"seed": 0}  # options of data sets that a command need not repeat


@dataclass(frozen=True)
class Standing:
    """One row of the method beside the best row of another method in its group.

    Attributes
    ----------
    rank, methods : int
        Place among the methods of the group by their best rows, and how many these are, this one included.
    difference : Difference
        Of the headline measure, this method minus the rival; paired over queries where both have their values, else
        by their intervals, with a NaN ``effect``.
    p_adjusted : float
        Holm's, over all standings that are shown together.
    bytes_ratio, p50_ratio, encode_ratio : float or None
        This method over the rival, so that less is better: bytes of a code, latency, time to encode a vector. Times
        are None where they were not taken, or not on the same machine.
    """

    mine: Row
    rival: Row
    rank: int
    methods: int
    difference: Difference
    p_adjusted: float
    bytes_ratio: float
    p50_ratio: float | None
    encode_ratio: float | None

    @property
    def is_paired(self) -> bool:
        return self.difference.effect == self.difference.effect

    @property
    def is_distinguishable(self) -> bool:
        # Of a bias the better is nearer to zero, and the test is of the signed difference: it does not say which is.
        return self.p_adjusted < 0.05 and "bias" not in self.mine.headline


def standings(
    located: Sequence[tuple[Record, Path | None]], name: str, measure: str | None = None
) -> tuple[list[Standing], list[str]]:
    """A standing for each of the method's rows that has a rival, and notes on what could not be compared.

    Rivals are rows of other methods, or of the same one with other options than those named, of the same data set,
    budget, re-ranking and scenario. The best of them is chosen by the same queries, which is to its advantage.

    Parameters
    ----------
    located : sequence of (Record, folder or None)
        As :func:`bench.records.locate` has them.
    name : str
        A method, perhaps with options: ``saq``, ``pq center=offset``, ``token_codec codec=pq``.
    measure : str, optional
        Another than the headline measure.

    Raises
    ------
    UsageError
        If the method has no finished run, or none where another has; says what to run.
    """
    every = rows_of(record for record, _ in located)
    rows = every if measure is None else by_measure(every, measure)
    mine = rows_named(rows, name)
    measured = rows_named(every, name)
    if not mine and measured:
        raise UsageError(f"no run of {name} has {measure}")
    if not mine:
        raise UsageError(_never_run(name, [record for record, _ in located]))
    groups: dict[tuple, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.group].append(row)
    notes: dict[str, None] = {}
    machines: dict[str, None] = {}
    folders, judges = folders_of(located), Judges()
    compared, alone = [], []
    for row in mine:
        rivals = [other for other in groups[row.group] if other not in mine and _is_rival(row, other)]
        if rivals:
            compared.append(_standing(row, rivals, folders, judges, notes, machines))
        else:
            alone.append(row)
    if machines:
        notes[f"ratios of times are left out where a machine was another or was shared: {'; '.join(machines)}"] = None
    notes |= dict.fromkeys(_of_the_lonely(name, alone, rows, mine))
    if not compared:
        raise UsageError(f"no other method was measured where {name} was: {'; '.join(notes)}")
    notes |= dict.fromkeys(_elsewhere(name, mine, rows, measured))
    adjusted = holm([standing.difference.p for standing in compared])
    return [replace(each, p_adjusted=float(p)) for each, p in zip(compared, adjusted)], list(notes)


def rows_named(rows: Sequence[Row], name: str) -> list[Row]:
    """Rows of a method with the options that the name says; without any, those of that very name if there are some."""
    if not name.strip():
        raise UsageError(f"--mine {name!r} names no method; write a method, or 'NAME key=value'")
    method, *words = name.split()
    if wrong := [word for word in words if "=" not in word]:
        raise UsageError(f"--mine {name!r}: {wrong[0]!r} is no option; write a method, or 'NAME key=value'")
    options = dict(word.split("=", 1) for word in words)
    matching = [
        row
        for row in rows
        if row.record.method.name == method
        and all(_is_value(options_of(row.record).get(key), value) for key, value in options.items())
    ]
    return [row for row in matching if row.record.method.full_name == name] or matching


def _is_value(value: object, word: str) -> bool:
    """Whether an option has the value that a word says, as a command line or Python writes it."""
    return word.lower() in ("null", "none") if value is None else word.lower() == str(value).lower()


def _is_rival(row: Row, other: Row) -> bool:
    """Whether both answer the same question: an identity is the yardstick, not a method."""
    same = all(row.record.config.get(key) == other.record.config.get(key) for key in _SAME_OPTIONS)
    return same and other.family != "identity"


def _standing(
    row: Row,
    rivals: Sequence[Row],
    folders: dict[str, Path | None],
    judges: Judges,
    notes: dict[str, None],
    machines: dict[str, None],
) -> Standing:
    best = max(rivals, key=lambda other: other.worth)
    merits: dict[str, float] = {}
    for other in rivals:
        full_name = other.record.method.full_name
        merits[full_name] = max(merits.get(full_name, other.worth), other.worth)
    try:
        difference = difference_of(row, best, folders, judges)
    except (UsageError, DatasetError) as error:
        notes[f"compared by intervals, not query by query: {error}"] = None
        difference = unpaired_difference(row.headline_quality, best.headline_quality)
    reason = times_differ(best.timed.record, row.timed.record)
    if reason:
        machines[reason] = None
    return Standing(
        mine=row,
        rival=best,
        rank=1 + sum(value > row.worth for value in merits.values()),
        methods=1 + len(merits),
        difference=difference,
        p_adjusted=difference.p,
        bytes_ratio=row.code / best.code,
        p50_ratio=None if reason else _ratio(row.cost("p50 ms"), best.cost("p50 ms")),
        encode_ratio=None if reason else _ratio(row.cost("encode us"), best.cost("encode us")),
    )


def _ratio(value: float | None, other: float | None) -> float | None:
    return value / other if value and other else None


def _never_run(name: str, measured: Sequence[Record]) -> str:
    """Why there is no row of that name, and what makes one."""
    method = name.split()[0]
    mine = [record for record in measured if record.method.name == method]
    if any(record.status == "ok" for record in mine):
        known = sorted({row.label for row in rows_of(mine)})
        return f"{name} is not among the records of {method}; there are {', '.join(known)}"
    import methods

    if not mine and method not in methods.names(None):
        return unknown_name("method", method, sorted({*methods.names(None), *(r.method.name for r in measured)}))
    track = methods.get(method, None).track if method in methods.names(None) else mine[0].dataset.track
    rivals = [
        record
        for record in measured
        if record.method.name != method
        and record.dataset.track == track
        and record.status == "ok"
        and record.method.family != "identity"
    ]
    what = f"{len(mine)} runs of {method} ended without a result ({mine[0].status}: {mine[0].reason})" if mine else ""
    todo = commands(name, rivals) or [f"python -m bench experiment=standard {_method_words(name)}"]
    return f"{what or f'{method} was never run'}; measure it first: {'; '.join(todo)}"


def commands(name: str, rivals: Iterable[Record], settings: Sequence[str] = ()) -> list[str]:
    """The sweeps that measure a method at the budgets, and on the data sets, of the rivals' records.

    Parameters
    ----------
    name : str
        The method, perhaps with options.
    rivals : iterable of Record
    settings : sequence of str
        Words for the run, such as ``rescore=disk``; those of ``name`` go before them.
    """
    method = _method_words(name)
    named = {word.partition("=")[0] for word in name.split()[1:]}
    method = " ".join([method, *(word for word in settings if word.partition("=")[0] not in named)])
    names: dict[str, dict[str, None]] = defaultdict(dict)
    budgets: dict[str, dict[str, float]] = defaultdict(dict)
    for record in rivals:
        options = {key: value for key, value in record.config["dataset"].items() if value != _DEFAULTS.get(key)}
        dataset = options.pop("name")
        given = {key: value for key, value in options.items() if value is not None}
        words = " ".join(map(shell_word, overrides_of({"dataset": given})))
        names[words][dataset] = None
        budgets[words][record.budget.requested] = record.dataset.float32_bytes / record.budget.bytes
    return [
        " ".join(
            filter(
                None,
                [
                    f"python -m bench -m {method} dataset={','.join(names[words])}",
                    words,
                    f"budget={','.join(sorted(budgets[words], key=budgets[words].__getitem__))}",
                ],
            )
        )
        for words in names
    ]


def _method_words(name: str) -> str:
    """A method with options as a command line has it: settings of the run under their own names."""
    method, *words = name.split()
    options = dict(word.split("=", 1) for word in words)
    keys = {key: key if key in (*RUN_OPTIONS, "scenario") else f"method.{key}" for key in options if key != "version"}
    given = [shlex.quote(f"{keys[key]}={_as_hydra(options[key])}") for key in keys]
    return " ".join([f"method={method}", *given])


def _as_hydra(word: str) -> str:
    return "null" if word == "None" else word


def _settings(record: Record) -> tuple[str, ...]:
    """Words for the settings of a run that a rival shares, those of every run left out."""
    defaults, config = RunConfig(), record.config
    options = {key: config.get(key) for key in _SAME_OPTIONS if key != "scenario"}
    given = {key: value for key, value in options.items() if value is not None and value != getattr(defaults, key)}
    if (scenario := (config.get("scenario") or {}).get("name", "none")) != "none":
        given["scenario"] = scenario
    return tuple(map(shell_word, overrides_of(given)))


def _of_the_lonely(name: str, alone: Sequence[Row], rows: Sequence[Row], mine: Sequence[Row]) -> Iterable[str]:
    """For each data set the budgets that no other method was measured at, and those that there are."""
    by_data: dict[tuple[str, str, tuple[str, ...]], list[Row]] = defaultdict(list)
    for row in alone:
        by_data[shown_name(row.record), row.record.dataset.metric, _settings(row.record)].append(row)
    for (dataset, metric, settings), lonely in by_data.items():
        others = [
            other for other in rows
            if other not in mine
            and _is_rival(lonely[0], other)
            and (
                other.group[:3] == lonely[0].group[:3]
                or (shown_name(other.record), other.record.dataset.metric) == (dataset, metric)
            )
        ]  # fmt: skip
        so = f" with {' '.join(settings)}" if settings else ""
        budgets = ", ".join(row.record.budget.requested for row in lonely)
        start = f"nothing on {dataset} ({metric}) at {budgets}{so} to compare with"
        same = [other for other in others if other.group[:3] == lonely[0].group[:3]]
        if same:
            there = dict.fromkeys(other.record.budget.requested for other in same)
            yield f"{start}: other methods are there at {', '.join(there)}"
        elif others:
            todo = commands(name, [other.record for other in others], settings)
            yield f"{start}: others were measured on other vectors or queries; measure on theirs: {'; '.join(todo)}"
        else:
            yield f"{start}: no other method was measured on it{so}; name their records too, e.g. results/published"


def _elsewhere(name: str, mine: Sequence[Row], rows: Sequence[Row], measured: Sequence[Row]) -> Iterable[str]:
    """The data sets of the method's track that it was not measured on."""
    own = {row.group[:3] for row in measured}  # of whatever measure
    away = [row for row in rows if row.track == mine[0].track and row.group[:3] not in own]
    for settings, example in {_settings(row.record): row for row in mine}.items():
        if others := [row.record for row in away if _is_rival(example, row)]:
            shown = dataset_names(others)
            names = ", ".join(dict.fromkeys(map(shown, others)))
            yield f"{name} was not measured on {names}: {'; '.join(commands(name, others, settings))}"
