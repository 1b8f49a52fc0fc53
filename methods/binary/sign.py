"""Sign codes: one bit a dimension, whether the value is above a threshold."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from methods.base import Metric
from methods.binary._base import BinaryCodec
from methods.errors import MethodError, UnsupportedMetric
from methods.fitting.principal_axes import robust_mean
from methods.kind_losses import NO_LENGTHS
from methods.registry import register

THRESHOLDS = ("zero", "mean", "median")


@register("sign")
class Sign(BinaryCodec):
    """One bit a dimension: the sign of ``x_j - threshold_j``; a value at its threshold counts as positive.

    Signs keep angles (Charikar 2002, with the axes in place of random hyperplanes): around the origin for
    ``threshold="zero"``, which says nothing of Euclidean distances, and around the center of the data otherwise.

    Parameters
    ----------
    dim, metric
        As for :class:`~methods.base.Codec`; l2 needs a threshold at the mean or median.
    threshold : {"zero", "mean", "median"}
        Per dimension, of the training vectors; to the mean, outliers count as nearer than they are.
    scoring : {"hamming", "asymmetric"}
        See :mod:`methods.binary._base`.
    """

    summary = "sign of every dimension, 1 bit each"
    source = "Charikar, Similarity estimation techniques from rounding algorithms, STOC 2002"
    kind_exceptions: ClassVar[dict[str, str]] = {
        **NO_LENGTHS,
        "queries apart": "a query is coded around the mean of the base, from where all queries that lack its direction "
        "lie to one side; scoring=asymmetric leaves the mean out of queries",
        **dict.fromkeys(
            ("rogue dimensions", "heavy tails", "dead dimensions"),
            "a dimension has one bit whether its values are large, small or zero; itq rotates vectors first",
        ),
    }
    trains = False

    def __init__(
        self, dim: int, metric: Metric = Metric.IP, *, threshold: str = "mean", scoring: str = "hamming"
    ) -> None:
        self.threshold, self.scoring = threshold, scoring
        super().__init__(dim, metric)

    @classmethod
    def _sized(cls, dim: int, code_bytes: int, metric: Metric) -> dict[str, Any]:
        return {}  # ceil(dim / 8) bytes, whatever the budget has beyond them

    @property
    def bits(self) -> int:  # type: ignore[override]
        """One a dimension."""
        return self.dim

    def parts(self) -> dict[str, np.ndarray]:
        return super().parts() | {"thresholds": self.thresholds_}

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        super()._load_parts(parts)
        self.thresholds_ = parts["thresholds"]

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        super()._fit(vectors, seed)
        if self.threshold == "zero":
            self.thresholds_ = np.zeros(self.dim, np.float32)
        elif self.threshold == "mean":
            self.thresholds_, _ = robust_mean(vectors)
        else:
            self.thresholds_ = np.median(vectors, axis=0).astype(np.float32)

    def _values(self, vectors: np.ndarray) -> np.ndarray:
        return vectors - self.thresholds_

    def _query_values(self, queries: np.ndarray) -> np.ndarray:
        return queries - self.thresholds_ if self.metric is Metric.L2 else queries

    def _check_shape(self) -> None:
        super()._check_shape()
        if self.threshold not in THRESHOLDS:
            raise MethodError(f"threshold={self.threshold!r} is unknown; use one of {', '.join(THRESHOLDS)}")
        if self.threshold == "zero" and self.metric is Metric.L2:
            raise UnsupportedMetric("sign with threshold=zero does not support metric=l2; use threshold=mean or median")
