"""A real engine as one run: it builds in a process of its own, is opened, searched and judged as any dense method.

Codes are counted by the catalogue's formula; what the folder takes on disk and what opening it adds to the memory are
measured beside it.
"""

from __future__ import annotations

import importlib
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from bench.config import RunConfig
from bench.datasets.base import Dataset
from bench.engines.adaptors import builder
from bench.engines.adaptors.base import Engine
from bench.engines.adaptors.choosing import NotOffered, choose
from bench.engines.adaptors.finding import adaptor, package_version
from bench.engines.offers import Offer
from bench.measure.latency import warm_up
from bench.measure.memory import own_memory
from bench.records import Bytes
from bench.records.engine_info import EngineInfo
from bench.tracks.dense import recall_judge
from bench.tracks.measurement import JudgedSample, Measurement, measure_search, ratios
from methods import Metric, Searcher
from methods.errors import UnsupportedMetric


class EngineCodec:
    """What :func:`configure` gives in place of a codec: an offer with its size and parameters."""

    def __init__(self, offer: Offer, config: RunConfig) -> None:
        self.offer, self._search = offer, config.engine.get("search")

    @property
    def code_size(self) -> int:
        """Bytes of a code with its factors."""
        return self.offer.bytes or 0

    def params(self) -> dict[str, Any]:
        """Scheme, settings and the value of the search option, if one was given."""
        given = {} if self._search is None else {"search": self._search}
        return {"scheme": self.offer.scheme.name, **self.offer.settings, **given}


class EngineSearcher(Searcher):
    """An open engine behind the interface of a searcher. Its scores are the engine's own, and judged nowhere."""

    def __init__(self, engine: Engine, size: int) -> None:
        super().__init__(engine.offer.dim, Metric.parse(engine.offer.metric), size)
        self._engine = engine

    @property
    def nbytes(self) -> int:
        """Nothing that this process would know of: what an engine keeps is measured from outside."""
        return 0

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        scores, ids = self._engine.search(queries, k)
        worst = -np.inf if self.descending else np.inf
        return np.nan_to_num(scores, nan=worst).astype(np.float32, copy=False), np.asarray(ids, np.int64)


def configure(config: RunConfig, dataset: Dataset, code_bytes: int) -> tuple[EngineCodec, None, int]:
    """The scheme and settings that use the budget best.

    Raises
    ------
    BudgetError
        All codes are larger.
    UnsupportedMetric
        The engine does not take such vectors, or does not rescore.
    UsageError
        The engine has no such scheme, or no option that decides how much is searched.
    """
    name, scheme, search = (config.engine.get(key) for key in ("name", "scheme", "search"))
    adaptor(name).check_search(search)
    try:
        offer = choose(name, scheme, dataset.dim, code_bytes, str(dataset.metric))
    except NotOffered as error:
        raise UnsupportedMetric(str(error)) from None
    if config.rescore is not None and offer.scheme.rescoring.when == "never":
        raise UnsupportedMetric(
            f"{name} {offer.scheme.name} never rescores: it keeps no originals; leave out rescore=engine"
        )
    return EngineCodec(offer, config), None, offer.bytes or 0


def measure(config: RunConfig, dataset: Dataset, code_bytes: int, work: Path) -> Measurement:
    """One run.

    Parameters
    ----------
    config : RunConfig
    dataset : Dataset
        Its ground truth is in the cache.
    code_bytes : int
        The budget of a code.
    work : Path
        Folder of the run; the engine writes below it.
    """
    codec, _, size = configure(config, dataset, code_bytes)
    offer, n = codec.offer, dataset.base.shape[0]
    run = Measurement(codec.params())
    job = _job(config, dataset, code_bytes, work)
    with run.timed("build"):
        builder.build_apart(job, work)
    engine = builder.engine_of(job)
    disk = engine.disk_bytes()
    for module in engine.modules:
        importlib.import_module(module)  # the package itself is no vector's
    before = own_memory([os.getpid()])
    try:
        with run.timed("load"):
            engine.open()
        searcher = EngineSearcher(engine, n)
        warm_up(searcher, dataset.queries, config.k)  # what is mapped or read when it is first needed counts too
        resident = own_memory(engine.processes()) - before
        run.bytes = _bytes(offer, n, resident, rescored=config.rescore is not None)
        run.ratio = ratios(n, 4 * dataset.dim, size, 0)
        run.throughput = {"encode_vectors_per_s": n / max(run.seconds["build"], 1e-9)}
        run.engine = _info(engine, offer, disk, max(0, resident))
        nothing = JudgedSample(np.empty(0, np.int64), searcher)
        measure_search(config, dataset, searcher, nothing, recall_judge, run)
    finally:
        engine.close()
        shutil.rmtree(job["folder"], ignore_errors=True)
    return run


def _job(config: RunConfig, dataset: Dataset, code_bytes: int, work: Path) -> dict[str, Any]:
    name, scheme, search = (config.engine.get(key) for key in ("name", "scheme", "search"))
    return {
        "engine": name,
        "scheme": scheme,
        "dim": dataset.dim,
        "metric": str(dataset.metric),
        "code_bytes": code_bytes,
        "options": {
            "threads": config.threads,
            "seed": config.seed,
            "search_value": search,
            "rescore": config.rescore is not None,
            "oversampling": config.rescore_factor,
        },
        "folder": str((work / "engine").resolve()),
        "config": config.to_dict(),
    }


def _bytes(offer: Offer, n: int, resident: int, rescored: bool) -> Bytes:
    code = offer.bytes or 0
    return Bytes(
        code=code,
        code_total=n * code,
        parts={},
        parts_total=0,
        searcher=max(0, resident),
        searcher_padding=0,
        rescore_memory=0,
        rescore_disk=n * offer.originals if rescored else 0,
    )


def _info(engine: Engine, offer: Offer, disk: int, resident: int) -> EngineInfo:
    scheme = offer.scheme
    return EngineInfo(
        name=engine.name,
        title=offer.engine.title,
        scheme=scheme.name,
        package=package_version(type(engine)),
        method=scheme.method,
        equals=scheme.equals,
        typed=offer.typed,
        index=engine.index(),
        originals=scheme.originals.place,
        originals_bytes=offer.originals,
        ids_bytes=offer.ids,
        links_bytes=offer.links,
        disk_bytes=disk,
        resident_bytes=resident,
    )
