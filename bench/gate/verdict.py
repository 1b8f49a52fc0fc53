"""Baseline against candidate: what may not get worse, and by how much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.errors import UsageError
from bench.gate.case import Case
from bench.report.words import number


@dataclass(frozen=True)
class Tolerance:
    """How far a case may fall behind.

    Attributes
    ----------
    max_drop : float
        Of any recall, absolute. Deterministic under a seed, but other CPUs sum floats in another order.
    max_error_rise : float
        Of the reconstruction error, relative.
    max_slowdown : float or None
        Of p50 over the reference method's p50 of the same run, as a ratio to the baseline's; None leaves time alone.
    """

    max_drop: float = 0.01
    max_error_rise: float = 0.02
    max_slowdown: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("max-drop", self.max_drop), ("max-error-rise", self.max_error_rise)):
            if not 0 <= value < 1:
                raise UsageError(f"--{name} {value:g} is out of range; use a share from 0 to below 1")
        if self.max_slowdown is not None and not self.max_slowdown >= 1:
            raise UsageError(f"--max-slowdown {self.max_slowdown:g} is out of range; use a ratio of at least 1")


@dataclass(frozen=True)
class Verdict:
    """What came of one case; ``faults`` is empty where it passes, ``notes`` are for the reader."""

    case: Case
    faults: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.faults

    def line(self) -> str:
        """``pass  pq@48B  recall@10 0.7240 (+0.0000)``, for a log."""
        return f"{'pass' if self.passed else 'FAIL'}  {self.case.name:<16} {'; '.join((*self.faults, *self.notes))}"


def compare(before: Case, after: Case | None, tolerance: Tolerance, slowdown: float | None = None) -> Verdict:
    """Judge one case.

    Parameters
    ----------
    after : Case or None
        None where the candidate lacks it, which is a fault.
    slowdown : float, optional
        Measured against a reference method in both runs.
    """
    if after is None:
        return Verdict(before, ("it was not measured",), ())
    if before.status == "ok" and after.status != "ok":
        return Verdict(before, (f"it ended as {after.status}: {after.reason}",), ())
    faults = [*_bytes(before, after), *_quality(before, after, tolerance)]
    notes = []
    if "recall@10" in after.measures and "recall@10" in before.measures:
        change = after.measures["recall@10"] - before.measures["recall@10"]
        notes.append(f"recall@10 {after.measures['recall@10']:.4f} ({number(change, '+.4f')})")
    if after.code_bytes is not None:
        notes.append(f"{after.code_bytes} B")
    if tolerance.max_slowdown is not None and before.p50_ms is not None and after.p50_ms is None:
        faults.append("p50 is not measured any more")
    if slowdown is not None:
        notes.append(f"time x{slowdown:.2f}")
        if tolerance.max_slowdown is not None and slowdown > tolerance.max_slowdown:
            faults.append(f"p50 is {slowdown:.2f} times the baseline's (allowed {tolerance.max_slowdown:g})")
    return Verdict(before, tuple(faults), tuple(notes))


def _bytes(before: Case, after: Case) -> Iterator[str]:
    for what, old, new in (
        ("a code", before.code_bytes, after.code_bytes),
        ("parts", before.parts_bytes, after.parts_bytes),
    ):
        if old is not None and (new is None or new > old):
            yield f"{what} grew from {old:,} B to {f'{new:,} B' if new is not None else 'nothing known'}"


def _quality(before: Case, after: Case, tolerance: Tolerance) -> Iterator[str]:
    for name, old in before.measures.items():
        new = after.measures.get(name)
        if new is None:
            yield f"{name} is not measured any more"
        elif name == "reconstruction_error":
            if new > old * (1 + tolerance.max_error_rise) + 1e-9:
                rise = f"{new / old - 1:.1%}" if old else "from none"
                yield f"{name} rose from {old:.4g} to {new:.4g} ({rise}, allowed {tolerance.max_error_rise:.1%})"
        elif old - new > tolerance.max_drop + 1e-9:
            yield f"{name} fell from {old:.4f} to {new:.4f} (by {old - new:.4f}, allowed {tolerance.max_drop:g})"
