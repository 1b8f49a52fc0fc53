"""The scenario ``layers``: an encoder that stops early for queries, or for documents too.

A layer's vector is the mean of a text's states there. A linear map, fitted on the documents that methods train on,
brings it to where the last layer's vectors lie ("2D Matryoshka", Li et al. 2024, trains an encoder for that; here it
is frozen).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench import datasets
from bench.config import RunConfig
from bench.datasets import AnyDataset
from bench.datasets.base import Dataset, VectorStore
from bench.errors import UsageError
from bench.measure.repeats import groups_of
from bench.measure.statistics import bootstrap_means
from bench.tracks import dense, measurement
from bench.tracks.upgrade import Judge
from methods import Searcher, registry
from methods.fitting.ridge_map import RidgeMap

UNMAPPED = "unmapped"
_COMPARED = ("recall@10_loss", "MRR@10_loss")


def determinants(config: RunConfig, full: AnyDataset) -> dict[str, Any]:
    """What determines the result beside the configuration; raises what :func:`layers_of` does."""
    return {"layers": [at_layer(config, layer).checksum for layer in layers_of(config, full)]}


def layers_of(config: RunConfig, full: AnyDataset) -> list[int]:
    """The layers before the last that are measured, ascending.

    Raises
    ------
    UsageError
        If the data set has no layers, only one of them is chosen, or ``scenario.layers`` names others than it has.
    """
    last = full.card.get("layers") if isinstance(full, Dataset) else None
    if last is None:
        having = [name for name in datasets.names("dense") if "layer" in datasets.options(name)]
        raise UsageError(f"{full.name} has no layers; scenario=layers takes dataset={' or '.join(having)}")
    if config.dataset.get("layer") not in (None, last):
        raise UsageError(f"scenario=layers takes all layers; leave out dataset.layer={config.dataset['layer']}")
    chosen = config.scenario.get("layers")
    layers = range(1, last) if chosen is None else np.unique(chosen).tolist()
    if outside := [layer for layer in layers if layer >= last]:
        raise UsageError(f"scenario.layers has {outside[0]}, but those before the last are 1 to {last - 1}")
    return list(layers)


def at_layer(config: RunConfig, layer: int) -> Dataset:
    """The same items and queries as vectors of another layer."""
    given = {key: value for key, value in config.dataset.items() if value is not None}
    loaded = datasets.load(**(given | {"layer": layer}))
    assert isinstance(loaded, Dataset)
    return loaded


def measure(config: RunConfig, full: Dataset, code_bytes: int, work: Path) -> measurement.Measurement:
    """One method.

    The record's bytes, latency and plain measures are of the last layer. Beside them, for every layer l before the last
    one L, stand ``l->L`` (queries at l, mapped, over the documents at L), ``l->l`` (documents at l too, mapped, by a
    codec fitted on them) and ``l->l unmapped``: recall always of the exact neighbors by the last layer, and what each
    loses to the plain run, a query at a time (``recall@10_loss``).
    """
    layers, last = layers_of(config, full), int(full.card["layers"])
    rows = dense.training_rows(full.base.shape[0], config.train_size, config.seed)
    target = full.base.take(rows)
    method = dict(config.method)
    codec = registry.for_budget(method.pop("name"), full.dim, code_bytes, full.metric, **method)
    run = measurement.Measurement(codec.params())
    with run.timed("fit"):
        codec.fit(target, config.seed)
    codes = dense.encode(full.base, codec, None, run)[0]
    with run.timed("build"):
        searcher = codec.searcher(codes)

    judge = Judge(full)
    plain = judge.plain(dense.count_and_time(config, codec, searcher, full, code_bytes, run))
    measures = dict(plain)
    for layer in layers:
        early = at_layer(config, layer)
        with run.timed("fit_map"):
            to_last = RidgeMap().fit(early.base.take(rows), target, config.seed)
        queries = to_last.transform(early.queries)
        measures |= _with_losses(plain, judge.named(f"{layer}->{last}", searcher.search(queries, 10)[1]))
        for setting, change in ((f"{layer}->{layer}", to_last.transform), (f"{layer}->{layer} {UNMAPPED}", np.asarray)):
            own = _searcher(config, early.base, rows, change, code_bytes, full)
            measures |= _with_losses(plain, judge.named(setting, own.search(change(early.queries), 10)[1]))
    run.throughput = {**(run.throughput or {}), **encode_rates(full)}
    run.quality = bootstrap_means(measures, config.seed, groups=groups_of(full.queries, full.metric))
    run.arrays |= {name: values for name, values in measures.items() if name.endswith(("recall@10", "MRR@10"))}
    return run


def _with_losses(plain: dict[str, Any], named: dict[str, Any]) -> dict[str, Any]:
    """The measures of a setting, and of those in :data:`_COMPARED` what it loses to the plain run."""
    losses = {f"{name}_loss": plain[name.rpartition(" ")[2]] - values for name, values in named.items()}
    return named | {name: values for name, values in losses.items() if name.endswith(_COMPARED)}


def _searcher(
    config: RunConfig,
    base: VectorStore,
    rows: np.ndarray,
    change: Callable[[np.ndarray], np.ndarray],
    code_bytes: int,
    full: Dataset,
) -> Searcher:
    """Over codes of changed vectors, by the same method fitted on them."""
    method, unrecorded = dict(config.method), measurement.Measurement({})
    codec = registry.for_budget(method.pop("name"), base.shape[1], code_bytes, full.metric, **method)
    codec.fit(change(base.take(rows)), config.seed)
    return codec.searcher(dense.encode(base, codec, None, unrecorded, lambda _, vectors: change(vectors))[0])


def encode_rates(full: Dataset) -> dict[str, float]:
    """Texts and queries a second as far as each layer, as the data set's card has their times."""
    times = full.card.get("encode") or {}
    return {
        f"layer {layer} {kind}_per_s": 1e3 / ms
        for kind, name in (("texts", "ms_text"), ("queries", "ms_query"))
        for layer, ms in enumerate(times.get(name, ()), 1)
    }
