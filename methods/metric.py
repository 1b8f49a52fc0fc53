"""How two vectors are compared."""

from __future__ import annotations

from enum import StrEnum

from methods.errors import MethodError

__all__ = ["Metric"]


class Metric(StrEnum):
    """How two vectors are compared. ``l2`` scores are squared Euclidean distances, smaller is nearer."""

    IP = "ip"
    COSINE = "cosine"
    L2 = "l2"

    @classmethod
    def parse(cls, value: str) -> Metric:
        """``value`` as a metric, or a :class:`MethodError` that lists the three names."""
        try:
            return cls(value)
        except ValueError:
            raise MethodError(f"metric={value!r} is unknown; use one of ip, cosine, l2") from None

    @property
    def descending(self) -> bool:
        """True where a larger score is nearer (``ip``, ``cosine``)."""
        return self is not Metric.L2

    @property
    def inner(self) -> Metric:
        """The metric that a method's hooks see: cosine is the inner product of normalized vectors."""
        return Metric.IP if self is Metric.COSINE else self
