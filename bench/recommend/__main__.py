"""``python -m bench.recommend --data my.npy --budget 32x``: which method to take, and what it costs at your N."""

from __future__ import annotations

import argparse
import dataclasses
import os
import shutil
import sys
import tempfile
from typing import TYPE_CHECKING, NoReturn

from bench.errors import UsageError
from bench.options import OneLineParser

if TYPE_CHECKING:
    from bench.recommend.answer import Answer
    from bench.recommend.question import Question

_EPILOG = (
    "`python -m bench.recommend table --help`: the same for an embedding table, from published records; "
    "`python -m bench.recommend multivector --help`: for sets of vectors (token vectors of documents). "
    "Exit status: 0 an answer that meets the limits, 1 the nearest feasible offer, 2 bad input."
)


def main() -> None:
    """Entry of the command."""
    if sys.argv[1:2] == ["table"]:
        _table(sys.argv[2:])
        return
    if sys.argv[1:2] == ["multivector"]:
        _multivector(sys.argv[2:])
        return
    parser = OneLineParser(prog="python -m bench.recommend", description=__doc__, epilog=_EPILOG)
    parser.add_argument(
        "--data",
        required=True,
        metavar="FILE",
        help="your vectors: .npy, .npz, .fvecs, .bvecs, .fbin, .u8bin, .i8bin, .hdf5, .parquet",
    )
    parser.add_argument("--budget", default="", help="most bytes in memory for a vector: 32x, 48B or 2bit")
    parser.add_argument(
        "--memory", metavar="SIZE", help="instead of --budget: for all N vectors, codes and parts: 512MB, 4GB"
    )
    parser.add_argument("--n", metavar="N", help="how many vectors there will be: 250k, 100M (default: as in the file)")
    parser.add_argument("--min-recall", type=float, metavar="R", help="the answer has to keep this recall@k at N")
    parser.add_argument("--max-p50-ms", type=float, metavar="MS", help="a query over all N may take this long")
    parser.add_argument("--queries", metavar="FILE", help="your queries (default: some vectors are held out)")
    parser.add_argument(
        "--column", metavar="NAME", help="the column (Parquet) or array (.npz, HDF5) of vectors, if there are several"
    )
    parser.add_argument("--metric", help="ip, cosine or l2 (default: cosine, or what an ann-benchmarks file says)")
    parser.add_argument("--k", type=int, default=10, help="neighbors requested: 1, 10 or 100 (default 10)")
    parser.add_argument(
        "--rescore", help="float16, int8, float32 (in memory) or disk: order candidates by finer vectors"
    )
    parser.add_argument("--methods", default="", metavar="A,B", help="only these race; 'glob(*trellis)' too")
    parser.add_argument(
        "--engine",
        default="",
        metavar="A,B",
        help="choose of what these engines have within the budget (`python -m bench engines` lists engines)",
    )
    parser.add_argument(
        "--prices",
        metavar="FILE",
        help="YAML with `currency`, and `memory` and `disk`, prices of a GB a month: says what the answer costs",
    )
    parser.add_argument(
        "--threads", type=int, default=1, help="of a search (default 1); more than there are cores here: extrapolated"
    )
    parser.add_argument("--seed", type=int, default=0, help="of samples and training (default 0)")
    parser.add_argument("--sample", default="100k", metavar="N", help="most vectors measured on (default 100k)")
    parser.add_argument(
        "--time",
        type=float,
        default=240.0,
        metavar="S",
        help="seconds for the answer (default 240); a first method has up to 40 more, or there would be none",
    )
    parser.add_argument(
        "--save", metavar="DIR", help="a new folder for the fitted codec of the winner, and codes where that is quick"
    )
    parser.add_argument("--json", action="store_true", help="the answer as one JSON object (docs/commands.md)")
    try:
        options = parser.parse_args()
    except UsageError as error:
        _refuse(error)
    from bench.datasets.base import DatasetError  # heavy: --help and wrong options do without
    from bench.packages import say_left_out
    from methods import MethodError

    try:
        say_left_out("bench.recommend")
        answer = _answered(_question(options), options.json)
    except (UsageError, DatasetError, MethodError) as error:
        _refuse(error)
    sys.exit(0 if answer.chosen is not None else 1)


def _refuse(error: ValueError) -> NoReturn:
    print(f"bench.recommend: {' '.join(str(error).replace(' column=', ' --column ').split())}", file=sys.stderr)
    sys.exit(2)


def _answered(question: Question, as_json: bool) -> Answer:
    """The answer, printed before anything is saved, so that an interruption does not lose it."""
    from bench.recommend.choice import recommend
    from bench.recommend.export import to_json
    from bench.recommend.keep import Saved
    from bench.recommend.words import answer_lines, saved_lines

    known: list[Answer] = []

    def tell(answer: Answer) -> None:
        known.append(answer)
        if not as_json:
            print("\n".join(answer_lines(answer)), flush=True)

    try:
        answer = recommend(question, tell)
    except KeyboardInterrupt:
        if as_json and known:  # one object, so it waited for what would be saved
            saved = Saved(question.save or "", problem="interrupted")
            print(to_json(dataclasses.replace(known[0], saved=saved)), flush=True)
        raise
    if as_json:
        print(to_json(answer))
    else:
        print(*saved_lines(answer), sep="\n", end="\n" if question.save else "")
    return answer


def _table(arguments: list[str]) -> None:
    """The same question about an embedding table, answered from published records."""
    from bench.recommend import table
    from methods import MethodError

    try:
        answer = table.recommend_table(table.question_of(arguments))
    except (UsageError, MethodError) as error:
        _refuse(error)
    print("\n".join(table.lines(answer)))


def _multivector(arguments: list[str]) -> None:
    """The same question about sets of vectors. Exit status as of vectors."""
    from bench.datasets.base import DatasetError
    from bench.recommend import set_question, set_words, sets
    from methods import MethodError

    try:
        question, as_json = set_question.question_of(arguments)
        answer = sets.recommend_sets(question)
    except (UsageError, DatasetError, MethodError) as error:
        _refuse(error)
    print(set_words.to_json(answer) if as_json else "\n".join(set_words.lines(answer)))
    sys.exit(0 if answer.chosen is not None else 1)


def _question(options: argparse.Namespace) -> Question:
    from bench.recommend.offer import Limits
    from bench.recommend.prices import read_prices
    from bench.recommend.question import Question, parse_bytes, parse_count, parse_engines, parse_methods

    return Question(
        data=options.data,
        budget=options.budget,
        save=options.save,
        memory=None if options.memory is None else parse_bytes(options.memory),
        n=None if options.n is None else parse_count(options.n),
        limits=Limits(options.min_recall, options.max_p50_ms),
        queries=options.queries,
        column=options.column,
        metric=options.metric,
        k=options.k,
        rescore=options.rescore,
        methods=parse_methods(options.methods),
        engines=parse_engines(options.engine),
        prices=None if options.prices is None else read_prices(options.prices),
        threads=options.threads,
        seed=options.seed,
        time_s=options.time,
        sample=parse_count(options.sample),
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="bench-cache-", ignore_cleanup_errors=True) as cache:
        os.environ.setdefault("BENCH_CACHE", cache)  # truths of samples would only fill the user's cache
        try:
            main()
        except KeyboardInterrupt:
            print("bench.recommend: interrupted", file=sys.stderr)
            sys.stderr.flush()
            shutil.rmtree(cache, ignore_errors=True)
            os._exit(130)  # at once: the runs' processes end with this one
