"""Click logs in their owners' text form, for people who have them: read in one pass, never wholly in memory."""

from __future__ import annotations

import csv
import io
import lzma
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.datasets.base import DatasetError
from bench.datasets.builders.clicks import CHUNK, NUMBERING, SEED, SHARES, renumber
from bench.datasets.builders.folder import write_folder
from bench.datasets.builders.log_lines import COMPRESSED, CountedLines
from bench.datasets.cache import cannot_write, writable_folder
from bench.datasets.formats.foreign import check_plain
from bench.progress import watched

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 4_000_000  # of one field, so that the vocabulary of any log fits memory


@dataclass(frozen=True)
class LogFormat:
    """The text form of a log.

    Attributes
    ----------
    title, home : str
        What it is, and where its owner gives it out.
    separator : str
    header : bool
        The first line names the columns.
    columns : tuple of str
        All of them, in order.
    label : str
        The column that is 0 or 1.
    left_out : tuple of str
        Columns that are no feature.
    numeric : tuple of str
        Columns of counts, which are put into buckets of the squared logarithm.
    """

    title: str
    home: str
    separator: str
    header: bool
    columns: tuple[str, ...]
    label: str
    left_out: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()

    @property
    def fields(self) -> list[str]:
        """Columns that become fields of the table."""
        return [name for name in self.columns if name not in (self.label, *self.left_out)]


_COUNTS = tuple(f"I{i}" for i in range(1, 14))
_CATEGORIES = tuple(f"C{i}" for i in range(1, 27))
CRITEO_KAGGLE = LogFormat(
    title="Criteo Display Advertising Challenge",
    home="https://www.kaggle.com/c/criteo-display-ad-challenge (train.txt)",
    separator="\t",
    header=False,
    columns=("label", *_COUNTS, *_CATEGORIES),
    label="label",
    numeric=_COUNTS,
)
CRITEO_TB = LogFormat(
    title="Criteo 1TB Click Logs",
    home="https://ailab.criteo.com/download-criteo-1tb-click-logs-dataset (day_0 to day_23)",
    separator="\t",
    header=False,
    columns=("label", *_COUNTS, *_CATEGORIES),
    label="label",
    numeric=_COUNTS,
)
_AVAZU_ENDS = ("device_id", "device_ip", "device_model", "device_type", "device_conn_type")
_AVAZU_PLACES = ("site_id", "site_domain", "site_category", "app_id", "app_domain", "app_category")
AVAZU = LogFormat(
    title="Avazu Click-Through Rate Prediction",
    home="https://www.kaggle.com/c/avazu-ctr-prediction (train.csv or train.gz)",
    separator=",",
    header=True,
    columns=(
        *("id", "click", "hour", "C1", "banner_pos"),
        *_AVAZU_PLACES,
        *_AVAZU_ENDS,
        *(f"C{i}" for i in range(14, 22)),
    ),
    label="click",
    left_out=("id",),
)


class Vocabulary:
    """Numbers of a field's values, by first appearance; what comes after ``most - 1`` values shares the last."""

    def __init__(self, most: int = MOST_ROWS) -> None:
        self.most, self.overflowed = most, False
        self._numbers: dict[str, int] = {}

    def encode(self, column: pd.Series) -> np.ndarray:
        """(n,) int32 numbers of text."""
        import pandas as pd

        codes, values = pd.factorize(column)
        known = self._numbers
        ids = np.empty(len(values), np.int32)
        for place, value in enumerate(values):
            number = known.get(value)
            if number is None:
                number = len(known)
                if number < self.most - 1:
                    known[value] = number
                else:
                    number = self.most - 1
                    self.overflowed = True
            ids[place] = number
        return ids[codes]

    @property
    def rows(self) -> int:
        """Rows of the field."""
        return len(self._numbers) + self.overflowed


def bucketed(column: pd.Series) -> pd.Series:
    """Counts above 2 as ``q`` and the whole part of the squared natural logarithm; smaller and missing ones as is."""
    import pandas as pd

    values = pd.to_numeric(column.where(column != "", None)).to_numpy(np.float64, na_value=np.nan)
    large = values > 2
    if np.isinf(values).any():
        raise ValueError("a count is infinite")
    squared = np.floor(np.log(np.where(large, values, 3.0)) ** 2).astype(int)
    return column.where(~large, pd.Series(np.char.add("q", squared.astype(str)), index=column.index))


