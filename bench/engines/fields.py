"""A mapping of a YAML file, taken field by field: whatever is missing, misspelled or of another type is named."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from bench.engines.formula import Formula, FormulaError
from bench.errors import UsageError

REQUIRED: Any = object()  # in place of a default


class CatalogueError(UsageError):
    """A file of the catalogue is wrong; the message names file and field, and says what would be right."""


class Fields:
    """The fields of one mapping.

    Every method takes one field and names it in its error; :meth:`end` refuses what nobody took.

    Parameters
    ----------
    data : object
        Of the file.
    where : str
        File and path of the mapping, for messages.
    """

    def __init__(self, data: object, where: str) -> None:
        if not isinstance(data, Mapping):
            raise CatalogueError(f"{where} is {_kind(data)}; write a mapping of fields")
        self._data, self.where, self._known = dict(data), where, [""]

    def wrong(self, key: str, message: str) -> CatalogueError:
        """The error of one field."""
        return CatalogueError(f"{self.where}: {key}: {message}")

    def has(self, key: str) -> bool:
        """Whether the field is there."""
        self._known.append(key)
        return key in self._data

    def raw(self, key: str, default: Any = REQUIRED) -> Any:
        """The field as it is."""
        if self.has(key):
            return self._data[key]
        if default is REQUIRED:
            raise CatalogueError(f"{self.where}: {key} is missing")
        return default

    def text(self, key: str, default: Any = REQUIRED, one_line: bool = True) -> str:
        """A text, of one line unless more are allowed."""
        value = self.raw(key, default)
        if not isinstance(value, str):
            hint = "; put it in quotes" if isinstance(value, (int, float, bool)) else ""
            raise self.wrong(key, f"{value!r} is {_kind(value)}, not text{hint}")
        if "\n" in value.strip() and one_line:
            raise self.wrong(key, "has several lines; write one (after `>-` YAML joins them)")
        return value.strip()

    def choice(self, key: str, choices: Sequence[str], default: Any = REQUIRED) -> str:
        """One of ``choices``."""
        value = self.text(key, default)
        if value not in choices:
            raise self.wrong(key, f"{value!r} is none of {', '.join(choices)}")
        return value

    def formula(self, key: str, variables: Sequence[str], default: Any = REQUIRED) -> Formula:
        """A whole number, or a formula of ``variables``."""
        value = self.raw(key, default)
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise self.wrong(key, f"{value!r} is {_kind(value)}, neither a whole number nor a formula")
        try:
            formula = Formula(str(value))
            formula.check_names(variables)
        except FormulaError as error:
            raise self.wrong(key, str(error)) from None
        return formula

    def integer(self, key: str, default: int | None = None) -> int | None:
        """A whole number of at least 1."""
        value = self.raw(key, default)
        if value is default or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
            return value
        raise self.wrong(key, f"{value!r} is no whole number of at least 1")

    def texts(self, key: str, choices: Sequence[str] = (), default: Any = REQUIRED) -> tuple[str, ...]:
        """A list of texts, or one text."""
        value = self.raw(key, default)
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, (list, tuple)) or not listed or not all(isinstance(each, str) for each in listed):
            raise self.wrong(key, f"{value!r} is no list of texts")
        for each in listed:
            if choices and each not in choices:
                raise self.wrong(key, f"{each!r} is none of {', '.join(choices)}")
        return tuple(listed)

    def inner(self, key: str, default: Any = REQUIRED) -> Fields:
        """A mapping inside this one."""
        return Fields(self.raw(key, default), f"{self.where}: {key}")

    def items(self) -> dict[str, Any]:
        """All fields, whose names are free."""
        self._known += self._data
        for key in self._data:
            if not isinstance(key, str):
                raise self.wrong(str(key), f"the name {key!r} is {_kind(key)}, not text; put it in quotes")
        return self._data

    def texts_by_name(self) -> dict[str, str]:
        """All fields as texts, whose names are free."""
        return {key: self.text(key) for key in self.items()}

    def end(self) -> None:
        """Refuse a field that nobody took."""
        for key in self._data:
            if key not in self._known:
                close = difflib.get_close_matches(str(key), self._known, n=1, cutoff=0.5)
                known = ", ".join(sorted(filter(None, set(self._known))))
                raise self.wrong(str(key), f"no such field; {f'did you mean {close[0]}?' if close else f'use {known}'}")


def number(value: object) -> int | Fraction | None:
    """A number that a setting may have: 8 or 1.5; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        return None
    fraction = Fraction(str(value))
    return int(fraction) if fraction.denominator == 1 else fraction


def _kind(value: object) -> str:
    names = {bool: "a truth value", int: "a number", float: "a number", list: "a list", dict: "a mapping", str: "text"}
    return "nothing" if value is None else names.get(type(value), type(value).__name__)
