"""``bench.datasets.load``: a data set by name, its metric chosen, its queries and base cut to size."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from bench.datasets import clicks, judgements, query_groups, roundings, sources
from bench.datasets import train_queries as learned_from
from bench.datasets.base import Dataset, DatasetError, VectorStore
from bench.datasets.builders import BUILDABLE, LAYERED
from bench.datasets.checksum import combined, vectors_digest
from bench.datasets.cone import check_cone, in_cone, suffix
from bench.datasets.distances import parse_metric
from bench.datasets.held_out import HELD_OUT, SUFFIX, check_train, held_out, sampled
from bench.datasets.sets import dataset as ragged
from bench.datasets.store import ArrayStore, Rows, read_only
from bench.datasets.views import VIEWS, View
from bench.file_names import SOURCES, name_of
from methods import Metric

AnyDataset = Dataset | ragged.RaggedDataset | clicks.ClickDataset
_DENSE: dict[str, Callable[..., sources.Source]] = {
    **{name: partial(sources.built, name) for name in BUILDABLE if name not in (*ragged.BUILT, *clicks.BUILT)},
    **{name: partial(sources.built_layers, name) for name in LAYERED},
    "synthetic": sources.synthetic,
    "path": sources.path,
}
_RAGGED: dict[str, Callable[..., ragged.RaggedSource]] = {
    **{name: partial(ragged.built, name) for name in ragged.BUILT},
    "ragged": ragged.path,
}
_CLICKS: dict[str, Callable[..., clicks.ClickSource]] = {name: partial(clicks.built, name) for name in clicks.BUILT}
_SOURCES: dict[str, Callable[..., Any]] = {**_DENSE, **_RAGGED, **_CLICKS}
_OWN = {"metric": None, "max_queries": None, "max_base": None, "seed": 0}
_LEARNED = ("train_queries", "train_relevance")


def names(track: str | None = None) -> list[str]:
    """Names that :func:`load` knows (of one track, if given), sorted."""
    known: dict[str, list[str]] = {
        Dataset.track: [*_DENSE],
        ragged.RaggedDataset.track: [*_RAGGED],
        clicks.ClickDataset.track: [*_CLICKS],
    }
    return sorted([*_SOURCES] if track is None else known.get(track, []))


def options(name: str) -> dict[str, Any]:
    """Options of :func:`load` for ``name`` with their defaults."""
    parameters = inspect.signature(_source(name)).parameters.values()
    dense = {"cone": _view(name).cone, "train": None, **dict.fromkeys(_LEARNED)} if name in _DENSE else {}
    return {
        **_OWN,
        **dense,
        **{parameter.name: parameter.default for parameter in parameters if parameter.name != "seed"},
    }


def load(
    name: str,
    *,
    metric: str | Metric | None = None,
    max_queries: int | None = None,
    max_base: int | None = None,
    seed: int = 0,
    cone: float | None = None,
    train_queries: str | None = None,
    train_relevance: str | None = None,
    **options: Any,
) -> AnyDataset:
    """The data set ``name``: a :class:`Dataset`, a :class:`~bench.datasets.sets.dataset.RaggedDataset` of sets, or a
    :class:`~bench.datasets.clicks.ClickDataset` of click examples.

    Parameters
    ----------
    name : str
        One of :func:`names`. The caller's own vectors (``path``, ``ragged``) are then called by their file.
    metric : {"ip", "cosine", "l2"}, optional
        Or another tool's name for one of them (:mod:`bench.datasets.distances`). The data set's own if None; sets
        are compared by "chamfer" alone, click models by "auc".
    max_queries : int, optional
        Take the first so many queries (test examples of clicks); all if there are fewer.
    max_base : int, optional
        Take a sample of so many base vectors (training examples of clicks) without replacement, in their order;
        all if there are fewer.
        Judgements of the others are dropped, and the card counts them.
    seed : int
        Of that sample, and of the vectors held out as queries.
    cone : float, optional
        Of single vectors: mix each with one direction that all then share, so that the average cosine of two is about
        this (:class:`bench.datasets.cone.Cone`). The name then ends in ``+cone.75``, and the checksum is of the mixed.
    train : str, optional
        Of single vectors: ``held_out`` searches half of the base (or ``max_base`` vectors of it) and fits methods on as
        many others (:mod:`bench.datasets.held_out`). The name then ends in ``+held_out``. For ``path`` also a file.
    train_queries, train_relevance : str, optional
        Of single vectors: a file of queries that methods may learn from, instead of the data set's own, and a ``.npy``
        file (m, 3) of integers that judges them: row of the query, row of the base, grade. A seeded tenth, at most
        2,000, is for validation.
    **options
        Of the source: for ``path`` see :func:`bench.datasets.sources.path`, for ``synthetic``
        :func:`bench.datasets.sources.synthetic`.

    Raises
    ------
    DatasetError
        Unknown name or option, data set not built, unreadable or unusable file, number out of range.
    """
    make = _source(name)
    others = name in _DENSE and options.get("train") == HELD_OUT
    if name in _DENSE and (others or "train" not in inspect.signature(make).parameters):
        check_train(name, options.pop("train", None))
    learned = {key: value for key, value in zip(_LEARNED, (train_queries, train_relevance)) if value is not None}
    for key in [*options, *learned, *([] if cone is None else ["cone"])]:
        _check_option(name, key)
    for key, value in (("max_queries", max_queries), ("max_base", max_base)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise DatasetError(f"{key}={value} is out of range; use an integer of at least 1, or null for all")
    sources.check_count(name, "seed", seed, 0)
    seeded = {"seed": seed} if "seed" in inspect.signature(make).parameters else {}
    source = make(**options, **seeded)
    if isinstance(source, ragged.RaggedSource):
        if metric not in (None, ragged.SetMetric.CHAMFER):
            raise DatasetError(f"metric={metric} does not compare sets; {name} has chamfer only")
        return replace(_assemble_sets(name, source, max_queries, max_base, seed), name=_called(name, options))
    if isinstance(source, clicks.ClickSource):
        if metric not in (None, clicks.ClickMetric.AUC):
            raise DatasetError(f"metric={metric} does not judge click models; {name} has auc only")
        return clicks.cut(name, source, max_queries, sampled(len(source.parts["train"]), max_base, seed))
    source, called = _viewed(name, _with_train_queries(source, learned, options.get("column")), cone)
    chosen = source.metric if metric is None else parse_metric(str(metric))
    if chosen is None:
        raise DatasetError(
            f"{source.card.get('source', name)} has distance {source.distance!r}; supported are angular, euclidean, "
            "dot and other names of the same; or choose by metric=cosine, metric=l2 or metric=ip"
        )
    rows: np.ndarray | None
    if others:
        source, rows = held_out(name, source, max_base, seed)
        called += SUFFIX
    else:
        rows = sampled(source.base.shape[0], max_base, seed)
    dataset = _assemble(name, source, chosen, max_queries, rows, seed)
    called = _called(name, options) + called.removeprefix(name) if name in SOURCES else called
    return replace(dataset, name=called, metric_asked=metric is not None)


def _with_train_queries(source: sources.Source, learned: dict[str, Any], column: str | None) -> sources.Source:
    """``source`` with the training queries of a file, where one is named."""
    for key, value in learned.items():
        if not isinstance(value, str):
            raise DatasetError(f"dataset.{key}={value} is no text; use dataset.{key}=\"'...'\" with the quotes")
    if not learned:
        return source
    if (file := learned.get("train_queries")) is None:
        named = learned["train_relevance"]
        raise DatasetError(f"train_relevance={named} is of a file of queries; name it by dataset.train_queries=FILE")
    given = learned_from.given(file, learned.get("train_relevance"), column, source.base)
    return replace(source, train_queries=given)


def _called(name: str, options: dict[str, Any]) -> str:
    """The name of a data set: of the caller's own vectors that of their file, unless another set is called so."""
    return name_of(options["base"], names()) if name in SOURCES else name


