"""Formulas of the catalogue are arithmetic, exact, and nothing else."""

from fractions import Fraction

import pytest

from bench.engines.formula import Formula, FormulaError


@pytest.mark.parametrize(
    ("text", "variables", "value"),
    [
        ("8", {}, 8),
        ("4 + 16 * ceil(d / 16)", {"d": 100}, 116),
        ("16 * ceil(bits * d / 128)", {"d": 384, "bits": Fraction(3, 2)}, 80),
        ("8 * ceil(max(d, 256) / 64)", {"d": 100}, 32),
        ("d // 16 + d % 16", {"d": 100}, 10),
        ("d if d <= 32 else 32 if d <= 64 else d // 2", {"d": 48}, 32),
        ("ceil(d / 3)", {"d": 3 * 10**17 + 1}, 10**17 + 1),
    ],
)
def test_a_formula_is_computed_exactly(text, variables, value):
    assert Formula(text).value(variables) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "d +",
        "d ** 2",
        "__import__('os')",
        "d.real",
        "open(d)",
        "[d][0]",
        "ceil",
        "ceil(d, 8)",
        "max(d)",
        "1.5 * d",
        "d < 3",
        "True",
        "lambda: d",
        "'a' * d",
        "(" * 100 + "d" + ")" * 100 + "]",
        "d + " * 5000 + "d",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(FormulaError, match=r"formula|ceil takes one"):
        Formula(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [("d / 8", "not whole; put it in ceil"), ("d // m", "divides by zero"), ("d * b", "has the variable b")],
)
def test_a_formula_without_a_whole_value_says_why(text, message):
    with pytest.raises(FormulaError, match=message):
        Formula(text).value({"d": 100, "m": 0})
