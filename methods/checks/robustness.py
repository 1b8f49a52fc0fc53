"""Checks that a method keeps its recall on every kind of vectors, and that its search finds what its codes hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np

from methods.base import Metric
from methods.checks.kinds import KINDS, Kind
from methods.checks.recalls import OFFSET, PLAIN, Recalls, average, recalls_of
from methods.checks.subject import Subject, check, expect

ALLOWED = 0.03  # of recall@10
_ALLOWED_SMALLEST = 1 / 3  # of the method's own recall by its smallest code, of which an offset takes a good part
SEEDS = 3  # of fits, over which what is lost is averaged before it counts
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


class Named(Protocol):
    """What a kind is called, and its group."""

    @property
    def name(self) -> str: ...
    @property
    def group(self) -> str: ...


@dataclass(frozen=True)
class Loss:
    """What a kind costs a method at one budget; ``smallest``: of several, this is the least."""

    kind: Named
    metric: Metric | None  # None: of sets of vectors
    code_bytes: int
    smallest: bool
    without: Recalls  # on the vectors from which the kind is made
    there: Recalls
    refused: str = ""  # the message, where the method does not work with the kind

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
        where = [self.kind.name, *([self.metric] if self.metric else []), f"{self.code_bytes} B"]
        return f"{', '.join(where)}: {f'refused, {self.refused}' if self.refused else change}"


def check_kinds(subject: Subject, thorough: bool) -> None:
    """Fail on losses that are not declared, and on declared ones that are not there.

    Parameters
    ----------
    thorough : bool
        Every kind under every metric, instead of those that show most of it.
    """
    reasons = subject.cls.kind_exceptions
    expect_known(reasons, KINDS, tuple(Metric))
    expect_declared(reasons, losses_of(subject, thorough), partial(_measured_again, subject))


def expect_declared(reasons: Mapping[str, str], losses: Iterable[Loss], again: Callable[[Loss], Loss]) -> None:
    """Fail on losses that ``reasons`` (of ``kind_exceptions``) do not name, and on named ones that are not there.

    ``again`` measures a loss over several seeds, before it counts.
    """
    losses = list(losses)
    undeclared = [loss for loss in losses if loss.counts and not any(map(loss.is_named, reasons))]
    undeclared = [loss for loss in map(again, undeclared) if loss.counts]
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
    measured = [recalls_of(subject, seed) for seed in range(SEEDS)]
    assert loss.metric is not None
    names = KINDS[loss.kind.name].of or PLAIN, loss.kind.name
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


def expect_known(reasons: Mapping[str, str], kinds: Mapping[str, Named], metrics: tuple[str, ...] = ()) -> None:
    """Fail where a key of ``reasons`` is no kind or group of ``kinds`` (with one of ``metrics``), or has no reason."""
    known = [*kinds, *dict.fromkeys(kind.group for kind in kinds.values())]
    form = ", alone or as 'KIND, METRIC'" if metrics else ""
    for name, reason in reasons.items():
        kind, _, metric = name.partition(", ")
        is_known = kind in known and metric in ("", *metrics)
        expect(is_known, f"kind_exceptions names {name!r}; use one of {'; '.join(known)}{form}")
        expect(bool(reason.strip()), f"kind_exceptions[{name!r}] gives no reason")


def is_more_than_allowed(lost: np.ndarray, allowed: float = ALLOWED) -> bool:
    """Whether the mean over queries (nq,) is, by more than the choice of queries explains."""
    return bool(lost.mean() > max(allowed + 1e-9, 2 * lost.std() / np.sqrt(len(lost))))
