"""What a measured method means at the user's number of vectors."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from bench.engines.offers import Offer as SchemeOffer
from bench.errors import UsageError
from bench.measure.statistics import Interval
from bench.recommend.scaling import Trend, of_two
from bench.records import Record
from bench.report.words import count_bytes

FEEDING_THREADS = 8  # so many threads are assumed to read memory as many times as fast as one; more, no faster
CACHED_BYTES = 32e6  # fewer bytes of codes stay in a cache, which is read faster than memory
MIN_RECALL, MAX_P50, MEMORY = "--min-recall", "--max-p50-ms", "--memory"  # options of limits


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
        The same method fitted on the same vectors, on a smaller sample: gives the trend of recall without ``trend``.
    trend : Trend or None
        How recall changes with the number of vectors, from parts of the sample.
    threads : int or None
        Of a search and of encoding, by which latency and build time are said; None is as many as were measured with.
    schemes : tuple of bench.engines.Offer
        What engines have that it stands for, the smallest first; empty for a method of its own. Bytes are then those of
        the first.
    label : str
        Its name in the race, where that is more than the method's.
    """

    record: Record
    n: int
    k: int
    smaller: Record | None = None
    threads: int | None = None
    trend: Trend | None = None
    schemes: tuple[SchemeOffer, ...] = ()
    label: str = ""

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
    def name(self) -> str:
        """Of the one racer in a round that it belongs to."""
        return self.label or self.method

    @property
    def scheme(self) -> SchemeOffer | None:
        """What an engine has; None for a method of its own."""
        return self.schemes[0] if self.schemes else None

    @property
    def title(self) -> str:
        """The method, or the engine's scheme and which method it is: ``qdrant product x32 (equals pq)``."""
        return self.method if self.scheme is None else title_of(self.scheme)

    @property
    def code(self) -> int:
        """Bytes of a vector's code in memory: an engine's with its factors and padding."""
        if self.scheme is not None:
            assert self.scheme.bytes is not None
            return self.scheme.bytes
        assert self.record.bytes is not None
        return self.record.bytes.code

    @property
    def recall(self) -> Interval:
        """Measured on the sample."""
        return self.record.quality[f"recall@{self.k}"]

    @property
    def law(self) -> Trend | None:
        """How recall changes with the number of vectors; None where it was measured at one size alone."""
        if self.trend is not None or self.smaller is None:
            return self.trend
        return of_two(self.record, self.smaller, self.k)

    @property
    def decades(self) -> float:
        """How many times ten times as many vectors there will be as were measured with."""
        return max(0.0, math.log10(self.n / self.record.dataset.n))

    @property
    def recall_at_n(self) -> float:
        """Recall carried on to ``n`` by :attr:`law`; as measured where there is none."""
        return self.recall.value if (interval := self.recall_range) is None else interval.value

    @property
    def recall_range(self) -> Interval | None:
        """:attr:`recall_at_n` with an interval that holds the truth in nine of ten cases; None where it is unknown."""
        if self.decades == 0:
            return self.recall
        return None if (law := self.law) is None or not self.recall.value else law.at(self.n, self.recall.value)

    @property
    def memory_bytes(self) -> int:
        """Codes and parts of ``n`` vectors; of an engine's scheme with ids, links and originals that are in memory."""
        assert self.record.bytes is not None
        row = self.code if self.scheme is None else self.scheme.memory_bytes or 0
        return self.n * row + self.record.bytes.parts_total

    @property
    def disk_bytes(self) -> int:
        """The finer store of ``n`` vectors; of an engine's scheme its originals that are on disk."""
        assert self.record.bytes is not None
        if self.scheme is not None:
            return self.n * self.scheme.disk_bytes
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
        """Of one query over ``n`` codes: the scan grows with the bytes scanned, and no faster than memory is read.

        More threads than were measured with divide the scan, as far as memory feeds them.
        """
        return max(self.fixed_ms + self.scan_ms, self.reading_ms)

    @property
    def fixed_ms(self) -> float:
        """What a query takes however many codes there are; 0 where that was not measured (as with re-ranking)."""
        assert self.record.latency_ms is not None
        return self.record.latency_ms.get("fixed", 0.0)

    @property
    def scan_ms(self) -> float:
        """What a query takes over ``n`` codes besides :attr:`fixed_ms`, if memory feeds the threads."""
        assert self.record.latency_ms is not None
        scan = self.record.latency_ms["p50"] - self.fixed_ms
        return scan * max(1.0, self.n / self.record.dataset.n) * self.measured_threads / self.used_threads

    @property
    def reading_ms(self) -> float:
        """What reading the codes of ``n`` vectors once takes by :attr:`used_threads`; 0 if a cache holds them."""
        code_bytes = self.n * self.code
        return 0.0 if code_bytes < CACHED_BYTES else 1e3 * code_bytes / self.bandwidth

    @property
    def bandwidth(self) -> float:
        """Bytes of memory read in a second by :attr:`used_threads`."""
        one = float(self.record.environment["memory_bandwidth_bytes_per_s"])
        return one * min(self.used_threads, FEEDING_THREADS)

    def threads_for(self, p50_ms: float) -> int | None:
        """The fewest threads with which a query is expected to take at most so long; None if no number does."""
        if (left := p50_ms - self.fixed_ms) <= 0:
            return None
        scan_ms = self.p50_ms - self.fixed_ms
        least = max(1, math.ceil(scan_ms * self.used_threads / left))
        return least if replace(self, threads=least).p50_ms <= p50_ms else None

    def missed(self, limits: Limits) -> dict[str, str]:
        """What keeps it from meeting the limits: option of the command -> in words; empty if it meets them."""
        missed = {}
        if (recall := limits.min_recall) is not None and self.recall_at_n < recall:
            own = unlike(self.recall_at_n, recall, lambda value, digits: f"{value:.{digits}f}")
            at_n = f" at {self.n:,}" if self.decades and self.recall_range is not None else ""
            missed[MIN_RECALL] = f"recall@{self.k} {own}{at_n} is below {recall:g}"
        elif recall is not None and self.recall_range is None and self.record.config.get("rescore") is not None:
            missed[MIN_RECALL] = f"recall@{self.k} at {self.n:,} is not known: it was measured at one size alone"
        if (ms := limits.max_p50_ms) is not None and self.p50_ms > ms:
            own = unlike(self.p50_ms, ms, lambda value, digits: f"{float(f'{value:.{digits}g}'):,g}")
            missed[MAX_P50] = f"p50 {own} ms is above {ms:g} ms"
        if (most := limits.max_memory_bytes) is not None and self.memory_bytes > most:
            missed[MEMORY] = f"codes and parts take {count_bytes(self.memory_bytes)}, more than --memory"
        return missed

    def misses(self, limits: Limits) -> list[str]:
        """The words of :meth:`missed`."""
        return list(self.missed(limits).values())

    def cost(self, option: str) -> float:
        """What the limit of this option is about, as a number of which less is better."""
        return {MIN_RECALL: -self.recall_at_n, MAX_P50: self.p50_ms, MEMORY: float(self.memory_bytes)}[option]


def title_of(scheme: SchemeOffer) -> str:
    """``qdrant product x32 (equals pq)``: engine, scheme, settings as they are typed, and the method that it is."""
    names = [scheme.engine.name, scheme.scheme.name]
    names += [typed if not typed.isdecimal() else f"{key}={typed}" for key, typed in scheme.settings.items()]
    relation = "equals" if scheme.scheme.equals else "near"
    return f"{' '.join(names)} ({relation} {scheme.scheme.method}{options_in_words(scheme.params)})"


def options_in_words(options: Mapping[str, object]) -> str:
    """`` threshold=zero store_norm=false``; nothing where there are none."""
    written = {key: str(value).lower() if isinstance(value, bool) else value for key, value in options.items()}
    return "".join(f" {key}={value}" for key, value in written.items())


def unlike(value: float, limit: float, written: Callable[[float, int], str]) -> str:
    """``value`` with three digits, or as many as show that it is not ``limit``: 20.04 is above 20, not 20."""
    for digits in range(3, 16):
        if (text := written(value, digits)) != written(limit, digits):
            break
    return text
