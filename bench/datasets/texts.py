"""Texts of vectors: read only where a run asks for them (``scenario=hybrid``), one JSON string or line of text each."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.base import DatasetError, Texts
from bench.datasets.cache import cache_dir, written_whole

HAVING = (  # data sets of which `python -m bench.datasets texts` makes texts
    "squad-sentences",
    "squad-sentences-cone",
    "squad-sentences-layer4",
    "squad-sentences-wordllama",
    "squad-sentences-mini",
)
BASE, QUERIES = "base", "queries"
_HOW = 'give one text a line (.txt), or one JSON string or object with "text" a line (.jsonl)'


@dataclass(frozen=True)
class TextFile:
    """Texts in a file.

    Attributes
    ----------
    path : Path
    rows : (n,) int64 or None
        Which of them, in this order; all if None.
    made_by : str
        The command that makes the file; empty of a file of the user's.
    """

    path: Path
    rows: np.ndarray | None = None
    made_by: str = ""

    def take(self, rows: np.ndarray | None) -> TextFile:
        """Some of these texts, all if None; nothing is read."""
        if rows is None:
            return self
        return TextFile(self.path, rows if self.rows is None else self.rows[rows], self.made_by)

    def read(self, count: int) -> list[str]:
        """The texts, which must be ``count``.

        Raises
        ------
        DatasetError
            There is no such file, it is no text, or it has another number of texts.
        """
        texts = self._all()
        if self.rows is None and len(texts) != count:
            raise DatasetError(f"{self.path} has {len(texts):,} texts for {count:,} vectors; {_HOW}, in their order")
        if self.rows is None:
            return texts
        if len(self.rows) and int(self.rows.max()) >= len(texts):
            raise DatasetError(f"{self.path} has {len(texts):,} texts, fewer than vectors; {_HOW}, in their order")
        return [texts[row] for row in self.rows]

    def _all(self) -> list[str]:
        try:
            lines = self.path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        except FileNotFoundError:
            right = f"run `{self.made_by}`" if self.made_by else _HOW
            raise DatasetError(f"there are no texts in {self.path}; {right}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise DatasetError(f"{self.path} cannot be read as texts ({error}); {_HOW}") from None
        if self.path.suffix.lower() not in (".jsonl", ".ndjson"):
            return lines
        return [_text(line, f"{self.path}, line {number}") for number, line in enumerate(lines, 1)]


def _text(line: str, where: str) -> str:
    try:
        value: Any = json.loads(line)
    except ValueError:
        raise DatasetError(f"{where} is no JSON; {_HOW}") from None
    value = value.get("text") if isinstance(value, dict) else value
    if not isinstance(value, str):
        raise DatasetError(f"{where} holds no text; {_HOW}")
    return value


def digest(texts: list[str]) -> str:
    """SHA-256 (hex) of texts in their order."""
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def folder_of(name: str) -> Path:
    """Where the texts of a named data set are kept."""
    return cache_dir() / "texts" / name


def built(name: str) -> Texts:
    """Texts that ``python -m bench.datasets texts NAME`` wrote or would write."""
    command = f"python -m bench.datasets texts {name}"
    base, queries = (TextFile(folder_of(name) / f"{part}.jsonl", made_by=command) for part in (BASE, QUERIES))
    return Texts(base, queries)


def given(base: str | None, queries: str | None, rows: np.ndarray | None, held_out: np.ndarray | None) -> Texts | None:
    """The user's own files; None if none is given.

    Parameters
    ----------
    base, queries : str or None
        One text a vector; without a file of queries those that were held out have theirs among the base's.
    rows, held_out : (m,) int64 or None
        Rows of the base's file that are searched and that became queries; None where nothing was held out.

    Raises
    ------
    DatasetError
        The texts of base or queries are missing, or those of the queries are given twice.
    """
    if base is None:
        if queries is not None:
            raise DatasetError(f"queries_texts={queries} needs the texts of the base too; use dataset.texts=FILE")
        return None
    file = TextFile(_existing(base))
    if held_out is not None:
        if queries is not None:
            raise DatasetError(
                f"queries_texts={queries} is for a file of queries; those held out have theirs in {base}"
            )
        return Texts(file.take(rows), file.take(held_out))
    if queries is None:
        raise DatasetError(f"texts={base} needs the texts of the queries too; use dataset.queries_texts=FILE")
    return Texts(file, TextFile(_existing(queries)))


def _existing(file: str) -> Path:
    path = Path(file).expanduser()
    if not path.is_file():
        raise DatasetError(f"{file} does not exist; {_HOW}")
    return path


def write(name: str, base: list[str], queries: list[str]) -> Path:
    """Keep the texts of a named data set; their folder."""
    for part, texts in ((BASE, base), (QUERIES, queries)):
        with written_whole(folder_of(name) / f"{part}.jsonl") as file:
            file.write("".join(json.dumps(text, ensure_ascii=False) + "\n" for text in texts).encode())
    return folder_of(name)
