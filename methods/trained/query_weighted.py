"""``query_weighted`` and ``base_weighted``: any codec on axes weighted by a second moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from methods.base import Metric
from methods.queries import TrainingQueries
from methods.registry import register
from methods.trained._all_dimensions import AllDimensions
from methods.trained._weighting import Weighting, check_ridge, choose_ridge

_HELD_OUT = 0.1  # of what a second moment is learned from, where nothing is for validation


class _Weighted(AllDimensions):
    """A codec of ``A x``, searched with ``A^(-1) q`` (:class:`~methods.trained._weighting.Weighting`)."""

    source = "after Tepper et al., TMLR 2024, section 2.2"
    check_params: ClassVar[dict[str, Any]] = {"codec": "transform_coding", "ridge": 0.8}

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        out_dim: int | None = None,
        codec: str = "trellis",
        codec_params: Mapping[str, Any] | None = None,
        *,
        ridge: float | None = None,
    ) -> None:
        self.ridge = check_ridge(ridge)
        super().__init__(dim, metric, out_dim, codec, codec_params)

    def _new_transform(self) -> Weighting:
        return Weighting(self.dim)

    def _fit_weighted(
        self, vectors: np.ndarray, searched: np.ndarray, learned: np.ndarray, judged: np.ndarray, seed: int
    ) -> None:
        """As :func:`~methods.trained._weighting.choose_ridge` takes them, with what it searches apart."""
        chosen = self.ridge
        if chosen is None:
            chosen = choose_ridge(self._new_codec(), searched, learned, judged, seed)
        self.transform_ = Weighting(self.dim, chosen).fit(learned)
        self.codec_ = self._new_codec().fit(self.transform_.transform(vectors), seed)


def _split(vectors: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Vectors to learn from, and a tenth to judge by: none where there are fewer than ten."""
    count = int(_HELD_OUT * len(vectors))
    order = np.random.default_rng(seed).permutation(len(vectors))
    return vectors[np.sort(order[count:])], vectors[np.sort(order[:count])]


@register("query_weighted")
class QueryWeighted(_Weighted):
    """A codec whose squared error counts as much as training queries see of it.

    Parameters
    ----------
    dim, metric, out_dim, codec_params
        As for :class:`~methods.compose.transformed.TransformedCodec`; ``ip`` or ``cosine``.
    codec : str
        The codec behind the map, most of all ``trellis``, ``rq_trellis`` and ``transform_coding``.
    ridge : float or None
        Share of the identity in the weights, above 0 and up to 1, where nothing is weighted; None: with which
        validation queries find most true neighbors in a sample of the training vectors.
    """

    uses_queries = True
    summary = "any codec on axes weighted by what training queries look at"
    version = "2"
    reads_versions = frozenset({"1"})

    def _fit_to_queries(self, vectors: np.ndarray, queries: TrainingQueries, seed: int) -> None:
        learned, judged = queries.vectors[queries.learned], queries.vectors[queries.validation]
        if not len(judged):
            learned, judged = _split(learned, seed)
        self._fit_weighted(vectors, vectors, learned, judged, seed)


@register("base_weighted")
class BaseWeighted(_Weighted):
    """As ``query_weighted``, with training vectors instead of queries: what is left of it where there is no log.

    Parameters
    ----------
    dim, metric, out_dim, codec_params
        As for :class:`~methods.compose.transformed.TransformedCodec`; ``ip`` or ``cosine``.
    codec : str
        The codec behind the map.
    ridge : float or None
        Share of the identity in the weights, above 0 and up to 1; None: with which training vectors that are left out
        of the second moment find most of their neighbors.
    """

    summary = "any codec on axes weighted by the base's own second moment"
    version = "3"
    reads_versions = frozenset({"1", "2"})
    kind_exceptions: ClassVar[dict[str, str]] = {
        "average cosine .75": "what all vectors share weighs most, and its bits tell none apart",
    }

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        learned, judged = _split(vectors, seed)
        self._fit_weighted(vectors, learned, learned, judged, seed)  # searched without them: none is its own neighbor
