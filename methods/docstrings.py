"""What docstrings say of a method's parameters, for whoever lists them."""

from __future__ import annotations

import inspect
import re

__all__ = ["meanings"]

_SECTION = re.compile(r"^Parameters\n-+\n(.*?)(?=^\w+\n-+\n|\Z)", re.MULTILINE | re.DOTALL)
_ENTRY = re.compile(r"^(\w+(?:, \w+)*)(?: : (\{.*?\})?.*)?\n((?: +.*\n?|\n)*)", re.MULTILINE)
_ELSEWHERE = ("As ", "See ")  # a base says it, whose docstring is read too
_ROLE = re.compile(r":\w+:`~?(?:[\w.]+\.)?([\w]+)`")


def meanings(cls: type) -> dict[str, str]:
    """Parameters of a class's constructor -> what its docstring, or else one of a base, says of each, in one line."""
    by_name: dict[str, str] = {}
    for each in cls.__mro__:
        section = _SECTION.search(inspect.cleandoc(each.__doc__ or ""))
        for names, choices, text in _ENTRY.findall(section[1] if section else ""):
            meaning = _ROLE.sub(r"\1", " ".join(text.split())).replace("``", "")
            if meaning and not meaning.startswith(_ELSEWHERE):
                by_name = dict.fromkeys(names.split(", "), f"{choices}: {meaning}" if choices else meaning) | by_name
    return by_name
