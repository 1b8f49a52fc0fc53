"""Names that other tools give to our three metrics: in files of theirs, and where a user writes one down."""

from __future__ import annotations

import re

from bench.datasets.base import DatasetError
from methods import Metric

__all__ = ["known_metric", "parse_metric"]

# As the names are when only letters and digits are left, in lower case, without the words of _ASIDE around them.
_NAMES = {
    Metric.IP: (
        *("ip", "inner", "innerproduct", "innerprod", "dot", "dotproduct", "dotprod", "scalarproduct", "mips"),
        *("maxinnerproduct", "maximuminnerproduct", "negdotprod", "negativedot", "negativedotproduct"),
        *("negativeinnerproduct", "neginnerproduct"),
    ),
    Metric.COSINE: (  # "normalized" is VIBE's name for the cosine of vectors of unit length
        *("cosine", "cos", "cosinesimil", "angular", "angle", "normalized", "normalised", "normalizedcosine"),
        *("prenormalizedangular", "dotnormalized", "normalizeddot", "normalizedangular"),
    ),
    Metric.L2: (
        *("l2", "l2norm", "l2squared", "l2sq", "l2sqr", "squaredl2", "sql2", "euclidean", "euclid", "eucl"),
        *("squaredeuclidean", "sqeuclidean", "euclideansquared", "euclideansq"),
    ),
}
_BY_NAME = {name: metric for metric, names in _NAMES.items() for name in names}
_ASIDE = re.compile(r"^(?:metric|vector|distance|space)|(?:distance|dist|similarity|metric|ops|space)$")


def known_metric(name: str) -> Metric | None:
    """The metric that ``name`` stands for, whatever its case and punctuation; None if it is none of ours."""
    letters = re.sub(r"[^a-z0-9]", "", name.lower())
    while letters not in _BY_NAME and (shorter := _ASIDE.sub("", letters)) != letters:
        letters = shorter
    return _BY_NAME.get(letters)


def parse_metric(name: str) -> Metric:
    """As :func:`known_metric`; :class:`DatasetError` with what is known if it is none of ours."""
    metric = known_metric(str(name))
    if metric is None:
        raise DatasetError(
            f"metric={name!r} is unknown; use one of ip, cosine, l2 (also dot, inner_product, angular, normalized, "
            "euclidean, sqeuclidean and the like)"
        )
    return metric
