"""``center=offset``: any codec on what vectors have beyond their mean and its direction (see
:mod:`methods.encoding.offset`).

Recall lost to a common direction is no property of a code: with this option, methods made for centered vectors are
compared fairly on vectors that share a direction.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, ClassVar, Self

import numpy as np

from methods.base import Codec, Metric, Searcher
from methods.encoding.offset import (
    OFFSET_BYTES,
    fitted_bounds,
    mean_direction,
    offset_bytes,
    offset_size,
    offsets_of,
    split,
)
from methods.errors import BudgetError, MethodError, NotInFaiss, UnsupportedMetric
from methods.fitting.principal_axes import robust_mean
from methods.kernels.scanning.block_best import BestScores
from methods.part_names import behind, under
from methods.search.decoding import CodeSpace, DecodingSearcher

__all__ = ["CENTERS", "CenteredCodec", "centered"]

CENTERS = ("offset",)
_VERSION = "1"  # to be raised where the same vectors get other offsets or rests; stands behind the method's version
_SCANNED_QUERIES = 8  # up to here the inner codec's own scan is faster than decoding: 1 to 12 times, for one query
_SAMPLE = 2000  # training vectors from which the scale follows
_LEAST_KEPT = 0.01  # of a rest's product with itself, below which a code tells nothing of it
_FOR_UNIT_NORM = {"renormalize": True, "store_norm": False}  # parameters that only vectors of unit norm can have


class CenteredCodec(Codec):
    """A code is the offset of a vector and the inner codec's code of the rest, which is orthogonal to u.

    With the mean ``m`` of the training vectors and ``u = m / |m|``, a vector is ``m + a u + r``, and a score is
    ``<q, m> + <q, u> a + s <q - <q, u> u, r>`` with what the code holds of a and r. It is linear in the query, so that
    no order depends on a query's length, and an error of the inner code along u counts for nothing.

    Decoded rests are shorter than rests. By themselves that changes no order, but beside offsets, which are exact, they
    would count too little among near neighbors. So the scale s makes products of rests with themselves unbiased:
    the inverse of the median of ``<r, decoded r> / |r|^2`` over training vectors.

    Parameters
    ----------
    dim, metric
        As for every codec; ``ip`` or ``cosine``. Distances do not depend on what all vectors have in common.
    center : {"offset"}
        Codes of what vectors have beyond their mean and its direction; what is along it takes a byte or two.
    **params
        Keywords of the inner codec's constructor.

    Notes
    -----
    :func:`centered` makes the class of a method. A few queries are answered by the inner codec's scan, which returns
    scores of all codes, if these are the scores of decoded vectors; otherwise, and for many queries, codes are decoded.
    """

    copies_codes = True
    inner: ClassVar[type[Codec]]
    estimator = True  # rests are scaled in scores, not where they are decoded

    mean_: np.ndarray
    direction_: np.ndarray
    bounds_: np.ndarray
    scale_: np.float32
    codec_: Codec

    def __init__(self, dim: int, metric: Metric = Metric.IP, center: str = "offset", **params: Any) -> None:
        super().__init__(dim, metric)
        self.center = _checked(center)
        for name, value in _FOR_UNIT_NORM.items():
            if params.get(name, not value) == value:
                raise MethodError(
                    f"{name}={str(value).lower()} is for vectors of unit norm, and with center=offset the rests that "
                    f"{self._label()} encodes are of any norm; leave one of the two out"
                )
        self._params = {"dim": dim, "metric": Metric.IP, **params}
        size = self._new_codec().code_size
        self._offset_size = _offset_size(size)
        self._code_size = self._offset_size + size

    @classmethod
    def for_budget(
        cls, dim: int, code_bytes: int, metric: Metric = Metric.IP, *, center: str = "offset", **params: Any
    ) -> Self:
        """A byte for the offset, two where a code has 64 or more, and what the inner method makes of the others."""
        _checked(center)
        _check_metric(metric)
        for size in range(1, OFFSET_BYTES + 1):
            try:
                inner = cls.inner.for_budget(dim, max(code_bytes - size, 0), Metric.IP, **params)
            except BudgetError as error:
                smallest = error.smallest + _offset_size(error.smallest)
                raise BudgetError(f"{cls.name} with center=offset", code_bytes, smallest) from None
            if inner.code_size + _offset_size(inner.code_size) <= code_bytes:
                break
        return cls(**{**inner.params(), "metric": metric, "center": center})

    def params(self) -> dict[str, Any]:
        return {**self._params, "metric": self.metric, "center": self.center}

    @property
    def code_size(self) -> int:
        return self._code_size

    def _new_codec(self) -> Codec:
        return self.inner(**self._params)

    # --- hooks -------------------------------------------------------------------------------------------------

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        self.mean_ = robust_mean(vectors)[0]
        self.direction_ = mean_direction(self.mean_)
        offsets, rests = split(vectors, self.mean_, self.direction_)
        self.codec_ = self._new_codec().fit(rests, seed)
        self.bounds_ = fitted_bounds(offsets, self.codec_.code_size + OFFSET_BYTES)
        order = np.random.default_rng(seed).permutation(len(rests))
        self.scale_ = self._unbiased_scale(rests[order[:_SAMPLE]])

    def _unbiased_scale(self, rests: np.ndarray) -> np.float32:
        """What makes a decoded rest's product with the rest, in the median, the squared norm of the rest."""
        exact, decoded = rests.astype(np.float64), self.codec_.decode(self.codec_.encode(rests))
        squares = (exact**2).sum(axis=1)
        products = (exact * decoded).sum(axis=1)
        kept = np.median(products[squares > 0] / squares[squares > 0]) if squares.any() else 1.0
        return np.float32(1 / kept if kept > _LEAST_KEPT else 1.0)

    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        offsets, rests = split(vectors, self.mean_, self.direction_)
        return np.hstack([offset_bytes(offsets, self.bounds_), self.codec_.encode(rests)])

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        offsets = offsets_of(codes, self.bounds_)
        rests = self.codec_.decode(np.ascontiguousarray(codes[:, self._offset_size :]))
        along = offsets - rests @ self.direction_
        return self.mean_ + rests + along[:, None] * self.direction_

    def _searcher(self, codes: np.ndarray) -> Searcher:
        return CenteredSearcher(self, codes)

    def to_faiss(self, codes: np.ndarray) -> Any:  # not _to_faiss: a class that has that one is listed as able
        """Refused: faiss has no offset beside a code."""
        raise NotInFaiss(f"{self._label()} has no index in faiss with center=offset; leave it out, or decode codes")

    def parts(self) -> dict[str, np.ndarray]:
        """``mean`` (dim,), ``bounds`` of offsets, ``scale`` (1,), and the inner codec's as ``codec.<name>``."""
        self._check_fitted()
        own = {"mean": self.mean_, "bounds": self.bounds_, "scale": np.array([self.scale_], np.float32)}
        return own | behind("codec.", self.codec_.parts())

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        self.mean_, self.bounds_, self.scale_ = parts["mean"], parts["bounds"], np.float32(parts["scale"][0])
        self.direction_ = mean_direction(self.mean_)
        self.codec_ = self.inner.from_parts(self._params, under("codec.", parts))

    def _check_shape(self) -> None:
        _check_metric(self.metric)
        super()._check_shape()


