"""What a search of the stored codes finds of the exact neighbors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import methods
from bench.compress.corpus import Corpus, mapped, open_corpus
from bench.compress.source import Source, open_source, same_file
from bench.compress.stores import Joined
from bench.datasets.base import Dataset
from bench.datasets.exact import exact_search
from bench.errors import UsageError
from bench.measure.decoding_error import without
from bench.measure.quality import RecallJudge
from bench.measure.statistics import Interval, bootstrap_means
from bench.progress import busy
from bench.tracks.dense import training_rows
from methods import Metric

__all__ = ["Checked", "check"]

_K = 10


@dataclass(frozen=True)
class Checked:
    """What the codes keep, and their bytes.

    Attributes
    ----------
    recall : Interval
        Recall@k over queries, with its 95% interval.
    k : int
        10, or all others of a smaller corpus.
    queries : int
    own : bool
        Queries are vectors of the corpus, each of which is left out of its own results.
    trained : int
        Queries that the codec was fitted on too.
    rows, code_size, parts : int
        Vectors; bytes of a code, and of the codec's parts.
    """

    recall: Interval
    k: int
    queries: int
    own: bool
    trained: int
    rows: int
    code_size: int
    parts: int


def check(
    out: str,
    files: Sequence[str],
    *,
    queries: str | None = None,
    count: int = 1_000,
    seed: int = 0,
    column: str | None = None,
    queries_column: str | None = None,
) -> Checked:
    """Search the stored codes, and compare with exact neighbors.

    Parameters
    ----------
    out : str
        The folder; its files have to be as they were written.
    files : sequence of str
        The vectors that it was made of, in their order.
    queries : str, optional
        A file of queries; without, ``count`` vectors of the corpus are drawn, of those not trained on where there are
        as many, and each is left out of its own results.

    Raises
    ------
    UsageError, DatasetError, MethodError
        In one line: unfinished or altered files, other vectors than the codes are of, queries of another dimension.
    """
    if count < 1:
        raise UsageError(f"--count {count} is out of range; use an integer of at least 1")
    corpus = _finished(Path(out).expanduser())
    base = Joined(_sources(corpus, files, column))
    given = None if queries is None else open_source(queries, queries_column, part="test")
    if given is not None and given.dim != base.shape[1]:
        raise UsageError(f"{queries} has dimension {given.dim}, the vectors have {base.shape[1]}")
    if given is None and base.shape[0] < 2:
        raise UsageError("one vector cannot be base and query; name a file by --queries")
    corpus.check_sums()
    codec, codes = methods.load(corpus.codec), mapped(corpus.codes)
    if codes.shape != (base.shape[0], codec.code_size):
        raise UsageError(f"{corpus.codes} has shape {codes.shape}, expected {(base.shape[0], codec.code_size)}")
    trained = _trained(corpus)
    rows = _own_queries(base.shape[0], trained, count, seed) if given is None else None
    vectors = base.take(rows) if rows is not None else _first(given, count)
    dataset = Dataset(corpus.folder.name, Metric.parse(codec.metric), base, vectors, None, None, "")
    with busy(f"checking {corpus.folder}"):
        recalls, k = _recalls(dataset, codec.searcher(codes), rows)
    return Checked(
        bootstrap_means({"recall": recalls}, seed)["recall"],
        k,
        len(vectors),
        rows is not None,
        0 if rows is None else int(np.isin(rows, trained).sum()),
        base.shape[0],
        codec.code_size,
        sum(part.nbytes for part in codec.parts().values()),
    )


def _finished(folder: Path) -> Corpus:
    corpus = open_corpus(folder)
    if corpus is None:
        raise UsageError(f"{folder} holds no codes; `python -m bench.compress FILE --out {folder} ...` makes them")
    if corpus.head["work"] is not None:
        name, instead = corpus.head["work"]["input"]["name"], ", or append another file" * bool(corpus.head["inputs"])
        raise UsageError(f"{folder} is not finished; start the command that encodes {name} again{instead}")
    return corpus


def _sources(corpus: Corpus, files: Sequence[str], column: str | None) -> list[Source]:
    inputs = corpus.head["inputs"]
    if len(files) != len(inputs):
        names = ", ".join(one["name"] for one in inputs)
        raise UsageError(f"{corpus.folder} was made of {len(inputs)} files ({names}), {len(files)} are given; name all")
    sources = [open_source(file, column) for file in files]
    for source, stored in zip(sources, inputs):
        if what := same_file(stored, source.fingerprint(), moved=True):
            raise UsageError(f"{source.path} is not what {corpus.folder} was made of: its {what} differs")
    return sources


def _trained(corpus: Corpus) -> np.ndarray:
    options = corpus.head["options"]
    count = corpus.head.get("trained", options["train"])  # at first, no vectors were kept out of the fit
    return training_rows(corpus.head["inputs"][0]["rows"], count, options["seed"])


def _own_queries(rows: int, trained: np.ndarray, count: int, seed: int) -> np.ndarray:
    others = rows - len(trained)
    among = others if others >= count else rows
    chosen = np.sort(np.random.default_rng(seed).choice(among, min(count, among), replace=False))
    return without(trained, chosen) if others >= count else chosen


def _first(given: Source | None, count: int) -> np.ndarray:
    assert given is not None
    return given.take(np.arange(min(count, given.rows)))


def _recalls(dataset: Dataset, searcher: methods.Searcher, own: np.ndarray | None) -> tuple[np.ndarray, int]:
    """Recall@k (nq,) and k; ``own`` (nq,) are the rows that queries are, none of which finds itself."""
    k = min(_K, dataset.base.shape[0] - (own is not None))
    more = k + (own is not None)
    truth = exact_search(dataset, more)
    _, ids = searcher.search(dataset.queries, more)
    scores, true_ids = truth.scores, truth.ids
    if own is not None:
        kept = _others(true_ids, own)
        scores, true_ids = scores[kept].reshape(-1, k), true_ids[kept].reshape(-1, k)
        ids = ids[_others(ids, own)].reshape(-1, k)
    judge = RecallJudge(dataset.base, dataset.queries, dataset.metric, scores, true_ids)
    return judge.recall(ids, k), k


def _others(ids: np.ndarray, own: np.ndarray) -> np.ndarray:
    """(nq, k + 1) bool: ids without a query's own, or without the last where it is not among them."""
    kept = ids != own[:, None]
    first = np.argmin(kept, axis=1)  # of a row that lists it twice, only once
    dropped = np.where(kept.all(axis=1), ids.shape[1] - 1, first)
    kept[:] = True
    kept[np.arange(len(ids)), dropped] = False
    return kept