def _viewed(name: str, source: sources.Source, cone: float | None) -> tuple[sources.Source, str]:
    """``source`` by the metric and in the cone that ``name`` stands for or that is requested, and what that is called.

    A cone has one name, however it was chosen.
    """
    view = _view(name)
    if view.metric is not None:
        source = replace(source, metric=view.metric, card={**source.card, "metric": str(view.metric)})
    if cone is None and view.cone is None:
        return source, name
    cone = check_cone(view.cone if cone is None else cone)
    return in_cone(source, cone), view.of + suffix(cone)


def _view(name: str) -> View:
    return VIEWS.get(name, View(name))


def _assemble(
    name: str,
    source: sources.Source,
    metric: Metric,
    max_queries: int | None,
    rows: np.ndarray | None,
    seed: int,
) -> Dataset:
    query_count = min(source.queries.shape[0], max_queries or source.queries.shape[0])
    queries = read_only(source.queries.read(0, query_count))
    base: VectorStore = source.base if rows is None else Rows(source.base, rows)
    card = dict(source.card)
    relevance, lost = judgements.of_rows(source.relevance, query_count, rows)
    if rows is not None:
        card["sample"] = f"{len(rows)} of {source.base.shape[0]} base vectors, drawn with seed {seed}"
    if lost:
        card["dropped_judgements"] = lost
    label = str(card.get("source", name)) if name == "path" else name
    part = "" if rows is None else f" {len(rows)} rows of seed {seed}"
    digests = [
        vectors_digest(base, label, None if source.identity is None else source.identity + part),
        vectors_digest(ArrayStore(queries), f"queries of {card.get('queries', label)}"),
    ]
    if source.train is not None:
        digests.append(vectors_digest(source.train, str(card.get("train", name)), source.train_identity))
    checksum = combined(*digests, relevance=relevance)
    if (published := roundings.published(checksum)) != checksum:
        card["built_here_sha256"] = checksum
    kept = source.neighbors is not None and rows is None and metric is source.metric
    return Dataset(
        name=name,
        metric=metric,
        base=base,
        queries=queries,
        train=source.train,
        relevance=relevance,
        checksum=published,
        card=card,
        neighbors=source.neighbors[:query_count] if kept and source.neighbors is not None else None,
        texts=None if source.texts is None else source.texts.cut(rows, query_count),
        groups=query_groups.first(source.groups, query_count),
        train_queries=None if source.train_queries is None else learned_from.of_rows(source.train_queries, rows),
    )


def _assemble_sets(
    name: str, source: ragged.RaggedSource, max_queries: int | None, max_base: int | None, seed: int
) -> ragged.RaggedDataset:
    rows = sampled(len(source.base), max_base, seed)
    relevance, lost = judgements.of_rows(source.relevance, max_queries or len(source.queries), rows)
    dataset = ragged.assemble(name, source, max_queries, rows, relevance)
    if rows is not None:
        dataset.card["sample"] = f"{len(rows)} of {len(source.base)} documents, drawn with seed {seed}"
    if lost:
        dataset.card["dropped_judgements"] = lost
    return dataset


def _source(name: str) -> Callable[..., sources.Source]:
    if name not in _SOURCES:
        close = difflib.get_close_matches(str(name), _SOURCES, n=2, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}?" if close else f"known are {', '.join(names())}"
        raise DatasetError(f"no data set is called {name!r}; {hint}")
    return _SOURCES[name]


def _check_option(name: str, key: str) -> None:
    known = list(options(name))
    if key not in known:
        close = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"it takes {', '.join(known)}"
        raise DatasetError(f"the data set {name} has no option {key!r}; {hint}")
