"""What the user asks, checked before any work."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field

from bench.datasets.base import DatasetError
from bench.datasets.distances import parse_metric
from bench.errors import UsageError
from bench.recommend.offer import Limits
from methods import MethodError
from methods import registry as methods_registry
from methods.budget import Budget
from methods.compose import rescored

_COUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([kKmMgGbB]?)")
_SCALE = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9}


@dataclass(frozen=True)
class Question:
    """A question of :func:`bench.recommend.recommend`.

    Attributes
    ----------
    data : str
        File of the vectors (:mod:`bench.datasets.formats`).
    budget : str
        ``32x``, ``48B`` or ``2bit``: the most bytes in memory for a vector.
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
    time_s : float
        What the whole answer may take.
    sample : int
        Most vectors measured on.
    """

    data: str
    budget: str
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

    def __post_init__(self) -> None:
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
        if not 1 <= self.threads <= (cores := os.cpu_count() or 1):
            raise UsageError(f"--threads {self.threads} is out of range; this machine has {cores} cores")
        if self.rescore not in (None, *rescored.STORES):
            raise UsageError(f"--rescore {self.rescore} is unknown; use one of {', '.join(rescored.STORES)}")
        try:
            if self.metric is not None:
                parse_metric(self.metric)
            for name in self.methods:
                methods_registry.get(name)
        except (DatasetError, MethodError) as error:
            raise UsageError(str(error)) from None


def parse_count(text: str, what: str = "vectors") -> int:
    """``100M`` as 100,000,000; k, M and G (or B) are powers of a thousand."""
    match = _COUNT.fullmatch(text.strip().replace(",", "").replace("_", ""))
    if match is None:
        raise UsageError(f"{text} is not a number of {what}; write 250000, 250k, 100M or 1G")
    return round(float(match[1]) * _SCALE[match[2].lower()])
