"""Compressing a file into a folder, going on where that was interrupted, and adding a file to a finished folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import methods
from bench.compress.corpus import CODEC, CODES, FORMAT, Corpus, only_writer, open_corpus
from bench.compress.encoding import check_room, encode, stand
from bench.compress.ids import check_ids, ids_type, write_ids
from bench.compress.source import Source, open_source, same_file
from bench.errors import UsageError
from bench.measure.decoding_error import decoding_error, error_ratio, most_trained, reference_rows
from bench.progress import Progress, busy
from bench.tracks.dense import training_rows
from methods import Codec, registry

__all__ = ["Done", "Request", "append", "compress"]


@dataclass(frozen=True)
class Request:
    """What is to be made; the names of options are those of the command."""

    file: str
    out: str
    method: str
    budget: str
    metric: str | None = None
    params: dict[str, Any] = field(default_factory=dict)
    train: int = 100_000
    seed: int = 0
    column: str | None = None
    ids: str | None = None


@dataclass(frozen=True)
class Done:
    """What is there now.

    Attributes
    ----------
    corpus : Corpus
        Finished.
    codec : Codec
    ratio : float or None
        Error of added vectors over that of the first ones; None for a first file, and for codes that do not decode.
    nothing_new : bool
        All of it was there before.
    replaced : str or None
        The file whose unfinished codes gave way to those of this one.
    """

    corpus: Corpus
    codec: Codec
    ratio: float | None = None
    nothing_new: bool = False
    replaced: str | None = None


def compress(request: Request) -> Done:
    """Fit a codec on a sample of the file and encode all of it; the same request goes on with unfinished work.

    Raises
    ------
    UsageError, DatasetError, MethodError
        What is wrong, in one line: before long work, and before anything is written.
    """
    source = open_source(request.file, request.column)
    metric = str(request.metric or source.metric)
    options = {
        "method": request.method,
        "params": request.params,
        "budget": request.budget,
        "metric": metric,
        "seed": request.seed,
        "train": request.train,
        "ids": request.ids,
    }
    codec = _configured(request, source, metric)
    if request.ids is not None:
        check_ids(source.path, request.ids, source.rows)
    folder, fingerprint = Path(request.out).expanduser(), source.fingerprint()
    work = None
    if _checked(open_corpus(folder), options, fingerprint) is None:
        check_room(folder, source.rows * codec.code_size)
        work = _new_work(source, fingerprint, request.ids)
    with only_writer(folder):
        corpus = open_corpus(folder)  # again: now nobody else writes into it
        if _checked(corpus, options, fingerprint) is None:
            work = work or _new_work(source, fingerprint, request.ids)
            corpus = Corpus(folder, {"format": FORMAT, "options": options, "inputs": [], "work": work})
            corpus.save()
        assert corpus is not None
        if corpus.head["work"] is None:
            return Done(corpus, methods.load(corpus.codec), nothing_new=True)
        fitted = _fitted(corpus, codec, source)
        _finish(corpus, fitted, source)
        return Done(corpus, fitted)


def append(file: str, out: str, column: str | None = None) -> Done:
    """Encode another file with the codec of a finished folder; the same call goes on with unfinished work.

    Unfinished work of another file gives way to that of this one.

    Raises
    ------
    UsageError, DatasetError, MethodError
        As for :func:`compress`.
    """
    source, folder = open_source(file, column), Path(out).expanduser()
    fingerprint = source.fingerprint()
    corpus = _to_append(folder, source)
    with only_writer(folder):
        corpus = _to_append(folder, source)
        codec, options = methods.load(corpus.codec), corpus.head["options"]
        begun = corpus.head["work"] and corpus.head["work"]["input"]
        goes_on = begun is not None and not same_file(begun, fingerprint)
        if not goes_on:
            there = any(not same_file(one, fingerprint) for one in corpus.head["inputs"])
            if begun is not None:
                _check_replaceable(corpus, codec, fingerprint, there)
            elif there:
                return Done(corpus, codec, nothing_new=True)
            check_room(folder, (corpus.rows + source.rows) * codec.code_size)  # the old file stays until the end
            work = _new_work(source, fingerprint, options["ids"], corpus)
            ratio = error_ratio(codec, source.rows, source.take, corpus.head["reference_error"], options["seed"])
            corpus.head["work"] = {**work, "input": fingerprint | {"error_ratio": ratio}}
            corpus.save()
        ratio = corpus.head["work"]["input"]["error_ratio"]
        _finish(corpus, codec, source)
        return Done(corpus, codec, ratio, replaced=begun["name"] if begun and not goes_on else None)


def _new_work(
    source: Source, fingerprint: dict[str, Any], ids: str | None, earlier: Corpus | None = None
) -> dict[str, Any]:
    """What is to be done for a file, none of whose rows or ids can end it half-way: all of them are read here."""
    with busy(f"checking {source.path.name}"):
        kept = None if ids is None else ids_type(source.path, ids, earlier).str
        source.check_finite()
    return {"input": fingerprint, "encoded": 0, "ids": kept}


def _check_replaceable(corpus: Corpus, codec: Codec, fingerprint: dict[str, Any], there: bool) -> None:
    """:class:`UsageError` if another file cannot take the place of the one that is being appended."""
    begun, name = corpus.head["work"]["input"]["name"], fingerprint["name"]
    if there:
        raise UsageError(
            f"{corpus.folder} has the codes of {name} already, and those of {begun} are not finished: append {begun} "
            "again, or another file in its place"
        )
    if not stand(corpus, codec):
        raise UsageError(f"{corpus.folder} has all codes of {begun} by now; append that again, and then {name}")


def _to_append(folder: Path, source: Source) -> Corpus:
    """The corpus in ``folder``, to which vectors can be added."""
    corpus = open_corpus(folder)
    if corpus is None or not corpus.head["inputs"]:
        raise UsageError(f"{folder} holds no finished codes to append to; make them first, without --append")
    dim, ids = corpus.head["inputs"][0]["dim"], corpus.head["options"]["ids"]
    if source.dim != dim:
        raise UsageError(f"{source.path} has vectors of {source.dim} dimensions, those of {folder} have {dim}")
    if ids is not None:
        check_ids(source.path, ids, source.rows)
    return corpus


def _configured(request: Request, source: Source, metric: str) -> Codec:
    """The codec, not fitted, with everything checked that can be wrong with it."""
    for name, value, least in (("--train", request.train, 1), ("--seed", request.seed, 0)):
        if value < least:
            raise UsageError(f"{name} {value} is out of range; use an integer of at least {least}")
    codec = methods.create(request.method, source.dim, request.budget, metric, **request.params)
    if missing := registry.missing_dependencies(request.method):
        raise UsageError(f"{request.method} needs {', '.join(missing)}, which is not installed; pip install it")
    if codec.uses_queries:
        raise UsageError(
            f"{request.method} learns from queries, and compress has none; use another method, or Python's "
            "fit(..., queries=)"
        )
    return codec


def _checked(corpus: Corpus | None, options: dict[str, Any], fingerprint: dict[str, Any]) -> Corpus | None:
    """``corpus`` if it is what these options make, or began to make, of this file."""
    if corpus is None:
        return None
    before = corpus.head["options"]
    for name, value in options.items():
        if before.get(name) != value:
            raise UsageError(
                f"{corpus.folder} was begun with {name} {before.get(name)}, and this is {name} {value}; "
                "name a new --out, or repeat what it was begun with"
            )
    if corpus.head["inputs"]:
        _refuse_other_file(corpus, fingerprint, corpus.head["inputs"][0])
        if corpus.head["work"] is not None:
            name = corpus.head["work"]["input"]["name"]
            raise UsageError(f"{corpus.folder} is about to take in {name}; start that with --append again")
    else:
        _refuse_other_file(corpus, fingerprint)
    return corpus


def _refuse_other_file(corpus: Corpus, now: dict[str, Any], stored: dict[str, Any] | None = None) -> None:
    stored = corpus.head["work"]["input"] if stored is None else stored
    if what := same_file(stored, now):
        raise UsageError(
            f"{now['name']} is not the file that {corpus.folder} was begun with ({stored['name']}): its {what} is "
            "another; name a new --out" + ("" if not corpus.head["inputs"] else ", or use --append to add it")
        )


def _fitted(corpus: Corpus, codec: Codec, source: Source) -> Codec:
    """The codec as its file has it; fitted and written if that has not been done."""
    options = corpus.head["options"]
    if not corpus.codec.exists() or "reference_error" not in corpus.head:
        trained = training_rows(source.rows, most_trained(source.rows, options["train"]), options["seed"])
        reference = reference_rows(source.rows, trained, options["seed"])
        with Progress(f"fitting {codec.name}", lines=False, leave=False):
            codec.fit(source.take(trained), options["seed"])
            corpus.head["reference_error"] = decoding_error(codec, source.take(reference))
            corpus.head["trained"] = len(trained)
        codec.save(corpus.codec)
        corpus.save()
    return methods.load(corpus.codec)


def _finish(corpus: Corpus, codec: Codec, source: Source) -> None:
    """Codes, ids, checksums, and the note that they are whole."""
    encode(corpus, codec, source)
    if (column := corpus.head["options"]["ids"]) is not None:
        write_ids(corpus, source.path, column)
    corpus.write_sums()
    corpus.head["inputs"].append(corpus.head["work"]["input"])
    corpus.head["work"] = None
    corpus.save()


def described(done: Done) -> list[str]:
    """What is in the folder, in lines."""
    corpus, codec = done.corpus, done.codec
    size = corpus.codec.stat().st_size
    raw = 4 * corpus.head["inputs"][0]["dim"]
    return [
        f"{corpus.folder / CODES}: {corpus.rows:,} codes of {codec.code_size} bytes "
        f"({corpus.rows * codec.code_size / 1e6:,.1f} MB, {raw / codec.code_size:.3g}x smaller than float32)",
        f"{corpus.folder / CODEC}: {codec.name}, {size / 1e6:,.2f} MB",
    ]