class CenteredSearcher(Searcher):
    """Scores of rests by the inner codec, and of offsets from their bytes; the mean's product is added last.

    Parameters
    ----------
    codec : CenteredCodec
        Fitted.
    codes : (n, code_size) uint8
        Kept in two pieces: what is offset, and what the inner codec made.
    """

    def __init__(self, codec: CenteredCodec, codes: np.ndarray) -> None:
        super().__init__(codec.dim, codec.metric, len(codes))
        self.codec, self._decoding = codec, _RestSearcher(codec, codes)
        scans = codec.codec_.scores_decoded
        self._scan = codec.codec_.searcher(self._decoding.codes) if scans else self._decoding
        self.padding = self._scan.padding

    @property
    def nbytes(self) -> int:
        return self._decoding.offsets.nbytes + self._scan.nbytes

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        along = queries @ self.codec.direction_
        across = (queries - along[:, None] * self.codec.direction_) * self.codec.scale_
        if self._scan is self._decoding or len(queries) > _SCANNED_QUERIES:
            scores, ids = self._decoding._search(np.column_stack([across, along]), k)
        else:
            scores, ids = self._by_scans(across, along, k)
        return scores + (queries @ self.codec.mean_)[:, None], ids

    def _by_scans(self, across: np.ndarray, along: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """As :meth:`_search`, by the inner codec's scores of all rests; one query at a time, to bound their memory.

        Scans see queries of one length, whatever these are: some round them, or compare with an absolute epsilon.
        """
        lengths = np.ldexp(np.float32(1), np.frexp(np.abs(across).max(axis=1))[1])  # powers of two scale exactly
        best, of_bytes = BestScores(len(along), k), offsets_of(self._decoding.offsets, self.codec.bounds_)
        scores, nothing = np.empty((1, self.size), np.float32), np.zeros(self.size, np.float32)
        for query in range(len(along)):
            products, ids = self._scan.search(across[query : query + 1] / lengths[query], self.size)
            scores[0, ids[0]] = products[0] * lengths[query]
            scores += along[query] * of_bytes
            best.add(scores, nothing, 0, query)
        return best.results()


class _RestSearcher(DecodingSearcher):
    """Compares ``(q - <q, u> u, <q, u>)`` with ``(r, a)``: without the mean, beside which float32 would lose both."""

    def __init__(self, codec: CenteredCodec, codes: np.ndarray) -> None:
        space = CodeSpace(codec.dim + 1, Metric.IP, codec.codec_._decode)
        super().__init__(space, np.ascontiguousarray(codes[:, codec._offset_size :]))
        self.offsets, self._bounds = np.ascontiguousarray(codes[:, : codec._offset_size]), codec.bounds_

    def _decoded(self) -> Iterator[tuple[int, np.ndarray]]:
        for start, rests in super()._decoded():
            offsets = offsets_of(self.offsets[start : start + len(rests)], self._bounds)
            yield start, np.column_stack([rests, offsets])


@functools.cache
def centered(method: type[Codec]) -> type[CenteredCodec]:
    """The class of ``method`` with ``center=offset``, which is called as the method is."""
    kept = ("name", "family", "summary", "source", "trains", "decodable", "requires", "check_params")
    own = {name: getattr(method, name) for name in kept}
    own |= {"inner": method, "metrics": method.metrics - {Metric.L2}, "version": f"{method.version}.{_VERSION}"}
    return type(f"Centered{method.__name__}", (CenteredCodec,), {**own, "__module__": __name__})


def _offset_size(code_size: int) -> int:
    """Bytes of an offset beside an inner code of so many."""
    return offset_size(code_size + OFFSET_BYTES)


def _checked(center: str) -> str:
    if center not in CENTERS:
        raise MethodError(f"center={center!r} is unknown; use {' or '.join(CENTERS)}, or null for none")
    return center


def _check_metric(metric: Metric) -> None:
    if Metric.parse(metric) is Metric.L2:
        raise UnsupportedMetric(
            "center=offset is for ip and cosine: under l2 what all vectors have in common changes no distance; "
            "use center=null"
        )
