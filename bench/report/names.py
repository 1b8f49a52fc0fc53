"""How data sets are called where several are shown beside each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from bench.records import DatasetInfo, Record

_OWN = ("path", "ragged")  # data sets that are a file of the user's


def dataset_names(records: Iterable[Record]) -> Callable[[Record], str]:
    """What names the data set of a record: ``squad-sentences (ip)``.

    Samples of different sizes have one name, and what was measured on one says nothing of another: where several are
    among ``records``, what distinguishes them follows the name (vectors, training examples, else the checksum).
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
    """A data set's name; of the user's own vectors that of their file, as all of them are called ``path``."""
    name, config = record.dataset.name, record.config.get("dataset")
    if not isinstance(config, dict) or config.get("name") not in _OWN or not config.get("base"):
        return name
    return Path(str(config["base"])).name + name.removeprefix(config["name"])


def _items(data: DatasetInfo) -> str:
    return f"{data.n:,} {'vectors' if data.vectors_per_item is None else 'items'}"


def _training(data: DatasetInfo) -> str:
    return f"trained on {data.n_train:,}"
