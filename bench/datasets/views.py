"""Data sets that are another's vectors by another metric or in a cone: named, but neither built nor stored twice."""

from __future__ import annotations

from dataclasses import dataclass

from methods import Metric


@dataclass(frozen=True)
class View:
    """What a view shows.

    Attributes
    ----------
    of : str
        The data set whose folder it reads; building the view builds that.
    metric : Metric or None
        Its own metric, used unless another is requested; None: that of ``of``.
    cone : float or None
        Its own ``cone`` (:mod:`bench.datasets.cone`), used unless another is requested.
    """

    of: str
    metric: Metric | None = None
    cone: float | None = None


VIEWS = {
    "glove-100-ip": View("glove-100", metric=Metric.IP),
    "squad-sentences-cone": View("squad-sentences", cone=0.75),
}
