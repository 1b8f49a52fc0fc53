"""Names of data sets where several are shown together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from bench import own_files
from bench.records import Record
from bench.scenarios import described


def dataset_names(records: Iterable[Record]) -> Callable[[Record], str]:
    """A function from a record to its data set's name: ``squad-sentences (ip)``.

    Samples of different sizes share a name, but their results cannot be compared: where several are among ``records``,
    what distinguishes them follows the name (number of vectors, of training examples, the file, else the checksum).
    """
    kinds: dict[str, dict[str, Record]] = defaultdict(dict)
    for record in records:
        kinds[_plain(record)].setdefault(record.dataset.checksum, record)

    def name(record: Record) -> str:
        namesakes = [other for checksum, other in kinds[_plain(record)].items() if checksum]
        if len(namesakes) < 2 or not record.dataset.checksum:
            return _plain(record)
        for detail in (_items, _training, _file):
            if len({detail(other) for other in namesakes}) == len(namesakes):
                return f"{_plain(record)}, {detail(record)}"
        return f"{_plain(record)}, {record.dataset.checksum[:8]}"

    return name


def _plain(record: Record) -> str:
    return f"{shown_name(record)} ({record.dataset.metric})"


def shown_name(record: Record) -> str:
    """A data set's name; for the user's own vectors that of their file, also in records of earlier versions.

    Behind it stands the scenario, if there is one: what was measured in it competes with nothing else.
    """
    name, scenario = own_files.shown(record.dataset.name, record.config.get("dataset")), scenario_of(record)
    return f"{name}, {scenario}" if scenario else name


def scenario_of(record: Record) -> str:
    """The scenario of a run in words, training queries among them; empty for a method on a data set."""
    return described(record.config.get("scenario"), record.method.uses_queries)


def key_of(record: Record) -> str:
    """What records that compete share beside metric and checksum: the data set's key, and the scenario if there is one.

    :func:`bench.own_files.key_of` says why a data set's key is not its name. Two files with an order are two scenarios.
    """
    key, scenario = own_files.key_of(record.dataset.name, record.config.get("dataset")), scenario_of(record)
    return f"{key}, {scenario} {(record.config.get('scenario') or {}).get('order', '')}".rstrip() if scenario else key


def _items(record: Record) -> str:
    data = record.dataset
    return f"{data.n:,} {'vectors' if data.vectors_per_item is None else 'items'}"


def _training(record: Record) -> str:
    return f"trained on {record.dataset.n_train:,}"


def _file(record: Record) -> str:
    options: Any = record.config.get("dataset")
    if not own_files.is_own(options):
        return ""
    column = options.get("column")
    return f"{options['base']}{f' {column}' if column else ''}"
