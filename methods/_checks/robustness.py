"""Checks that a method keeps its recall on every kind of vectors, and that its search finds what its codes hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from methods._checks.kinds import KINDS, Kind
from methods._checks.recalls import OFFSET, PLAIN, Recalls, average, recalls_of
from methods._checks.subject import Subject, check, expect
from methods.base import Metric

ALLOWED = 0.03  # of recall@10
_ALLOWED_SMALLEST = 1 / 3  # of the method's own recall by its smallest code, of which an offset takes a good part
_SEEDS = 3  # of fits, over which what is lost is averaged before it counts
_CONE = "average cosine .75"
_AT_ALL_SIZES = (_CONE, "all x 1e-4")  # other kinds at the middle size only


@check
def search_finds_what_its_codes_hold(subject: Subject) -> None:
    """A search loses at most 0.03 of the recall@10 that float queries have on the decoded vectors, at every size."""
    if not subject.cls.decodable:
        return
    worse = []
    cases = [(OFFSET, budget) for budget in subject.budgets()] + [(_CONE, subject.budget)]
    for metric in subject.metrics:
        for kind, code_bytes in cases:
            recalls = recalls_of(subject).of(kind, metric, code_bytes)
            assert recalls.decoded is not None
            if is_more_than_allowed(recalls.decoded - recalls.search):
                change = f"{recalls.search.mean():.3f}, decoded {recalls.decoded.mean():.3f}"
                worse.append(f"{kind}, {metric}, {code_bytes} B: {change}")
    expect(not worse, f"recall@10 is below that of float queries on the decoded vectors: {'; '.join(worse)}")


@check
def keeps_its_recall_on_every_kind(subject: Subject) -> None:
    """No kind of vectors costs more than 0.03 of recall@10 (smallest code: a third), but for ``kind_exceptions``."""
    check_kinds(subject, thorough=False)


@dataclass(frozen=True)
class Loss:
    """What a kind costs a method under one metric at one budget; ``smallest``: of several, this is the least."""

    kind: Kind
    metric: Metric
    code_bytes: int
    smallest: bool
    without: Recalls  # on the vectors from which the kind is made
    there: Recalls

    @property
    def lost(self) -> float:
        """Recall@10 on the vectors from which the kind is made less that on the kind."""
        return float((self.without.search - self.there.search).mean())

    @property
    def counts(self) -> bool:
        """Whether it is more than is allowed."""
        allowed = _ALLOWED_SMALLEST * float(self.without.search.mean()) if self.smallest else 0
        return is_more_than_allowed(self.without.search - self.there.search, max(ALLOWED, allowed))

    def is_named(self, exception: str) -> bool:
        """Whether a key of ``kind_exceptions`` names its kind or group, with its metric or with none."""
        names = (self.kind.name, self.kind.group)
        return exception in (*names, *(f"{name}, {self.metric}" for name in names))

    def __str__(self) -> str:
        decoded = "" if self.there.decoded is None else f" (decoded {self.there.decoded.mean():.3f})"
        change = f"{self.without.search.mean():.3f} to {self.there.search.mean():.3f}{decoded}"
        return f"{self.kind.name}, {self.metric}, {self.code_bytes} B: {change}"


def check_kinds(subject: Subject, thorough: bool) -> None:
    """Fail on losses that are not declared, and on declared ones that are not there.

    Parameters
    ----------
    thorough : bool
        Every kind under every metric, instead of those that show most of it.
    """
    reasons = subject.cls.kind_exceptions
    _expect_known(reasons)
    losses = list(losses_of(subject, thorough))
    undeclared = [loss for loss in losses if loss.counts and not any(map(loss.is_named, reasons))]
    undeclared = [loss for loss in map(partial(_measured_again, subject), undeclared) if loss.counts]
    listed = "; ".join(map(str, undeclared))
    expect(not undeclared, f"recall@10 falls: {listed}; mend it, or say why in kind_exceptions")
    for name in reasons:
        named = [loss.lost for loss in losses if loss.is_named(name)]
        # Half of what is allowed, so that what is near to it may be declared.
        needed = not named or max(named) > ALLOWED / 2
        expect(needed, f"kind_exceptions names {name!r}, where nothing is lost; take it out")


def losses_of(subject: Subject, thorough: bool) -> Iterator[Loss]:
    """What every kind costs the method, large or small."""
    recalls = recalls_of(subject)
    for kind, metric, code_bytes in _cases(subject, thorough):
        without, there = (recalls.of(name, metric, code_bytes) for name in (kind.of or PLAIN, kind.name))
        yield Loss(kind, metric, code_bytes, code_bytes < subject.budget, without, there)


def _measured_again(subject: Subject, loss: Loss) -> Loss:
    """``loss`` on average over fits with other seeds too: what one draw of a rotation or of centroids costs is luck."""
    measured = [recalls_of(subject, seed) if seed else recalls_of(subject) for seed in range(_SEEDS)]
    names = loss.kind.of or PLAIN, loss.kind.name
    without, there = (average([each.of(name, loss.metric, loss.code_bytes) for each in measured]) for name in names)
    return replace(loss, without=without, there=there)


def _cases(subject: Subject, thorough: bool) -> Iterator[tuple[Kind, Metric, int]]:
    for kind in KINDS.values():
        possible = [metric for metric in kind.metrics if metric in subject.metrics]
        shown = [metric for metric in kind.shown_by if metric in possible] or possible[:1]
        sizes = subject.budgets() if kind.name in _AT_ALL_SIZES else [subject.budget]
        for metric in possible if thorough else shown:
            everywhere = thorough or metric == shown[0]
            yield from ((kind, metric, size) for size in (sizes if everywhere else [subject.budget]))


def _expect_known(reasons: dict[str, str]) -> None:
    known = [*KINDS, *dict.fromkeys(kind.group for kind in KINDS.values())]
    for name, reason in reasons.items():
        kind, _, metric = name.partition(", ")
        is_known = kind in known and metric in ("", *Metric)
        expect(is_known, f"kind_exceptions names {name!r}; use one of {'; '.join(known)}, alone or as 'KIND, METRIC'")
        expect(bool(reason.strip()), f"kind_exceptions[{name!r}] gives no reason")


def is_more_than_allowed(lost: np.ndarray, allowed: float = ALLOWED) -> bool:
    """Whether the mean over queries (nq,) is, by more than the choice of queries explains."""
    return bool(lost.mean() > max(allowed + 1e-9, 2 * lost.std() / np.sqrt(len(lost))))
