"""How data sets are called where several are shown beside each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from bench.records import DatasetInfo, Record


def dataset_names(records: Iterable[Record]) -> Callable[[Record], str]:
    """What names the data set of a record: ``squad-sentences (ip)``.

    Samples of different sizes have one name, and what was measured on one says nothing of another: where several are
    among ``records``, what tells them apart stands behind it (vectors, training examples, else the checksum).
    """
    kinds: dict[str, dict[str, DatasetInfo]] = defaultdict(dict)
    for record in records:
        kinds[_plain(record)].setdefault(record.dataset.checksum, record.dataset)

    def name(record: Record) -> str:
        alike = [data for checksum, data in kinds[_plain(record)].items() if checksum]
        if len(alike) < 2 or not record.dataset.checksum:
            return _plain(record)
        for size in (_items, _training):
            if len({size(data) for data in alike}) == len(alike):
                return f"{_plain(record)}, {size(record.dataset)}"
        return f"{_plain(record)}, {record.dataset.checksum[:8]}"

    return name


def _plain(record: Record) -> str:
    return f"{record.dataset.name} ({record.dataset.metric})"


def _items(data: DatasetInfo) -> str:
    return f"{data.n:,} {'vectors' if data.vectors_per_item is None else 'items'}"


def _training(data: DatasetInfo) -> str:
    return f"trained on {data.n_train:,}"
