"""What the user's vectors are like, as far as it decides which methods do well on them."""

from __future__ import annotations

from dataclasses import replace

from bench.datasets.base import Dataset
from bench.datasets.diagnosis import diagnose
from bench.errors import UsageError
from bench.measure.kind_advice import advice_of
from bench.measure.kinds import Diagnosis, kinds_of, warnings_of
from bench.records import Record

_EQUAL = 0.95  # share of queries whose neighbors all tie from which on there is nothing to choose by
_ADVICE = 2  # lines on what kinds mean for a code, those of directions first


def look_at(user: Dataset) -> Diagnosis:
    """What the vectors are like; :class:`UsageError` if they are all equal to the metric."""
    diagnosis = diagnose(user)
    if diagnosis.indistinct >= _EQUAL:
        raise UsageError(
            f"the vectors are equal, or nearly: for {diagnosis.indistinct:.0%} of the queries all true neighbors tie "
            f"by {user.metric}, so that every method finds them and none is better; give vectors that differ"
        )
    return diagnosis


def sentences(diagnosis: Diagnosis, user: Dataset, measured: Record | None) -> list[str]:
    """The kinds that the vectors are of, what these mean for a code, and what a recall measured there does not say."""
    if measured is not None and measured.diagnosis is not None:
        exact = measured.diagnosis  # of all queries of a larger sample
        diagnosis = replace(diagnosis, ties=exact.ties, indistinct=exact.indistinct)
    kinds = kinds_of(diagnosis, user.dim, str(user.metric), user.n_train)
    warned = warnings_of(diagnosis, len(user.queries))
    advice = advice_of(kinds, str(user.metric), names=False)[:_ADVICE]
    return [*(kind.sentence for kind in kinds), *advice, *(f"warning: {kind.sentence}" for kind in warned)]
