"""What every kind of sets of vectors costs a multi-vector method, against its own recall on plain ones.

As :mod:`methods.checks.robustness` for dense methods, whose rules these are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Protocol

import numpy as np

from methods.checks.recalls import Recalls, average
from methods.checks.robustness import SEEDS, Loss, expect_declared, expect_known
from methods.errors import MethodError
from methods.kernels.sets.chamfer import chamfer_search
from methods.multivector.base import MultiVectorCodec
from methods.multivector.kinds import KINDS
from methods.multivector.ragged import Ragged

__all__ = ["check_kinds", "losses_of", "measure"]

K = 10
_BUDGET = 160  # bytes a document, or the smallest budget where that is more
_AT_THE_SMALLEST = ("average cosine .75",)  # other kinds at that budget only


class Subject(Protocol):
    """A method under check."""

    cls: type[MultiVectorCodec]

    @property
    def smallest(self) -> int: ...
    def configure(self, code_bytes: int) -> MultiVectorCodec: ...


def check_kinds(subject: Subject, documents: Ragged, queries: Ragged) -> None:
    """Fail on losses that are not declared, and on declared ones that are not there."""
    expect_known(subject.cls.kind_exceptions, KINDS)
    again = partial(_measured_again, subject, documents, queries)
    expect_declared(subject.cls.kind_exceptions, losses_of(subject, documents, queries), again)


def losses_of(subject: Subject, documents: Ragged, queries: Ragged) -> Iterator[Loss]:
    """What every kind costs the method, large or small, on sets made of plain ``documents`` and ``queries``.

    One configuration, that of the plain documents' budget, codes a kind's: padding has as many bytes a vector as what
    it is beside. A method that refuses a kind finds nothing there.
    """
    for code_bytes in sorted({subject.smallest, budget := max(subject.smallest, _BUDGET)}):
        plain = measure(subject.configure(code_bytes), documents, queries)
        for kind in KINDS.values():
            if code_bytes == budget or kind.name in _AT_THE_SMALLEST:
                refused, there = "", Recalls(np.zeros(len(queries)), None)
                try:
                    there = measure(subject.configure(code_bytes), *kind.make(documents, queries))
                except MethodError as error:
                    refused = str(error)
                yield Loss(kind, None, code_bytes, code_bytes < budget, plain, there, refused)


def _measured_again(subject: Subject, documents: Ragged, queries: Ragged, loss: Loss) -> Loss:
    """``loss`` on average over fits with other seeds too."""
    if loss.refused:
        return loss
    made = KINDS[loss.kind.name].make(documents, queries)
    seeds = range(1, SEEDS)
    others = [
        [measure(subject.configure(loss.code_bytes), *sets, seed) for seed in seeds]
        for sets in ((documents, queries), made)
    ]
    return replace(loss, without=average([loss.without, *others[0]]), there=average([loss.there, *others[1]]))


def measure(codec: MultiVectorCodec, documents: Ragged, queries: Ragged, seed: int = 0) -> Recalls:
    """Recall@10 of each query by ``codec``, fitted on the documents that it searches."""
    codec.fit(documents, seed)
    ids = codec.searcher(codec.encode(documents)).search(queries, K)[1]
    _, true = chamfer_search(queries.vectors, queries.offsets, documents.vectors, documents.offsets, K)
    return Recalls(np.array([np.isin(row, returned).mean() for row, returned in zip(true, ids)]), None)
