"""``python -m methods``: what each method is, what it can do, and which code sizes it reaches."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Iterator
from typing import Any, NoReturn

from methods import registry
from methods.base import Metric
from methods.docstrings import meanings
from methods.errors import MethodError
from methods.listing import code_sizes, in_words

_COLUMNS = {
    "name": "method",
    "family": "family",
    "summary": "what it is",
    "source": "source",
    "bytes": "bytes at d={dim}",
    "trains": "trains",
    "metrics": "metrics",
    "needs": "needs",
}
_METRICS = {"multivector": "chamfer", "table": "auc"}  # of the tracks that have one


def describe(name: str, dim: int = 384) -> dict[str, Any]:
    """One method as a JSON-able dictionary; ``code_sizes`` are the reachable sizes at ``dim`` in bytes."""
    cls = registry.get(name, None)
    missing = registry.missing_dependencies(name)
    dense = cls.track == registry.DENSE
    return {
        "name": name,
        "track": cls.track,
        "family": cls.family,
        "summary": cls.summary,
        "source": cls.source,
        "code_sizes": code_sizes(cls, dim, _most_bytes(dim)) if dense else [],
        "trains": cls.trains,
        "metrics": [str(metric) for metric in Metric if metric in cls.metrics] if dense else [_METRICS[cls.track]],
        "requires": list(cls.requires),
        "missing": missing,
        "parameters": registry.parameters(name),
        "version": cls.version,
        **({"kind_exceptions": dict(cls.kind_exceptions)} if hasattr(cls, "kind_exceptions") else {}),
    }


def _most_bytes(dim: int) -> int:
    """Budgets are tried up to a little more than float32."""
    return 4 * dim + 64


def _row(method: dict[str, Any], dim: int) -> dict[str, str]:
    sizes = method["code_sizes"]
    unbounded = len(sizes) > 1 and sizes[-1] == _most_bytes(dim)
    needs = [f"{module} (missing)" if module in method["missing"] else module for module in method["requires"]]
    return {
        **{key: method[key] for key in ("name", "family", "summary", "source")},
        "bytes": f"any from {sizes[0]}" if unbounded else in_words(sizes) or "-",
        "trains": "yes" if method["trains"] else "no",
        "metrics": ", ".join(method["metrics"]),
        "needs": ", ".join(needs) or "-",
    }


def _print_markdown(rows: list[dict[str, str]], dim: int, one_family: bool) -> None:
    optional = {"needs", "bytes"}  # sizes of codes of sets depend on the sets
    columns = [column for column in _COLUMNS if column not in optional or any(row[column] != "-" for row in rows)]
    if one_family:
        columns.remove("family")
    print("| " + " | ".join(_COLUMNS[column].format(dim=dim) for column in columns) + " |")
    print("|" + "---|" * len(columns))
    for row in rows:
        cells = [f"`{row[column]}`" if column == "name" else row[column].replace("|", r"\|") for column in columns]
        print("| " + " | ".join(cells) + " |")


def _print_table(rows: list[dict[str, str]], dim: int) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column, title in _COLUMNS.items():
        table.add_column(title.format(dim=dim), style="bold" if column == "name" else "", overflow="fold")
    for row in rows:
        table.add_row(*(row[column] for column in _COLUMNS))
    # Into a pipe or a file the table goes unwrapped: one line a method.
    Console(width=None if sys.stdout.isatty() else 400).print(table)


def _tell(name: str, dim: int) -> None:
    """Print one method: what the table has of it, what its parameters mean, and on which kinds of vectors it loses."""
    method = describe(name, dim)
    for key, value in _row(method, dim).items():
        print(f"{_COLUMNS[key].format(dim=dim):<16}{value}")
    said = meanings(registry.class_of(name, {"center": "offset"}, None)) | meanings(registry.get(name, None))
    for key, value in method["parameters"].items():
        print(f"{f'{key}={json.dumps(value)}':<32}{said.get(key, '')}")
    if "kind_exceptions" not in method:
        return
    kinds_by_reason: dict[str, list[str]] = {}
    for kind, reason in method["kind_exceptions"].items():
        kinds_by_reason.setdefault(reason, []).append(kind)
    for reason, kinds in kinds_by_reason.items():
        print(f"{'loses recall on':<16}{'; '.join(kinds)}: {reason}")
    if not kinds_by_reason:
        print(f"{'loses recall on':<16}no kind of vectors, as far as it declares (docs/embeddings.md)")


def _check(name: str) -> int:
    """Run the checks on one method and tell each outcome; exit status 1 if one fails."""
    cls = registry.get(name, None)
    rooms = {registry.DENSE: "methods", "table": "methods.tables"}
    module = f"{rooms.get(cls.track, f'methods.{cls.track}')}.checks"
    failed: dict[str, str] = {}  # what is wrong -> the first check that says it
    for check in importlib.import_module(module).checks():
        reason = cls.check_exceptions.get(check.name)
        if reason is not None:
            print(f"exempt  {check.name}: {reason}")
            continue
        try:
            check(name)
        except AssertionError as error:
            wrong = str(error).removeprefix(f"{name}: {check.name}: ")
            print(f"FAILED  {error}" if wrong not in failed else f"FAILED  {name}: {check.name}: as {failed[wrong]}")
            failed.setdefault(wrong, check.name)
        else:
            print(f"passed  {check.name}")
    for kind, reason in getattr(cls, "kind_exceptions", {}).items():
        print(f"exempt  recall on vectors of the kind {kind!r}: {reason}")
    return int(bool(failed))


def _chosen(family: str | None, track: str) -> list[str]:
    names = registry.names(track)
    if family is None:
        return names
    by_family = {name: registry.get(name, track).family for name in names}
    if family not in by_family.values():
        families = ", ".join(sorted(set(by_family.values())))
        raise MethodError(f"no method of the {track} track has family={family!r}; use one of {families}")
    return [name for name in names if by_family[name] == family]


def _described(names: list[str], dim: int) -> Iterator[dict[str, Any]]:
    """:func:`describe` of each; one built on a method that cannot be imported is named on stderr and left out."""
    for name in names:
        try:
            yield describe(name, dim)
        except MethodError as error:
            print(f"warning: {name} is left out: {error}", file=sys.stderr)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise MethodError(f"{message}; --help names the options")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m methods", description="List the compression methods.")
    tracks = sorted({registry.get(name, None).track for name in registry.names(None)})
    parser.add_argument("--track", choices=tracks, default=registry.DENSE, help="what a method compresses (dense)")
    parser.add_argument("--family", help="only the methods of one family")
    parser.add_argument("--dim", type=int, default=384, help="dimension for which code sizes are given (384)")
    parser.add_argument("name", nargs="?", metavar="NAME", help="only this method, with its parameters and losses")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as JSON, with every code size and parameter")
    form.add_argument("--markdown", action="store_true", help="as a Markdown table")
    form.add_argument("--check", metavar="NAME", help="run the checks that every method must pass on one method")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    try:
        for line in registry.left_out():
            print(f"warning: {line}", file=sys.stderr)
        options = _parser().parse_args(arguments)
        if options.dim < 1:
            raise MethodError(f"--dim={options.dim} is out of range; use an integer of at least 1")
        if options.check:
            return _check(options.check)
        if options.name and not (options.json or options.markdown):
            _tell(options.name, options.dim)
            return 0
        if options.name:
            descriptions = [describe(options.name, options.dim)]
        else:
            descriptions = list(_described(_chosen(options.family, options.track), options.dim))
    except MethodError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(descriptions, indent=2))
        return 0
    order = sorted(descriptions, key=lambda method: (method["family"], method["name"]))
    if options.markdown:  # the same on every machine
        order = [{**method, "missing": []} for method in order]
    rows = [_row(method, options.dim) for method in order]
    if options.markdown:
        _print_markdown(rows, options.dim, one_family=options.family is not None)
    else:
        _print_table(rows, options.dim)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
