"""Names of data sets where several are shown together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from bench.records import DatasetInfo, Record

_OWN = ("path", "ragged")  # data sets that are a file of the user's


def dataset_names(records: Iterable[Record]) -> Callable[[Record], str]:
    """A function from a record to its data set's name: ``squad-sentences (ip)``.

    Samples of different sizes share a name, but their results cannot be compared: where several are among ``records``,
    what distinguishes them follows the name (number of vectors, of training examples, else the checksum).
    """
    kinds: dict[str, dict[str, DatasetInfo]] = defaultdict(dict)
    for record in records:
        kinds[_plain(record)].setdefault(record.dataset.checksum, record.dataset)

    def name(record: Record) -> str:
        namesakes = [data for checksum, data in kinds[_plain(record)].items() if checksum]
        if len(namesakes) < 2 or not record.dataset.checksum:
            return _plain(record)
        for size in (_items, _training):
            if len({size(data) for data in namesakes}) == len(namesakes):
                return f"{_plain(record)}, {size(record.dataset)}"
        return f"{_plain(record)}, {record.dataset.checksum[:8]}"

    return name


def _plain(record: Record) -> str:
    return f"{shown_name(record)} ({record.dataset.metric})"


def shown_name(record: Record) -> str:
    """A data set's name; for the user's own vectors, which are all called ``path``, the name of their file."""
    name, config = record.dataset.name, record.config.get("dataset")
    if not isinstance(config, dict) or config.get("name") not in _OWN or not config.get("base"):
        return name
    return Path(str(config["base"])).name + name.removeprefix(config["name"])


def _items(data: DatasetInfo) -> str:
    return f"{data.n:,} {'vectors' if data.vectors_per_item is None else 'items'}"


def _training(data: DatasetInfo) -> str:
    return f"trained on {data.n_train:,}"
