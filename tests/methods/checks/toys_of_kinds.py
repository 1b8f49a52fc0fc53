"""A codec that keeps its recall on every kind of vectors, and copies of it that lose it on one."""

from __future__ import annotations

import numpy as np

from methods.base import Codec, Metric
from methods.errors import BudgetError
from methods.search.decoding import DecodingSearcher


class Steady(Codec):
    """Centered values in 16 bits each, a range for each dimension that a few long vectors do not stretch."""

    family = "toy"
    summary = "16 bits a dimension about the median"
    source = "the tests"

    @classmethod
    def for_budget(cls, dim, code_bytes, metric):
        if code_bytes < 2 * dim:
            raise BudgetError("steady", code_bytes, 2 * dim)
        return cls(dim, metric)

    @property
    def code_size(self):
        return 2 * self.dim

    def parts(self):
        return {"center": self.center_, "step": self.step_}

    def _load_parts(self, parts):
        self.center_, self.step_ = parts["center"], parts["step"]

    def _fit(self, vectors, seed):
        self.center_ = np.median(vectors, axis=0)
        self.step_ = self._reach(np.abs(vectors - self.center_)) / np.float32(32767)

    def _reach(self, deviations):
        reach = 32 * np.quantile(deviations, 0.9, axis=0).astype(np.float32)
        return np.where(reach > 0, reach, deviations.max(axis=0))

    def _encode(self, vectors):
        levels = np.divide(vectors - self.center_, self.step_, out=np.zeros_like(vectors), where=self.step_ > 0)
        return np.clip(np.rint(levels) + 32768, 0, 65535).astype("<u2").view(np.uint8)

    def _decode(self, codes):
        return self.center_ + self.step_ * (codes.view("<u2").astype(np.float32) - 32768)


class HasAnAbsoluteEpsilon(Steady):
    """An epsilon that no vector of length 1 notices."""

    def _reach(self, deviations):
        return super()._reach(deviations) + 1


class RangesOverExtremes(Steady):
    """The least and greatest value make the range."""

    def _reach(self, deviations):
        return 16 * deviations.max(axis=0)


def searched_by(score):
    """A copy of :class:`Steady` whose search compares ``score(codec, queries)`` with the decoded vectors."""

    class Changed(DecodingSearcher):
        def _search(self, queries, k):
            return super()._search(score(self.codec, queries).astype(np.float32), k)

    class Searched(Steady):
        def _searcher(self, codes):
            return Changed(self, codes)

    Searched.__name__ = Searched.__qualname__ = score.__name__
    return Searched


@searched_by
def RoundsQueriesInOneUnit(codec, queries):
    unit = np.abs(queries).max(axis=1, keepdims=True) / 31
    return np.rint(queries / np.where(unit > 0, unit, 1)) * unit


@searched_by
def TakesQueriesToBeLong(codec, queries):
    return queries + (codec.center_ if codec.metric is Metric.IP else 0)


@searched_by
def ComparesSigns(codec, queries):
    return np.sign(queries)


LOSES_ON = {
    HasAnAbsoluteEpsilon: "all x 1e-4",
    RangesOverExtremes: "one row x 1000",
    RoundsQueriesInOneUnit: "constant dimension",
    TakesQueriesToBeLong: "queries x .01",
}
BROKEN = [
    *(("keeps_its_recall_on_every_kind", broken) for broken in LOSES_ON),
    ("search_finds_what_its_codes_hold", ComparesSigns),
]
