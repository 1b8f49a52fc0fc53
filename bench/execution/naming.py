"""What a line of progress calls a run, and what it says of one that is over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import shorten
from typing import Any

from bench.execution.plan import Plan
from bench.execution.subject import label
from bench.records import Record
from bench.report.rows import digits_of, headline
from methods import registry

_REASON = 160  # characters of why a run failed


def names_of(plans: Sequence[Plan]) -> list[str]:
    """``pq(bits=4) 8x glove-100 seed=1``: method and budget, and what else differs between the runs."""
    flat = [dict(_flat(plan.config.to_dict())) for plan in plans]
    datasets = {plan.dataset.name for plan in plans}
    named = len({(plan.dataset.name, plan.dataset.checksum) for plan in plans}) == len(datasets)
    keys = dict.fromkeys(key for options in flat for key in options if _tells(key, named))
    several = [key for key in keys if len({str(options.get(key)) for options in flat}) > 1]
    return [
        " ".join(
            [
                label(plan.subject, plan.params) if plan.subject.is_engine else _method(plan.config.method),
                plan.config.budget,
                *([plan.dataset.name] if len(datasets) > 1 else []),
                *(f"{key}={options[key]}" for key in several if options.get(key) is not None),
            ]
        )
        for plan, options in zip(plans, flat)
    ]


def outcome_of(record: Record) -> str:
    """``recall@10 0.812``, or the status and the reason of a run that has none."""
    if record.status != "ok":
        return f"{record.status}: {shorten(record.reason, _REASON, placeholder=' ...')}"
    measure = headline(record)
    if measure is None:
        return record.status
    return f"{measure} {format(record.quality[measure].value, digits_of(measure))}"


def _method(config: Mapping[str, Any]) -> str:
    """``pq``, ``pq(bits=4)``: with the parameters that are not their defaults."""
    name = str(config["name"])
    defaults = registry.parameters(name)
    changed = [f"{key}={value}" for key, value in config.items() if key != "name" and defaults.get(key) != value]
    return f"{name}({', '.join(changed)})" if changed else name


def _flat(options: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in options.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _tells(key: str, named: bool) -> bool:
    """Whether an option distinguishes runs beside method, budget and the name of the data set.

    The user's files do so where they are not ``named``: where several are of one name.
    """
    shown = {"budget", "dataset.name", *(["dataset.base"] if named else [])}
    return not key.startswith(("method.", "engine.", "limits.")) and key not in shown
