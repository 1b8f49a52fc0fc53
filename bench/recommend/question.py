"""What the user asks, checked before any work."""

from __future__ import annotations

import fnmatch
import os
import re
from dataclasses import dataclass, field, replace

from bench.datasets.base import DatasetError
from bench.datasets.distances import parse_metric
from bench.engines.entries import entry
from bench.errors import UsageError
from bench.recommend.offer import Limits
from bench.recommend.prices import Prices
from bench.report.words import count_bytes
from methods import MethodError
from methods import registry as methods_registry
from methods.budget import Budget
from methods.compose import rescored

_COUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([kKmMgGbB]?)")
_SCALE = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9}
_BYTES = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
# Of --memory, kept for what is stored once: the least and the most, and a rotation's bytes so many times between them.
_LEAST_FOR_PARTS, _MOST_FOR_PARTS, _ROTATIONS = 0.02, 0.2, 1.5
_MOST_THREADS = 1024


@dataclass(frozen=True)
class Question:
    """A question of :func:`bench.recommend.recommend`.

    Attributes
    ----------
    data : str
        File of the vectors (:mod:`bench.datasets.formats`).
    budget : str
        ``32x``, ``48B`` or ``2bit``: the most bytes in memory for a vector.
    memory : int or None
        Instead of a budget: the most bytes in memory for all ``n`` vectors, codes and parts (codebooks, rotations).
    n : int or None
        Vectors that there will be; as many as in the file if None.
    limits : Limits
    queries : str or None
        File of the queries; None holds some vectors out.
    column : str or None
        The column (Parquet) or array (.npz, HDF5) of the vectors; needed only if several could be meant.
    metric : str or None
        ip, cosine or l2; None is what an ann-benchmarks file says, else cosine.
    k : int
        Neighbors requested: 1, 10 or 100.
    rescore : str or None
        As in ``python -m bench``: ``disk`` keeps the full vectors on disk for the final order.
    methods : tuple of str
        Those that race; all if empty.
    engines : tuple of str
        Of :func:`bench.engines.names`: what these have within the budget is what the answer is chosen of. Methods race
        beside it, to say what that costs.
    threads : int
        Of a search. More than this machine has cores are another machine's: what they change is extrapolated.
    time_s : float
        What the whole answer may take.
    sample : int
        Most vectors measured on.
    prices : Prices or None
        Of memory and disk: what the answer costs a month at ``n`` is said then.
    save : str or None
        A new folder for the fitted codec of the chosen method.
    """

    data: str
    budget: str = ""
    n: int | None = None
    limits: Limits = field(default_factory=Limits)
    queries: str | None = None
    metric: str | None = None
    k: int = 10
    rescore: str | None = None
    methods: tuple[str, ...] = ()
    threads: int = 1
    seed: int = 0
    time_s: float = 240.0
    sample: int = 100_000
    column: str | None = None
    memory: int | None = None
    save: str | None = None
    engines: tuple[str, ...] = ()
    prices: Prices | None = None

    def __post_init__(self) -> None:
        if bool(self.budget) == (self.memory is not None):
            raise UsageError("give either --budget (bytes of a vector: 32x, 48B) or --memory (of all of them: 4GB)")
        if self.budget:
            Budget(self.budget)
        self.limits.check()
        if self.k not in (1, 10, 100):
            raise UsageError(f"--k {self.k} is not judged; use 1, 10 or 100")
        if self.n is not None and self.n < 1:
            raise UsageError(f"--n {self.n} is out of range; use at least 1")
        if self.sample < 500:
            raise UsageError(f"--sample {self.sample} is too small to choose by; use at least 500")
        if not self.time_s >= 10:
            raise UsageError(f"--time {self.time_s:g} is too short to measure anything; use at least 10 seconds")
        if not 1 <= self.threads <= _MOST_THREADS:
            raise UsageError(f"--threads {self.threads} is out of range; use 1 to {_MOST_THREADS}")
        if self.rescore not in (None, *rescored.STORES):
            raise UsageError(f"--rescore {self.rescore} is unknown; use one of {', '.join(rescored.STORES)}")
        if self.engines and self.rescore not in (None, "disk"):
            raise UsageError(
                f"--rescore {self.rescore} keeps a finer code in memory, and engines rescore by originals; use disk"
            )
        for engine in self.engines:
            entry(engine)
        try:
            if self.metric is not None:
                parse_metric(self.metric)
            for name in self.methods:
                methods_registry.get(name)
        except (DatasetError, MethodError) as error:
            raise UsageError(str(error)) from None

    @property
    def measured_threads(self) -> int:
        """With which searches are measured: as many as were requested, or as this machine has cores."""
        return min(self.threads, os.cpu_count() or 1)

    def sized(self, n: int, dim: int) -> Question:
        """The same question with a budget: of ``memory``, what ``n`` codes may take beside the parts.

        Raises
        ------
        UsageError
            If the memory holds less than a byte for each vector, or all of them uncompressed.
        """
        if self.memory is None:
            return self
        raw, given = 4 * dim * n, f"--memory {count_bytes(self.memory)}"
        if self.memory >= raw:
            raise UsageError(
                f"{given} holds all {n:,} vectors of {dim} dimensions as float32 ({count_bytes(raw)}): nothing has to "
                "be compressed; give less, or --n for more vectors"
            )
        parts = min(_MOST_FOR_PARTS * self.memory, _ROTATIONS * 4 * dim * dim)
        code_bytes = int(self.memory - max(_LEAST_FOR_PARTS * self.memory, parts)) // n
        if code_bytes < 1:
            raise UsageError(f"{given} leaves less than a byte for each of {n:,} vectors; give more")
        return replace(
            self, budget=f"{code_bytes}B", memory=None, limits=replace(self.limits, max_memory_bytes=self.memory)
        )


