"""A budget is bytes, whatever form the user says it in."""

import pytest

from methods.budget import Budget
from methods.errors import MethodError


@pytest.mark.parametrize(
    ("text", "dim", "size"),
    [
        ("8x", 384, 192),
        ("16x", 100, 25),
        ("3x", 100, 133),
        ("48B", 384, 48),
        ("48 bytes", 384, 48),
        ("1B", 1, 1),
        ("2bit", 384, 96),
        ("1.5bits", 100, 18),
        ("0.1bit", 80, 1),
        ("1536x", 384, 1),
        ("1x", 7, 28),
    ],
)
def test_budget_in_bytes(text: str, dim: int, size: int):
    assert Budget(text).code_bytes(dim) == size


@pytest.mark.parametrize(
    "text", ["0x", "-3B", "", "x8", "8", "8y", "nanx", "infx", "0B", "8x8", "1.5B", "0bit", "\uff18x"]
)
def test_wrong_budgets_say_what_would_be_right(text: str):
    with pytest.raises(MethodError, match="use "):
        Budget(text)


@pytest.mark.parametrize("text", ["0.5x", "0.99x", "33bit", "64bits"])
def test_more_than_float32_is_refused(text: str):
    with pytest.raises(MethodError, match=rf"budget={text} is larger than float32 itself"):
        Budget(text)
    assert Budget("32bit").code_bytes(7) == Budget("1x").code_bytes(7) == 28


def test_less_than_a_byte_names_the_least():
    with pytest.raises(MethodError, match=r"the least is 1B \(1536x\)"):
        Budget("2000x").code_bytes(384)
