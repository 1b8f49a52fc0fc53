"""What determines a run: one dataclass, which is Hydra's schema of the command line and of :func:`bench.run`."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from dataclasses import dataclass, field
from typing import Any

from bench.click_models import MODELS
from bench.errors import UsageError
from bench.index_options import FLAT, HNSW, check_index
from bench.scenarios import SCENARIOS
from bench.scenarios import check as check_scenario
from methods.parameters import check_device

RESCORE_STORES = ("float16", "int8", "float32", "residual", "disk", "engine")
NO_ENGINE, RAY = "none", "ray"
IN_MEMORY, MAPPED = "memory", "mapped"
DEFAULT_DATASET = "squad-sentences-mini"
MOST_CLIENTS = 256  # threads


@dataclass
class Limits:
    """Bounds on one run's own process; beyond them it ends as a record with status timeout or out_of_memory."""

    time_s: float = 3600.0
    memory_gb: float | None = None  # None: nine tenths of what the machine has


@dataclass
class RunConfig:
    """One run: a method on a data set at a budget, metric and seed.

    Attributes
    ----------
    method : dict
        ``name`` and the parameters of the method's ``for_budget``.
    dataset : dict
        ``name`` and the options of ``bench.datasets.load``.
    scenario : dict
        ``name`` and options: ``none``, ``upgrade`` (:mod:`bench.tracks.upgrade`), ``drift``
        (:mod:`bench.tracks.drift`) or ``hybrid`` (:mod:`bench.tracks.hybrid`).
    budget : str
        The most bytes that a code may take: ``8x``, ``48B`` or ``2bit``.
    k : int
        Neighbors requested where latency and throughput are measured.
    seed : int
    threads : int
        For BLAS, OpenMP, Numba, torch and faiss in the run's process, in every phase.
    train_size : int
        Most vectors that a method is fitted on: a seeded sample of the training set, or of the base where a
        data set has none.
    rescore : str or None
        ``float16``, ``int8``, ``float32`` or, for sets, ``residual`` (in memory, counted against the budget), or
        ``disk`` (counted separately). For an engine ``engine``: as it does itself.
    rescore_factor : int
        Candidates per neighbor that are re-ranked.
    rescore_carving : float or None
        For sets of vectors: threshold of ball carving of a query before re-ranking.
    latency_s : float
        The pass of single queries stops after this many seconds (and at least 100 queries, unless they take twenty
        times as long); the record has the number timed.
    click_model : str or None
        Around an embedding table: ``dlrm`` (also None), ``wdl``, ``dcn_v2`` or ``deepfm``.
    device : str
        Where an embedding table is trained: ``auto`` is the GPU if there is one.
    codes : str
        Where codes of single vectors lie: in ``memory``, or in a file that is ``mapped``.
    clients : list of int, int or None
        How many clients search at the same time, each in a closed loop of single queries; measured for each number.
    limits : Limits
    results : str
        Folder of the records.
    jobs : int
        Runs of a sweep that go on side by side; without ``limits.memory_gb`` they share the memory evenly. One that
        times its searches has the machine to itself meanwhile: the others are stopped, and what time they stand
        still counts nowhere.
    rerun : bool
        Measure again what has a record already.
    engine : dict
        ``name`` of a real engine that is measured instead of a method, its ``scheme`` (None: whichever uses the budget
        best) and ``search``, the value of its search option (None: the engine's own). ``ray`` is none: it measures the
        method on a base in ``shards``.
    shards : int
        Parts of the base with ``engine=ray``, each encoded and searched by a process on some node; with ``index=ivf``
        each holds its part of every list, with ``rescore`` the finer store of its rows.
    index : dict
        ``name``: ``flat`` scans all codes; ``ivf`` has ``lists`` of them (``auto``: about 4 sqrt(n)) and visits
        ``probes`` (``auto``, or the values of the curve), codes vectors less their list's centroid where ``residual``,
        stores ``ids`` (``packed``, ``int32``, ``int64``, ``elias_fano``; ``none`` where the caller takes the order of
        the lists), and counts them where ``budget`` is ``all`` and not ``code``.
    """

    method: Any = field(default_factory=dict)
    dataset: Any = field(default_factory=lambda: {"name": DEFAULT_DATASET})
    scenario: Any = field(default_factory=lambda: {"name": "none"})
    budget: str = "8x"
    k: int = 10
    seed: int = 0
    threads: int = 1
    train_size: int = 100_000
    rescore: str | None = None
    rescore_factor: int = 4
    rescore_carving: float | None = None
    latency_s: float = 30.0
    click_model: str | None = None
    device: str = "auto"
    codes: str = IN_MEMORY
    clients: Any = None
    limits: Limits = field(default_factory=Limits)
    results: str = "results"
    jobs: int = 1
    rerun: bool = False
    engine: Any = field(default_factory=lambda: {"name": NO_ENGINE})
    index: Any = field(default_factory=lambda: {"name": FLAT})
    shards: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Plain nested dictionaries (JSON-able)."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RunConfig:
        """The inverse of :meth:`to_dict`."""
        values = dict(values)
        if unknown := sorted(set(values) - set(cls.__dataclass_fields__)):
            raise UsageError(f"{unknown[0]!r} is no option of a run; use one of {', '.join(cls.__dataclass_fields__)}")
        return cls(**{**values, "limits": Limits(**values.get("limits", {}))})

    @property
    def names_engine(self) -> bool:
        """Whether an engine is measured instead of a method."""
        return self.engine.get("name") not in (None, NO_ENGINE, RAY)

    @property
    def is_sharded(self) -> bool:
        """Whether the base lies in shards on several nodes."""
        return self.engine.get("name") == RAY

    @property
    def has_index(self) -> bool:
        """Whether a search visits some codes alone."""
        return self.index.get("name") not in (None, FLAT)

    @property
    def client_counts(self) -> list[int]:
        """Numbers of clients that are measured; none by default."""
        given = self.clients if isinstance(self.clients, list) else [] if self.clients is None else [self.clients]
        return [count for place, count in enumerate(given) if count not in given[:place]]

    def determinants(self) -> dict[str, Any]:
        """What determines the result: all fields except limits, parallelism and output options."""
        ignored = {"limits", "results", "jobs", "rerun", *(("method",) if self.names_engine else ("engine",))}
        if self.scenario["name"] == "none":
            ignored.add("scenario")
        for name in ("rescore_carving", "click_model", "clients"):  # newer options: records from before them stay valid
            if getattr(self, name) is None:
                ignored.add(name)
        if self.device == "auto":
            ignored.add("device")
        if self.codes == IN_MEMORY:
            ignored.add("codes")
        if not self.has_index:
            ignored.add("index")
        if not self.is_sharded:
            ignored.add("shards")
        determining = {key: value for key, value in self.to_dict().items() if key not in ignored}
        if self.clients is not None:
            determining["clients"] = self.client_counts
        if self.names_engine:
            return determining
        # center=null is the method without the option: records from before there was one stay valid.
        method = {key: value for key, value in determining["method"].items() if (key, value) != ("center", None)}
        return determining | {"method": method}

    def check(self) -> None:
        """Raise :class:`UsageError` for a value that no run can work with; cheap, before anything is loaded."""
        at_least = {"k": 1, "seed": 0, "threads": 1, "train_size": 1, "rescore_factor": 1, "jobs": 1, "shards": 1}
        for name, least in at_least.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise UsageError(f"{name}={value} is out of range; use an integer of at least {least}")
        if self.threads > (cores := os.cpu_count() or 1) and not self.is_sharded:  # which is searched elsewhere
            raise UsageError(f"threads={self.threads} is more than this machine's {cores} cores; use at most {cores}")
        if (used := self.jobs * self.threads) > cores and self.jobs > 1:
            raise UsageError(
                f"jobs={self.jobs} of threads={self.threads} take {used} cores and this machine has {cores}; "
                f"use at most jobs={cores // self.threads}"
            )
        if not self.results:
            raise UsageError("results= names no folder; use results=DIR, or leave it out")
        if self.scenario.get("name") not in SCENARIOS:
            raise UsageError(f"scenario={self.scenario.get('name')} is unknown; use one of {', '.join(SCENARIOS)}")
        if self.rescore is not None and self.rescore not in RESCORE_STORES:
            raise UsageError(f"rescore={self.rescore} is unknown; use one of {', '.join(RESCORE_STORES)} or null")
        if (self.rescore == "engine") != (self.rescore is not None and self.names_engine):
            right = "rescore=engine, or leave it out" if self.names_engine else "one of float16, int8, float32, disk"
            raise UsageError(
                f"rescore={self.rescore} is not for {'engines' if self.names_engine else 'methods'}; use {right}"
            )
        if self.names_engine and self.scenario.get("name") != "none":
            raise UsageError(f"scenario={self.scenario['name']} is for methods; leave out engine= or the scenario")
        self._check_shards()
        self._check_codes()
        self._check_clients()
        if self.has_index:
            check_index(self.index, self.names_engine, self.scenario["name"])
        check_scenario(self.scenario, self.rescore)
        if self.rescore_carving is not None and (self.rescore is None or not 0 < self.rescore_carving < math.inf):
            raise UsageError(f"rescore_carving={self.rescore_carving} needs rescore=..., and to be a number above 0")
        if self.click_model is not None and self.click_model not in MODELS:
            raise UsageError(f"click_model={self.click_model} is unknown; use one of {', '.join(MODELS)}")
        check_device(self.device)
        for name, bound in (
            ("limits.time_s", self.limits.time_s),
            ("limits.memory_gb", self.limits.memory_gb),
            ("latency_s", self.latency_s),
        ):
            if bound is not None and not 0 < bound < math.inf:
                raise UsageError(f"{name}={bound} is out of range; use a finite number above 0")
        for group, given in self.to_dict().items():
            for name, value in given.items() if isinstance(given, dict) else (("", given),):
                try:
                    json.dumps(value, allow_nan=False)
                except (TypeError, ValueError):
                    option = f"{group}.{name}".rstrip(".")
                    raise UsageError(f"{option}={value} cannot be recorded; use finite numbers and text") from None

    def _check_codes(self) -> None:
        if self.codes not in (IN_MEMORY, MAPPED):
            raise UsageError(f"codes={self.codes} is unknown; use {IN_MEMORY} or {MAPPED}")
        others = {
            "index": self.has_index,  # which puts codes in an order of its own
            "engine": self.names_engine or self.is_sharded,
            "scenario": self.scenario["name"] != "none",
        }
        if self.codes == MAPPED and (given := [name for name, is_given in others.items() if is_given]):
            raise UsageError(f"codes={MAPPED} measures scans of all codes; leave out {given[0]}=")

    def _check_clients(self) -> None:
        if self.clients is None:
            return
        if not self.client_counts or not all(_is_count(count, MOST_CLIENTS) for count in self.client_counts):
            raise UsageError(f"clients={self.clients} is no list of numbers from 1 to {MOST_CLIENTS}; use [1,2,4]")
        if self.names_engine or self.is_sharded or self.scenario["name"] != "none":
            other = "scenario" if self.scenario["name"] != "none" else "engine"
            raise UsageError(f"clients={self.clients} is for methods that this process searches; leave out {other}=")

    def _check_shards(self) -> None:
        if self.shards > 1 and not self.is_sharded:
            raise UsageError(f"shards={self.shards} is an option of engine=ray; name that too")
        others = {
            "scenario": self.scenario["name"] != "none",
            "jobs": self.jobs > 1,
        }
        if self.is_sharded and (given := [name for name, is_given in others.items() if is_given]):
            raise UsageError(f"engine=ray measures searches of one base, one run at a time; leave out {given[0]}=")
        if self.is_sharded and self.index.get("name") == HNSW:
            raise UsageError(
                f"index={HNSW} over shards would be a graph for each, which do not find what one graph finds; "
                "use index=ivf, or leave out engine="
            )


def _is_count(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most