def chunks(form: LogFormat, files: list[Path], size: int = CHUNK) -> Iterator[pd.DataFrame]:
    """Blocks of lines as text, in order, with :func:`bucketed` counts."""
    import pandas as pd

    for file in files:
        try:
            check_plain(file, COMPRESSED)
            _check_end(form, file)
            how: dict[str, Any] = {"sep": form.separator, "dtype": str, "keep_default_na": False, "chunksize": size}
            how |= {"header": 0} if form.header else {"header": None, "quoting": csv.QUOTE_NONE}
            lines = io.BufferedReader(CountedLines(file, form.separator, len(form.columns)), 1 << 20)
            with lines, pd.read_csv(lines, **how) as reader:
                for block in reader:
                    _check_columns(form, block)
                    block.columns = pd.Index(form.columns)
                    if not block[form.label].isin(["0", "1"]).all():
                        raise ValueError(f"the column {form.label} holds other values than 0 and 1")
                    for name in form.numeric:
                        block[name] = bucketed(block[name])
                    yield block
        except (ValueError, OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            reason = " ".join(str(error).split())
            raise DatasetError(
                f"{file} is not in the form of {form.title}: {reason}; get it from {form.home}"
            ) from None


def _check_columns(form: LogFormat, block: pd.DataFrame) -> None:
    """The columns are those of the log."""
    if len(block.columns) != len(form.columns):
        raise ValueError(f"{len(block.columns)} columns where {len(form.columns)} are expected")
    if form.header:
        for column, expected in zip(block.columns, form.columns):
            if column != expected:
                raise ValueError(f"its first line names a column {column!r} where {expected!r} is expected")


def _check_end(form: LogFormat, file: Path) -> None:
    """The last line is whole, of a file that is not compressed: said before the file is read."""
    if file.suffix.lower() in COMPRESSED:
        return
    with file.open("rb") as handle:
        handle.seek(max(0, file.stat().st_size - (1 << 16)))
        last = handle.read().rstrip(b"\r\n").rpartition(b"\n")[2]
    if last and last.count(form.separator.encode()) < len(form.columns) - 1:
        raise ValueError(f"its last line has fewer than the {len(form.columns)} columns; is it cut off?")


def build_log(form: LogFormat, target: Path, source: Path | None) -> None:
    """Write the data set to ``target`` from ``source``, the log (plain or .gz) or a folder of its ``day_*`` files.

    Each line goes to train, validation or test at random (80, 10 and 10%, by a fixed seed).
    """
    if source is None:
        raise DatasetError(f"{form.title} cannot be fetched by a program; get it from {form.home}, name it with --from")
    files = sorted(source.glob("day_*")) if source.is_dir() else [source]
    if not files or not files[0].exists():
        raise DatasetError(f"{source} does not exist or holds no day_* file; get them from {form.home}")
    vocabularies = {name: Vocabulary() for name in form.fields}
    rng = np.random.default_rng(SEED)
    edges = np.cumsum([*SHARES.values()][:-1])
    try:
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=writable_folder(target.parent)) as work:
            written = {part: [Path(work) / f"{part}-{what}" for what in ("ids", "labels")] for part in SHARES}
            for block in watched(chunks(form, files), form.title):
                ids, labels = _encoded(form, block, vocabularies)
                which = np.searchsorted(edges, rng.random(len(ids)), "right")
                for number, paths in enumerate(written.values()):
                    for path, array in zip(paths, (ids, labels)):
                        with path.open("ab") as file:
                            file.write(array[which == number].tobytes())
            arrays = _arrays(written, len(form.fields))
            renumber([arrays[f"{part}-ids"] for part in SHARES], [v.rows for v in vocabularies.values()], rng)
            write_folder(target, arrays, None, _card(form, vocabularies))
    except OSError as error:
        raise cannot_write(target, error) from error


def _encoded(
    form: LogFormat, block: pd.DataFrame, vocabularies: dict[str, Vocabulary]
) -> tuple[np.ndarray, np.ndarray]:
    columns = [vocabulary.encode(block[name]) for name, vocabulary in vocabularies.items()]
    return np.stack(columns, axis=1), (block[form.label] == "1").to_numpy().astype(np.uint8)


def _arrays(written: dict[str, list[Path]], fields: int) -> dict[str, np.ndarray]:
    """The files as memory-mapped arrays."""
    arrays: dict[str, np.ndarray] = {}
    for part, (ids, labels) in written.items():
        count = labels.stat().st_size if labels.exists() else 0
        if not count:
            raise DatasetError(f"the log is too small: no line fell into {part}")
        arrays[f"{part}-ids"] = np.memmap(ids, np.int32, "r+", shape=(count, fields))
        arrays[f"{part}-labels"] = np.memmap(labels, np.uint8, "r", shape=(count,))
    return arrays


def _card(form: LogFormat, vocabularies: dict[str, Vocabulary]) -> dict[str, Any]:
    shares = ", ".join(f"{share:.0%} {part}" for part, share in SHARES.items())
    return {
        "title": form.title,
        "source": form.home,
        "metric": "auc",
        "fields": form.fields,
        "numbering": NUMBERING,
        "rows": [vocabulary.rows for vocabulary in vocabularies.values()],
        "split": f"each line at random: {shares}; seed {SEED}",
    }
