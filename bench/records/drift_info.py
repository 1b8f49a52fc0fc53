"""What a record says of a run whose vectors arrived in time (``scenario=drift``)."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.measure.statistics import Interval


@dataclass(frozen=True)
class DriftStep:
    """A moment: after the fit (the first step), or after a part of the vectors has arrived.

    Attributes
    ----------
    alive, old : int
        Vectors that are searched; those of them that were there when the codec was fitted.
    arrived, deleted : int
        Since the step before.
    error_ratio : float or None
        Decoding error of what arrived over that of the first vectors: what ``compress --append`` would print. None at
        the first step, and for codes that do not decode.
    kept, refit : dict
        ``recall@10`` over all that is alive, and the shares ``old`` and ``new`` of those true neighbors that are old
        and new: of the first codec, and of one that was fitted at this step. Means with 95% bootstrap intervals; a
        share is left out where no true neighbor is of its kind, ``refit`` is empty at the first step.
    gained : Interval or None
        Recall@10 of ``refit`` less that of ``kept``, over the same queries.
    seconds : dict
        ``encode`` (what arrived), ``rebuild`` (codes without those deleted, ready to be searched), ``refit`` and
        ``encode_again`` (everything alive).
    """

    alive: int
    old: int
    arrived: int
    deleted: int
    error_ratio: float | None
    kept: dict[str, Interval]
    refit: dict[str, Interval]
    gained: Interval | None
    seconds: dict[str, float]

    @property
    def inserted_per_s(self) -> float:
        """Vectors encoded in a second."""
        return self.arrived / max(self.seconds["encode"], 1e-9)


@dataclass(frozen=True)
class DriftInfo:
    """How codes kept up; the record's own quality and latency are those of the first codec at the last step.

    Attributes
    ----------
    order : str
        ``clusters``, ``rows``, ``random``, or the name of a file.
    trained : int
        Of the first vectors, those that the codec was fitted on.
    warned_ratio : float
        Error ratio above which the codec should be fitted again.
    steps : list of DriftStep
        The first is the moment of the fit.
    """

    order: str
    trained: int
    warned_ratio: float
    steps: list[DriftStep] = field(default_factory=list)

    @property
    def refit_at(self) -> int | None:
        """The first step whose error ratio is above :attr:`warned_ratio`; None if there is none."""
        ratios = [step.error_ratio for step in self.steps]
        return next((at for at, ratio in enumerate(ratios) if ratio is not None and ratio > self.warned_ratio), None)
