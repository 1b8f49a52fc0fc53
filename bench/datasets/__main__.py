"""``python -m bench.datasets list | build NAME | info NAME | truth NAME | merge NAME``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from bench import datasets
from bench.datasets import builders
from bench.datasets.base import DatasetError
from bench.datasets.diagnosis import diagnose
from bench.datasets.formats import SUFFIXES
from bench.datasets.lossless import lossless
from bench.datasets.parts import truth_path
from bench.datasets.shards import merge_shards, search_shard, shards_folder
from bench.datasets.texts import HAVING
from bench.errors import UsageError
from bench.measure.kind_advice import NOTHING_NEEDED, advice_of
from bench.measure.kinds import kinds_of, warnings_of
from bench.options import OneLineParser
from bench.progress import busy
from bench.report.words import number

_TRUTH_K = 100  # of a run: bench.tracks.measurement
_ABOUT = {
    "squad-sentences-mini": ("20,000 x 384", "ip", "sentences and questions, with relevance; embedded, the default"),
    "squad-sentences": ("69,679 x 384", "ip", "sentences and 10,000 questions, with relevance"),
    "squad-sentences-cone": (
        "69,679 x 384",
        "ip",
        "the same in a cone of average cosine .75; any dense set takes cone=.75",
    ),
    "squad-sentences-layer4": (
        "69,679 x 384",
        "ip",
        "the same texts as states of the fourth layer: a common direction",
    ),
    "squad-sentences-layers": (
        "69,679 x 384",
        "ip",
        "the same texts by each layer of the encoder, for scenario=layers",
    ),
    "squad-sentences-mini-layers": ("20,000 x 384", "ip", "the texts of squad-sentences-mini by each layer"),
    "squad-sentences-mini-layers-paraphrase": ("20,000 x 384", "ip", "the same by three layers of a second encoder"),
    "squad-sentences-wordllama": ("69,679 x 256", "ip", "the same texts by a weaker encoder, for scenario=upgrade"),
    "bigbench-sentences": ("1,043,822 x 256", "cosine", "sentences of many kinds; others and questions are queries"),
    "glove-100": ("331,479 x 100", "cosine", "word vectors; 10,000 words held out as queries"),
    "glove-100-ip": ("331,479 x 100", "ip", "the same vectors, whose lengths vary, by inner product"),
    "fashion-mnist": ("60,000 x 784", "l2", "images; the test images are the queries"),
    "photo-sift": ("10,000,000 x 128", "l2", "SIFT descriptors of photographs; other photographs are the queries"),
    "synthetic": ("nb x d", "l2", "faiss SyntheticDataset, drawn when loaded"),
    "squad-tokens": ("2,067 sets x 384", "chamfer", "paragraphs and questions, a vector a token, with relevance"),
    "squad-tokens-128": ("2,067 sets x 128", "chamfer", "the same in 128 principal directions"),
    "squad-tokens-mini": ("256 sets x 64", "chamfer", "a sample of it in 64; embedded"),
    "squad-shifts-tokens": ("9,748 sets x 384", "chamfer", "more paragraphs; questions about newspapers and Reddit"),
    "book-crossing": ("359,045 rows x 16", "auc", "433,671 ratings of books, 7 fields: an embedding table"),
    "ml-100k": ("3,793 rows x 16", "auc", "100,000 ratings of movies, 8 fields: an embedding table"),
    "criteo-kaggle": ("26 + 13 fields", "auc", "your own copy: build criteo-kaggle --from train.txt"),
    "avazu": ("22 fields", "auc", "your own copy: build avazu --from train.gz"),
    "criteo-tb": ("26 + 13 fields", "auc", "your own copy: build criteo-tb --from FOLDER of day_*"),
    "ragged": ("n sets x d", "chamfer", "your own sets of vectors: dataset.base=FILE dataset.queries=FILE"),
    "path": ("n x d", "cosine", "your own file: dataset.base=FILE [dataset.queries=FILE dataset.metric=...]"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; exit status 0, or 2 with one line on standard error."""
    try:
        chosen = _parser().parse_args(arguments)
        if chosen.command == "list":
            _list()
        elif chosen.command == "build":
            _build(chosen.name, chosen.source, chosen.to, chosen.force)
        elif chosen.command == "texts":
            _texts(chosen.name, chosen.source)
        elif chosen.command == "truth":
            _truth(_dense(chosen.name, chosen.options), chosen.k, chosen.shard, chosen.to)
        elif chosen.command == "merge":
            _merge(_dense(chosen.name, chosen.options), chosen.source)
        else:
            column = [] if chosen.column is None else [f"column={json.dumps(chosen.column)}"]
            _info(chosen.name, chosen.vectors, [*chosen.options, *column])
    except (DatasetError, UsageError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; start again to go on", file=sys.stderr)
        return 130
    return 0


class _Parser(OneLineParser):
    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Takes a KEY=VALUE behind an option too, where argparse by itself takes none."""
        chosen, rest = super().parse_known_args(args, namespace)
        more = [text for text in rest if "=" in text and not text.startswith("-") and "options" in chosen]
        if more:
            chosen.options += more
        return chosen, [text for text in rest if text not in more]


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m bench.datasets", description="Data sets of the benchmark.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("list", help="name, size, metric and state of every data set")
    make = commands.add_parser("build", help="download what a data set is made from, make it and keep it in the cache")
    make.add_argument("name", metavar="NAME", help=", ".join(builders.BUILDABLE))
    make.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="PATH",
        help="the archive, already downloaded (for fashion-mnist also the ann-benchmarks HDF5; for "
        "squad-sentences-mini the folder of squad-sentences; for photo-sift a folder with the Debian packages)",
    )
    make.add_argument("--to", type=Path, metavar="FOLDER", help="write here instead of where the benchmark reads")
    make.add_argument("--force", action="store_true", help="build again what is built")
    words = commands.add_parser("texts", help="keep the texts of a data set beside it, for scenario=hybrid")
    words.add_argument("name", metavar="NAME", help=", ".join(HAVING))
    words.add_argument("--from", dest="source", type=Path, metavar="PATH", help="the archive, already downloaded")
    info = commands.add_parser("info", help="what a data set is: shapes, metric, checksum, source, license")
    info.add_argument("name", metavar="NAME", nargs="?", help=", ".join(datasets.names()))
    info.add_argument("--vectors", type=Path, metavar="FILE", help="your own file instead of a NAME")
    info.add_argument("--column", metavar="NAME", help="the column or array of vectors in it, if there are several")
    info.add_argument("options", metavar="KEY=VALUE", nargs="*", help="options of the data set, such as max_base=1000")
    truth = commands.add_parser("truth", help="find the exact neighbors, or those among one shard of the base")
    truth.add_argument("name", metavar="NAME", help=", ".join(datasets.names(datasets.Dataset.track)))
    truth.add_argument("--shard", metavar="I/N", help="only the I-th of N shards of the base, to be merged")
    truth.add_argument("--k", type=int, default=_TRUTH_K, help="neighbors of a query (default %(default)s, as of runs)")
    truth.add_argument("--to", type=Path, metavar="FOLDER", help="write the shard here instead of to the cache")
    merge = commands.add_parser("merge", help="merge the shards that truth --shard wrote")
    merge.add_argument("name", metavar="NAME", help="the same data set")
    merge.add_argument("--from", dest="source", type=Path, metavar="FOLDER", help="where they are, if not in the cache")
    for command in (truth, merge):
        command.add_argument("options", metavar="KEY=VALUE", nargs="*", help="as for info; the same as of the runs")
    return parser


def _list() -> None:
    table = Table(Column("data set", no_wrap=True), "base", "metric", "state", "what it is", box=None)
    for name, (shape, metric, what) in _ABOUT.items():
        state = "ready" if name not in builders.BUILDABLE or builders.is_built(name) else "to build"
        table.add_row(name, shape, metric, state, what)
    Console().print(table)


def _build(name: str, source: Path | None, target: Path | None, force: bool) -> None:
    if name in builders.BUILDABLE and target is None and builders.is_built(name) and not force:
        with busy(f"looking at what {name} has"):
            added = builders.complete(name, source)
        if added:
            print(f"{name} had all but {', '.join(added)}: added in {builders.folder_of(name)}")
            return
        print(f"{name} is built already, in {builders.folder_of(name)}; --force builds it again")
        return
    start = time.perf_counter()
    with busy(f"building {name}"):
        folder = builders.build(name, source, target)
    print(f"{name} is in {folder} after {time.perf_counter() - start:.1f} s")


def _texts(name: str, source: Path | None) -> None:
    from bench.datasets.builders import texts

    with busy(f"reading the texts of {name}"):
        folder = texts.build(name, source)
    print(f"the texts of {name} are in {folder}")


def _dense(name: str, options: list[str]) -> datasets.Dataset:
    with busy(f"reading {name}"):
        dataset = datasets.load(name, **dict(_option(text) for text in options))
    if not isinstance(dataset, datasets.Dataset):
        raise DatasetError(f"{name} holds no single vectors; runs find the neighbors of its sets, if it has any")
    return dataset


def _truth(dataset: datasets.Dataset, k: int, shard: str | None, folder: Path | None) -> None:
    if k < 1:
        raise DatasetError(f"--k {k} is not a number of neighbors; use an integer of at least 1")
    if shard is None and folder is not None:
        raise DatasetError(f"--to {folder} is for a shard; without --shard the neighbors are kept in the cache")
    start = time.perf_counter()
    if shard is None:
        datasets.ground_truth(dataset, k)
        path = truth_path(dataset)
    else:
        path = search_shard(dataset, k, shard, folder or shards_folder(dataset))
    print(f"{_what(dataset, k)} are in {path} after {time.perf_counter() - start:.1f} s")


def _merge(dataset: datasets.Dataset, folder: Path | None) -> None:
    truth = merge_shards(dataset, folder or shards_folder(dataset))
    print(f"{_what(dataset, truth.ids.shape[1])} are in {truth_path(dataset)}")


def _what(dataset: datasets.Dataset, k: int) -> str:
    return f"{k} neighbors of {len(dataset.queries):,} queries among {dataset.base.shape[0]:,} vectors"


def _info(name: str | None, vectors: Path | None, options: list[str]) -> None:
    if vectors is not None:
        # Behind --vectors the first KEY=VALUE takes the place of a name.
        options, name = [*([name] if name else []), *options], "path"
        options.append(f"base={json.dumps(str(vectors))}")
    if name is not None and Path(name).suffix.lower() in SUFFIXES:
        raise DatasetError(f"{name} is a file and no name of a data set; write info --vectors {name}")
    if name is None:
        raise DatasetError("info needs the NAME of a data set, or --vectors FILE")
    with busy(f"reading {name if vectors is None else vectors}"):
        dataset = datasets.load(name, **dict(_option(text) for text in options))
        if isinstance(dataset, datasets.ClickDataset):
            rows = _click_facts(dataset)
        else:
            rows = {**_facts(dataset), **_diagnosis(dataset), **_lossless(dataset)}
    table = Table("", Column(name if vectors is None else str(vectors), overflow="fold"), box=None)
    for key, value in {**rows, **{f"card: {key}": str(value) for key, value in dataset.card.items()}}.items():
        table.add_row(key.replace("_", " "), escape(value))
    Console().print(table)


def _diagnosis(dataset: Any) -> dict[str, str]:
    """What the vectors are like, and which kinds that makes them, as docs/embeddings.md has it."""
    diagnosis = diagnose(dataset)
    of_vectors = kinds_of(diagnosis, dataset.dim, str(dataset.metric), dataset.n_train)
    kinds = [kind.sentence for kind in of_vectors]
    kinds += [kind.sentence for kind in warnings_of(diagnosis, len(dataset.queries))]
    return {
        "mean": f"{diagnosis.mean_length:.2f} of the vectors' length",
        "average cosine": f"{number(diagnosis.average_cosine, '.2f')}; "
        f"of a query and a vector {number(diagnosis.query_cosine, '.2f')}",
        "effective rank": f"{diagnosis.effective_rank:.3g} of {dataset.dim}",
        "kurtosis": "not known: nothing varies"
        if diagnosis.kurtosis is None
        else f"{number(diagnosis.kurtosis, '.3g')} of the median dimension; 3 is normal",
        "largest dimension": f"standard deviation {diagnosis.deviation_ratio:.3g} times the median's",
        "lengths": f"1% {diagnosis.length_p1:.3g}, median {diagnosis.length_median:.3g}, "
        f"99% {diagnosis.length_p99:.3g}, longest {diagnosis.longest:.3g} times the median",
        "queries' length": f"{diagnosis.query_length:.3g} times the vectors'",
        "duplicates, zero rows": f"{diagnosis.duplicates:,}, {diagnosis.zero_rows:,} of {diagnosis.rows:,}",
        "ties": ", ".join(f"{share:.1%} at {k}" for k, share in diagnosis.ties.items()) or "not known",
        "queries in the base": f"{diagnosis.queries_in_base:.1%}; repeated queries {diagnosis.repeated_queries:,}",
        "kinds": "; ".join(kinds) or "none that breaks codes",
        "for a code": "\n".join(advice_of(of_vectors, str(dataset.metric))) or NOTHING_NEEDED,
        **({"what to choose": "docs/embeddings.md, or python -m bench.recommend"} if kinds else {}),
    }


def _lossless(dataset: Any) -> dict[str, str]:
    """What a vector takes without loss, as it is and rounded to 16 bits; ratios are against float32."""
    measured, raw = lossless(dataset), 4 * dataset.dim

    def taken(kind: str) -> str:
        if kind not in measured.zstd:
            return "not measured: numbers are too large for it"
        by = {"byte shuffle and zstd": measured.zstd[kind], "pcodec": (measured.pcodec or {}).get(kind)}
        sizes = [f"{size:,.0f} ({raw / size:.2f}x) by {name}" for name, size in by.items() if size is not None]
        plain = raw if kind == "float32" else raw // 2
        exact = "; all numbers are exact in it" if kind in measured.exact else ""
        return f"{', '.join(sizes)} of {plain:,} bytes ({raw / plain:g}x){exact}"

    rows = {"without loss": taken("float32")}
    rows |= {f"the same, {kind}": taken(kind) for kind in ("float16", "bfloat16")}
    missing = "" if measured.pcodec else "; pcodec is not installed: pip install 'vector-compression-bench[lossless]'"
    return {**rows, "measured on": f"{measured.rows:,} vectors{missing}"}


def _click_facts(dataset: datasets.ClickDataset) -> dict[str, str]:
    vocabulary = zip(dataset.field_names, dataset.rows)
    return {
        "table": f"{sum(dataset.rows):,} rows x {dataset.dim}",
        "fields": ", ".join(f"{name} ({count:,})" for name, count in vocabulary),
        "examples": f"{len(dataset.train):,} train, {len(dataset.validation):,} validation, {len(dataset.test):,} test",
        "metric": str(dataset.metric),
        "checksum": dataset.checksum,
    }


def _facts(dataset: Any) -> dict[str, str]:
    return {
        "base": f"{dataset.base.shape[0]:,} x {dataset.dim}" + _per_item(dataset),
        "queries": f"{len(dataset.queries):,}",
        "metric": str(dataset.metric),
        "train": "none (methods are fitted on the base)" if dataset.train is None else f"{dataset.train.shape[0]:,}",
        "judgements": "none" if dataset.relevance is None else f"{len(dataset.relevance.query):,}",
        "checksum": dataset.checksum,
    }


def _per_item(dataset: Any) -> str:
    lengths = getattr(dataset.base, "lengths", None)
    return (
        "" if lengths is None else f", sets of {lengths.min()} to {lengths.max()} (mean {lengths.mean():.1f}) vectors"
    )


def _option(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise DatasetError(f"{text!r} is no option; write KEY=VALUE, for example max_base=1000")
    try:
        return key, json.loads(f"0{value}" if value.startswith(".") else value)
    except ValueError:
        return key, value


if __name__ == "__main__":
    sys.exit(main())
