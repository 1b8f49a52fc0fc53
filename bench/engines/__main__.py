"""``python -m bench.engines``: engines, what each offers (``show qdrant``), where to have a method (``for pq``)."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from bench.datasets.base import DatasetError
from bench.datasets.distances import parse_metric
from bench.engines import words
from bench.engines.entries import entry, names
from bench.engines.export import offer_data
from bench.engines.offers import Offer, Refusal, offers, refusals, where
from bench.engines.scheme import EngineEntry
from bench.errors import UsageError
from bench.options import OneLineParser
from bench.recommend.question import parse_count
from methods import MethodError
from methods.budget import Budget

_DIM = 768
_EPILOG = (
    "Bytes are those of a code with its factors and padding; ids, links of a graph and originals are listed apart. "
    "Exit status: 0, or 2 for bad input."
)


def main() -> None:
    """Entry of the command."""
    try:
        options = _parser().parse_args()
        if options.verb is None:
            _list(options.json)
        else:
            _answer(options)
    except (UsageError, MethodError, DatasetError) as error:
        print(f"bench.engines: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(prog="python -m bench.engines", description=__doc__, epilog=_EPILOG)
    parser.add_argument("--json", action="store_true", help="as JSON")
    verbs = parser.add_subparsers(dest="verb", metavar="show | for")
    show = verbs.add_parser("show", help="what an engine offers at a dimension")
    show.add_argument("engine", metavar="ENGINE")
    show.add_argument("scheme", nargs="?", metavar="SCHEME", help="only this one")
    had = verbs.add_parser("for", help="where a method can be had, and what differs")
    had.add_argument("method", metavar="METHOD")
    for verb in (show, had):
        verb.add_argument("--dim", type=int, default=_DIM, help=f"of the vectors (default {_DIM})")
        verb.add_argument("--metric", default="cosine", help="ip, cosine or l2 (default cosine)")
        verb.add_argument("--n", metavar="N", help="how many vectors: 250k, 10M; gives totals")
        verb.add_argument("--budget", help="only codes that fit 16x, 48B or 2bit")
        verb.add_argument("--json", action="store_true", help="as JSON", default=argparse.SUPPRESS)
    return parser


def _list(as_json: bool) -> None:
    entries = [entry(name) for name in names()]
    if as_json:
        print(json.dumps([_entry_data(each) for each in entries], indent=2))
        return
    for each in entries:
        print(words.engine_line(each))


def _answer(options: argparse.Namespace) -> None:
    if options.dim < 1:
        raise UsageError(f"--dim {options.dim} is out of range; use at least 1")
    metric = parse_metric(options.metric).value
    count = parse_count(options.n) if options.n is not None else None
    if count is not None and count < 1:
        raise UsageError(f"--n {options.n} is out of range; use at least 1")
    refused: list[Refusal] = []
    if options.verb == "show":
        listed = offers(options.engine, options.dim, metric, options.scheme)
        refused = refusals(options.engine, options.dim, metric) if options.scheme is None else []
    else:
        listed = where(options.method, options.dim, metric)
    if options.budget is not None:
        listed = _within(listed, options.budget, options.dim)
    if options.json:
        print(json.dumps([offer_data(each, count) for each in listed], indent=2))
    elif options.verb == "show":
        print(*words.engine_lines(entry(options.engine), listed, refused, count), sep="\n")
    else:
        print(*words.method_lines(options.method, listed, count), sep="\n")


def _within(listed: list[Offer], budget: str, dim: int) -> list[Offer]:
    most = Budget(budget).code_bytes(dim)
    within = [each for each in listed if each.bytes is not None and each.bytes <= most]
    if listed and not within:
        sizes = [each.bytes for each in listed if each.bytes is not None]
        least = f"the smallest code takes {min(sizes)} B" if sizes else "the bytes of none are known"
        raise UsageError(f"--budget {budget} is {most} B, and {least}")
    return within


def _entry_data(each: EngineEntry) -> dict[str, Any]:
    fields = ("name", "title", "kind", "version", "summary", "runs_as")
    return {field: getattr(each, field) for field in fields} | {"schemes": [scheme.name for scheme in each.schemes]}


if __name__ == "__main__":
    main()
