"""``python -m bench.compress my.parquet --method trellis --budget 16x --out corpus/``: codes of a file of any size."""

from __future__ import annotations

import json
import sys
from typing import Any

from bench.datasets.base import DatasetError
from bench.datasets.distances import parse_metric
from bench.errors import UsageError
from bench.measure.decoding_error import WARNED_RATIO
from bench.options import OneLineParser
from methods import MethodError

_EPILOG = (
    "The same command goes on where it was stopped. `python -m bench.compress check corpus/ my.parquet` measures the "
    "recall of the files. Exit status: 0, 2 for bad input, 130 if interrupted."
)
_CHECK_EPILOG = "Exit status: 0, 1 if recall is below --min-recall, 2 for bad input."
_NEW = ("method", "budget", "metric", "train", "seed", "ids")  # options that a folder has from its beginning
_DEFAULTS = {"train": 100_000, "seed": 0}
_NO_PARAMETERS = frozenset((*_NEW, "out", "column", "dim", "name"))  # of a method: options, or known from the file


def main() -> None:
    """Entry of the command."""
    try:
        status = _check(sys.argv[2:]) if sys.argv[1:2] == ["check"] else _compress(sys.argv[1:])
    except (UsageError, DatasetError, MethodError) as error:
        print(f"bench.compress: {' '.join(str(error).replace(' column=', ' --column ').split())}", file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        resumed = "" if sys.argv[1:2] == ["check"] else "; start the same command again to go on where it stopped"
        print(f"bench.compress: interrupted{resumed}", file=sys.stderr)
        status = 130
    sys.exit(status)


def _compress(arguments: list[str]) -> int:
    parser = OneLineParser(prog="python -m bench.compress", description=__doc__, epilog=_EPILOG)
    parser.add_argument("words", nargs="+", metavar="FILE [NAME=VALUE ...]", help="vectors; parameters of the method")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for codec, codes and ids")
    parser.add_argument("--method", metavar="NAME", help="as `python -m methods` lists them")
    parser.add_argument("--budget", metavar="B", help="most bytes of a code: 16x, 96B or 2bit")
    parser.add_argument("--metric", help="ip, cosine or l2 (default: cosine, or what an ann-benchmarks file says)")
    parser.add_argument("--train", type=int, metavar="N", help="vectors that the codec is fitted on (default 100000)")
    parser.add_argument("--seed", type=int, help="of that sample and of the fit (default 0)")
    parser.add_argument("--column", metavar="NAME", help="column or array of the vectors, if there are several")
    parser.add_argument(
        "--ids", metavar="COLUMN", help="column (Parquet) or array (.npz) of ids, to be kept in ids.npy"
    )
    parser.add_argument("--append", action="store_true", help="encode FILE with the codec in DIR, behind what is there")
    options = parser.parse_intermixed_args(arguments)
    from bench.compress import job  # heavy: --help and wrong options do without

    file, *params = options.words
    if taken := sorted(_NO_PARAMETERS.intersection(word.partition("=")[0] for word in params)):
        right = f"write --{taken[0]}" if taken[0] in (*_NEW, "out", "column") else "it follows from the file"
        raise UsageError(f"{taken[0]}= is no parameter of a method; {right}")
    if options.append:
        if given := [name for name in _NEW if getattr(options, name) is not None] or params:
            raise UsageError(f"--append takes no {given[0]}: it encodes with the codec that is there")
        done = job.append(file, options.out, options.column)
    else:
        if missing := [name for name in ("method", "budget") if getattr(options, name) is None]:
            raise UsageError(f"--{missing[0]} is missing; `python -m bench.recommend --data {file}` finds a good one")
        chosen = {name: getattr(options, name) for name in _NEW}
        chosen |= {name: value for name, value in _DEFAULTS.items() if chosen[name] is None}
        chosen["metric"] = None if options.metric is None else str(parse_metric(options.metric))
        done = job.compress(
            job.Request(file, options.out, params=dict(map(_param, params)), column=options.column, **chosen)
        )
    if done.nothing_new:
        print(f"{done.corpus.folder} has the codes of {file} already; nothing to do")
    if done.replaced is not None:
        print(f"the unfinished codes of {done.replaced} gave way to those of {file}")
    print("\n".join(job.described(done)))
    if options.append and not done.nothing_new:
        _tell_ratio(done.ratio)
    return 0


def _tell_ratio(ratio: float | None) -> None:
    if ratio is None:
        print("how far the new vectors are from the first ones is not known: these codes do not decode")
        return
    print(f"mean squared error of the new vectors: {ratio:.2f} times that of the first ones")
    if ratio > WARNED_RATIO:
        print(
            f"warning: that is more than {WARNED_RATIO}: the codec was fitted to other vectors; fit it again on all",
            file=sys.stderr,
        )


def _check(arguments: list[str]) -> int:
    parser = OneLineParser(prog="python -m bench.compress check", epilog=_CHECK_EPILOG)
    parser.description = "recall@10 of a search of the stored codes, against exact neighbors; bytes"
    parser.add_argument("out", metavar="DIR", help="folder of the codes")
    parser.add_argument("files", nargs="+", metavar="FILE", help="what they were made of, in the order of appending")
    parser.add_argument("--queries", metavar="FILE", help="your queries (default: some of the vectors)")
    parser.add_argument("--count", type=int, default=1000, metavar="N", help="most queries (default 1000)")
    parser.add_argument("--seed", type=int, default=0, help="of the queries drawn (default 0)")
    parser.add_argument("--column", metavar="NAME", help="column or array of the vectors, if there are several")
    parser.add_argument("--queries-column", metavar="NAME", help="that of the queries")
    parser.add_argument("--min-recall", type=float, metavar="R", help="exit with 1 below this")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args(arguments)
    if options.min_recall is not None and not 0 <= options.min_recall <= 1:
        raise UsageError(f"--min-recall {options.min_recall:g} is out of range; use a number from 0 to 1")
    from bench.compress.check import check

    checked = check(
        options.out,
        options.files,
        queries=options.queries,
        count=options.count,
        seed=options.seed,
        column=options.column,
        queries_column=options.queries_column,
    )
    recall, total = checked.recall, checked.rows * checked.code_size + checked.parts
    if options.json:
        print(
            json.dumps(
                {
                    "recall": recall.value,
                    "recall_low": recall.low,
                    "recall_high": recall.high,
                    "k": checked.k,
                    "queries": checked.queries,
                    "trained_queries": checked.trained,
                    "vectors": checked.rows,
                    "code_bytes": checked.code_size,
                    "parts_bytes": checked.parts,
                }
            )
        )
    else:
        whose = "vectors of the corpus, each without itself" if checked.own else "queries given"
        print(
            f"recall@{checked.k} {recall.value:.3f} [{recall.low:.3f}, {recall.high:.3f}] ({checked.queries:,} {whose})"
        )
        if checked.trained:
            print(
                f"{checked.trained:,} of them were trained on: --queries, or a smaller --train, says more of new ones"
            )
        print(
            f"{checked.rows:,} codes of {checked.code_size} bytes and {checked.parts:,} bytes of parts: "
            f"{total / 1e6:,.1f} MB, {total / checked.rows:.1f} bytes a vector"
        )
    return int(options.min_recall is not None and recall.value < options.min_recall)


def _param(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"{text!r} is neither an option nor a parameter of the method; write NAME=VALUE (bits=4)")
    try:
        return name, json.loads(f"0{value}" if value.startswith(".") else value)
    except ValueError:
        return name, value


if __name__ == "__main__":
    main()
