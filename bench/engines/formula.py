"""Bytes as a formula of the dimension: read once into a tree, computed exactly, and nothing but arithmetic."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

Number = int | Fraction

_OPERATORS: dict[type[ast.AST], Callable[..., Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: Fraction,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARISONS: dict[type[ast.AST], Callable[..., bool]] = {ast.LtE: operator.le, ast.Lt: operator.lt}
_FUNCTIONS: dict[str, Callable[..., Number]] = {"ceil": math.ceil, "max": max, "min": min}
_LONGEST = 300
_HOW = "use whole numbers, + - * / // %, ceil(), max(), min() and `A if d <= B else C`"


class FormulaError(ValueError):
    """A text is no formula, or has no whole value here; the message says what would be right."""


@dataclass(frozen=True)
class Formula:
    """An expression such as ``16 * ceil(bits * d / 128)``.

    Fractions are exact, so that ``ceil(d / 3)`` is what it says. The text is never run as a program.

    Attributes
    ----------
    text : str
        As it stands in a catalogue.

    Raises
    ------
    FormulaError
        If it has anything but numbers, names, ``+ - * / // %``, ``ceil``, ``max``, ``min`` and
        ``A if d <= B else C``.

    Examples
    --------
    >>> Formula("4 + 16 * ceil(d / 16)").value({"d": 100})
    116
    """

    text: str

    def __post_init__(self) -> None:
        _check(self._tree(), self.text)

    def _tree(self) -> ast.expr:
        if len(self.text) > _LONGEST:
            raise FormulaError(f"{self.text[:20]!r}... is longer than {_LONGEST} characters; that is no formula")
        try:
            return ast.parse(self.text, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise FormulaError(f"{self.text!r} is not a formula; {_HOW}") from None

    def names(self) -> set[str]:
        """The variables that have to be given."""
        names = {node.id for node in ast.walk(self._tree()) if isinstance(node, ast.Name)}
        return names - set(_FUNCTIONS)

    def value(self, variables: Mapping[str, Number]) -> int:
        """The whole number of bytes (or of whatever it counts).

        Raises
        ------
        FormulaError
            If a variable is missing, something is divided by zero, or the value is not a whole number.
        """
        if missing := self.names() - set(variables):
            raise FormulaError(_unknown(self.text, missing, variables))
        try:
            value = _compute(self._tree(), variables)
        except ZeroDivisionError:
            raise FormulaError(f"{self.text!r} divides by zero at {_given(variables)}") from None
        if value != int(value):
            raise FormulaError(f"{self.text!r} is {float(value):g} at {_given(variables)}, not whole; put it in ceil()")
        return int(value)

    def check_names(self, known: Iterable[str]) -> None:
        """Refuse the formula if it has a variable that is not ``known``."""
        if missing := self.names() - set(known):
            raise FormulaError(_unknown(self.text, missing, known))


def _check(node: ast.AST, text: str) -> None:
    """Refuse every kind of node but those that :func:`_compute` knows."""
    match node:
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            inner = [left, right]
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS and arguments:
            inner = [*arguments]
            if (len(arguments) == 1) != (name == "ceil"):
                raise FormulaError(f"{text!r} gives {name}() {len(arguments)} values; ceil takes one, max and min two")
        case ast.IfExp(test=ast.Compare(left=left, ops=[op], comparators=[right]), body=body, orelse=orelse) if (
            type(op) in _COMPARISONS
        ):
            inner = [left, right, body, orelse]
        case ast.Constant(value=int()) if not isinstance(node.value, bool):
            inner = []
        case ast.Name(id=name) if name not in _FUNCTIONS:
            inner = []
        case _:
            raise FormulaError(f"{text!r} is not a formula; {_HOW}")
    for each in inner:
        _check(each, text)


def _compute(node: ast.AST, variables: Mapping[str, Number]) -> Number:
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_compute(left, variables), _compute(right, variables))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _FUNCTIONS[name](*(_compute(argument, variables) for argument in arguments))
        case ast.IfExp(test=ast.Compare(left=left, ops=[op], comparators=[right]), body=body, orelse=orelse):
            holds = _COMPARISONS[type(op)](_compute(left, variables), _compute(right, variables))
            return _compute(body if holds else orelse, variables)
        case ast.Constant(value=int() as number):
            return number
        case ast.Name(id=name):
            return variables[name]
        case _:
            raise AssertionError(ast.dump(node))


def _unknown(text: str, missing: Iterable[str], known: Iterable[str]) -> str:
    return f"{text!r} has the variable {min(missing)}, which has no value here; use {', '.join(sorted(known))}"


def _given(variables: Mapping[str, Number]) -> str:
    return ", ".join(f"{name}={value}" for name, value in variables.items())