def parse_methods(text: str) -> tuple[str, ...]:
    """Names of ``pq,opq`` or ``glob(*trellis)``, as ``python -m bench`` takes them; none for an empty text.

    Raises
    ------
    UsageError
        For a pattern that no method matches. Names are checked by :class:`Question`.
    """
    chosen: list[str] = []
    for part in re.findall(r"[^,(]*\([^)]*\)|[^,]+", text):
        name = part.strip()
        pattern = name[5:-1] if name.startswith("glob(") and name.endswith(")") else name
        if pattern == name and not set("*?[") & set(name):
            chosen.append(name)
            continue
        matching = _matching(pattern)
        if not matching:
            raise UsageError(f"no method matches {name}; `python -m methods` lists all")
        chosen += matching
    return tuple(dict.fromkeys(filter(None, chosen)))


def parse_engines(text: str) -> tuple[str, ...]:
    """Names of ``qdrant,lancedb``; none for an empty text. :class:`Question` checks them."""
    return tuple(dict.fromkeys(filter(None, (name.strip() for name in text.split(",")))))


def _matching(pattern: str) -> list[str]:
    """Methods that the inside of a ``glob(...)`` means, ``exclude=`` included."""
    included, _, excluded = pattern.partition("exclude=")
    patterns = [one.strip(" []'\"") for one in (included.strip(" ,"), excluded)]
    wanted, unwanted = ([each.strip(" '\"") for each in one.split(",") if each.strip()] for one in patterns)
    return [
        name
        for name in methods_registry.names()
        if any(fnmatch.fnmatchcase(name, each) for each in wanted)
        and not any(fnmatch.fnmatchcase(name, each) for each in unwanted)
    ]


def parse_bytes(text: str) -> int:
    """``4GB`` as 4,000,000,000 and ``4GiB`` as 4,294,967,296; a number alone is bytes."""
    match = _BYTES.fullmatch(text.strip().replace(",", "").replace("_", ""))
    if match is None or not float(match[1]) > 0:
        raise UsageError(f"--memory {text} is no amount of memory; write 512MB, 4GB or 4GiB")
    return int(float(match[1]) * (1024 if match[3] else 1000) ** _POWERS[match[2].lower()])


def parse_count(text: str, what: str = "vectors") -> int:
    """``100M`` as 100,000,000; k, M and G (or B) are powers of a thousand."""
    match = _COUNT.fullmatch(text.strip().replace(",", "").replace("_", ""))
    if match is None:
        raise UsageError(f"{text} is not a number of {what}; write 250000, 250k, 100M or 1G")
    return round(float(match[1]) * _SCALE[match[2].lower()])
