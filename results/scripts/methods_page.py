"""Writes ``docs/methods.md``: every registered method, by track and family, with what its class says.

    python results/scripts/methods_page.py

``make docs`` runs it.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

from methods import registry
from methods.__main__ import main as list_methods

PAGE = Path(__file__).parents[2] / "docs" / "methods.md"
TITLES = {
    "dense": ("Single vectors", "One vector an item. Sizes are those that a method reaches at 384 dimensions."),
    "multivector": ("Sets of vectors", "A set of vectors an item, compared by Chamfer ([figures](multivector.md))."),
    "table": ("Embedding tables", "The trainable rows of a click model ([figures](tables.md))."),
}
HEAD = """# Methods

Every method, from the classes themselves (`make docs` writes this page; `python -m methods` prints it).
`python -m methods NAME` tells what the parameters of one mean, and on which kinds of vectors it loses recall. They are
given as `method.KEY=VALUE` on the command line, or as keywords of `methods.create`; those that are not set are chosen
from the budget or from training vectors where the default is `null`."""


def families(track: str) -> dict[str, list[str]]:
    """Names of a track's methods by family, both sorted."""
    by_family: dict[str, list[str]] = {}
    for name in registry.names(track):
        by_family.setdefault(registry.get(name, track).family, []).append(name)
    return dict(sorted(by_family.items()))


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(line for track in TITLES for line in _track(track))]) + "\n"


def _track(track: str) -> Iterator[str]:
    title, what = TITLES[track]
    yield from ("", f"## {title}", "", what)
    for family, names in families(track).items():
        yield from ("", f"### {family[0].upper()}{family[1:]}", "", *_table(track, family), "")
        for name in names:
            parameters = ", ".join(f"`{key}={json.dumps(value)}`" for key, value in registry.parameters(name).items())
            yield f"- `{name}`: {parameters or 'no parameters'}"


def _table(track: str, family: str) -> list[str]:
    """What ``python -m methods --markdown`` prints, and in each row an anchor, to which other pages link."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        list_methods(["--track", track, "--family", family, "--markdown"])
    return re.sub(r"^\| `(\w+)`", r'| <a id="\1"></a>`\1`', printed.getvalue(), flags=re.MULTILINE).splitlines()


if __name__ == "__main__":
    PAGE.write_text(page())
