"""What a measured method means at the user's number of vectors."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.errors import UsageError
from bench.measure.statistics import Interval
from bench.records import Record
from bench.report.words import count_bytes

FEEDING_THREADS = 8  # so many threads are assumed to read memory as many times as fast as one; more, no faster


@dataclass(frozen=True)
class Limits:
    """What an answer has to meet; None is no limit."""

    min_recall: float | None = None
    max_p50_ms: float | None = None
    max_memory_bytes: int | None = None

    def check(self) -> None:
        """:class:`UsageError` for limits that cannot be meant."""
        if self.min_recall is not None and not 0 < self.min_recall <= 1:
            raise UsageError(f"--min-recall {self.min_recall:g} is out of range; use a share above 0, at most 1")
        if self.max_p50_ms is not None and not self.max_p50_ms > 0:
            raise UsageError(f"--max-p50-ms {self.max_p50_ms:g} is out of range; use milliseconds above 0")


@dataclass(frozen=True)
class Offer:
    """A method at a code size, measured on a sample and extrapolated to ``n`` vectors.

    Attributes
    ----------
    record : Record
        On the largest sample, status ok.
    n : int
    k : int
    smaller : Record or None
        The same method fitted on the same vectors, on a smaller sample: gives the trend of recall.
    threads : int or None
        Of a search and of encoding, by which latency and build time are said; None is as many as were measured with.
    """

    record: Record
    n: int
    k: int
    smaller: Record | None = None
    threads: int | None = None

    @property
    def measured_threads(self) -> int:
        return int(self.record.config["threads"])

    @property
    def used_threads(self) -> int:
        """By which latency and build time are said."""
        return self.threads or self.measured_threads

    @property
    def method(self) -> str:
        return self.record.method.name

    @property
    def code(self) -> int:
        """Bytes of a vector in memory."""
        assert self.record.bytes is not None
        return self.record.bytes.code

    @property
    def recall(self) -> Interval:
        """Measured on the sample."""
        return self.record.quality[f"recall@{self.k}"]

    @property
    def recall_per_decade(self) -> float | None:
        """Change of recall for ten times the vectors (at most 0), from two samples; None where there is but one."""
        if self.smaller is None or self.smaller.dataset.n >= self.record.dataset.n:
            return None
        decades = math.log10(self.record.dataset.n / self.smaller.dataset.n)
        return min(0.0, (self.recall.value - self.smaller.quality[f"recall@{self.k}"].value) / decades)

    @property
    def recall_at_n(self) -> float:
        """Recall carried on to ``n`` along the logarithm of the number of vectors."""
        decades = max(0.0, math.log10(self.n / self.record.dataset.n))
        return max(0.0, self.recall.value + (self.recall_per_decade or 0.0) * decades)

    @property
    def memory_bytes(self) -> int:
        """Codes and parts of ``n`` vectors."""
        assert self.record.bytes is not None
        return self.n * self.code + self.record.bytes.parts_total

    @property
    def disk_bytes(self) -> int:
        """The finer store of ``n`` vectors."""
        assert self.record.bytes is not None
        return self.record.bytes.rescore_disk // self.record.dataset.n * self.n

    @property
    def build_s(self) -> float:
        """Fitting as measured, and encoding of ``n`` vectors at :attr:`encode_rate`."""
        return self.record.seconds["fit"] + self.n / self.encode_rate

    @property
    def encode_rate(self) -> float:
        """Vectors encoded in a second: as measured, or by more threads so many times as fast."""
        assert self.record.throughput is not None
        return self.record.throughput["encode_vectors_per_s"] * self.used_threads / self.measured_threads

    @property
    def p50_ms(self) -> float:
        """Of one query over ``n`` codes: it grows with the bytes scanned, and no faster than memory is read.

        More threads than were measured with divide it, as far as memory feeds them.
        """
        assert self.record.latency_ms is not None
        grown = self.record.latency_ms["p50"] * max(1.0, self.n / self.record.dataset.n)
        grown *= self.measured_threads / self.used_threads
        bandwidth = self.record.environment["memory_bandwidth_bytes_per_s"] * min(self.used_threads, FEEDING_THREADS)
        cached = self.n * self.code < 32e6  # such codes stay in a cache, which is read faster than memory
        return grown if cached else max(grown, 1e3 * self.n * self.code / bandwidth)

    def misses(self, limits: Limits) -> list[str]:
        """What keeps it from meeting the limits, in words; empty if it meets them."""
        missed = []
        if limits.min_recall is not None and self.recall_at_n < limits.min_recall:
            missed.append(f"recall@{self.k} {self.recall_at_n:.3f} is below {limits.min_recall:g}")
        if limits.max_p50_ms is not None and self.p50_ms > limits.max_p50_ms:
            missed.append(f"p50 {float(f'{self.p50_ms:.3g}'):,g} ms is above {limits.max_p50_ms:g} ms")
        if limits.max_memory_bytes is not None and self.memory_bytes > limits.max_memory_bytes:
            missed.append(f"codes and parts take {count_bytes(self.memory_bytes)}, more than --memory")
        return missed

    def shortfall(self, limits: Limits) -> float:
        """How far from the limits, as a number to order by: 0 meets them."""
        recall = (
            0.0 if limits.min_recall is None else max(0.0, limits.min_recall - self.recall_at_n) / limits.min_recall
        )
        slow = 0.0 if limits.max_p50_ms is None else max(0.0, math.log2(self.p50_ms / limits.max_p50_ms))
        large = 0.0 if (most := limits.max_memory_bytes) is None else max(0.0, math.log2(self.memory_bytes / most))
        return recall + slow + large
