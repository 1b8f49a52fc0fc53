"""Grid codecs that keep leading principal axes, with equal bits for all of them: how many axes, at how many bits."""

from __future__ import annotations

from typing import ClassVar

import faiss
import numpy as np

from methods.base import Metric
from methods.encoding.gaussian_levels import distortions
from methods.faiss_tools import faiss_metric
from methods.fitting.overlap import average_overlap
from methods.fitting.principal_axes import principal_axes
from methods.kernels.encoding.grid import OFFSET_BYTES
from methods.kernels.simd.unpack_symbols import GROUP
from methods.parameters import check_integer
from methods.transform._grid.codec import GridCodec
from methods.transform._grid.quantizer import MOST_BITS, Plan
from methods.vectors import random_rotation

__all__ = ["LeadingAxesCodec"]

_TRIED = 3  # numbers of bits that are tried on held-out training vectors
_QUERIES, _BASE, _NEIGHBORS = 500, 8000, 10
_LEAST = 200  # training vectors below which nothing can be held out


class LeadingAxesCodec(GridCodec):
    """Leading principal axes under one rotation, each with ``bits`` bits; as many axes as fit.

    Parameters
    ----------
    dim, metric, code_bytes
        See :class:`~methods.transform._grid.codec.GridCodec`.
    bits : int or None
        Of an axis, 1 to 8. None: of the three numbers that leave least of the training vectors' variance, the one
        under which held-out training vectors find most of their neighbors.
    """

    tries: ClassVar[int] = 16

    def __init__(self, dim: int, metric: Metric = Metric.IP, code_bytes: int = 4, *, bits: int | None = None) -> None:
        self.bits = bits
        super().__init__(dim, metric, code_bytes)

    def _rotation(self, centered: np.ndarray, norms: np.ndarray, bits: int, seed: int) -> np.ndarray:
        """The rotation (width, width) float32 of the axes.

        Parameters
        ----------
        centered : (n, width) float32
            Training vectors along the axes.
        norms : (n,) float32
            Of the whole centered vectors.
        """
        return random_rotation(centered.shape[1], seed)

    def _plain(self, bits: int) -> LeadingAxesCodec:
        """The same codec with its bits given, and without what takes long to learn."""
        return type(self)(**{**self.params(), "bits": bits})

    def _plan(self, vectors: np.ndarray, seed: int) -> Plan:
        mean, axes, variances = principal_axes(vectors, self.dim)
        bits = self.bits or self._choose_bits(vectors, variances, seed)
        width = self._width(bits)
        part = np.zeros((self.dim, width), np.float32)
        part[:, : self.dim] = axes[:, :width]
        centered = vectors - mean
        rotation = self._rotation(centered @ part, np.linalg.norm(centered, axis=1), bits, seed)
        return Plan(mean, (part @ rotation).astype(np.float32), np.array([width]), np.array([bits]))

    def _width(self, bits: int) -> int:
        """Axes that fit at so many bits each, a multiple of 8; the last ones may be filled up."""
        return GROUP * min((self.code_bytes - OFFSET_BYTES - 1) // bits, -(-self.dim // GROUP))

    def _choose_bits(self, vectors: np.ndarray, variances: np.ndarray, seed: int) -> int:
        """What a number of bits leaves: the variance of dropped axes, and of the others what the best levels leave."""
        most = min(MOST_BITS, self.code_bytes - OFFSET_BYTES - 1)
        kept = np.concatenate([[0.0], np.cumsum(variances, dtype=np.float64)])
        inside = {bits: kept[min(self._width(bits), self.dim)] for bits in range(1, most + 1)}
        left = {bits: kept[-1] - share * (1 - distortions()[bits]) for bits, share in inside.items()}
        tried = sorted(left, key=lambda bits: (left[bits], bits))[:_TRIED]
        if len(vectors) < _LEAST or len(tried) == 1:
            return tried[0]
        order = np.random.default_rng(seed).permutation(len(vectors))
        count = min(_QUERIES, len(vectors) // 10)
        queries, base = vectors[order[:count]], vectors[order[count : count + _BASE]]
        truth = faiss.knn(queries, base, _NEIGHBORS, metric=faiss_metric(self.metric.inner))[1]
        return max(tried, key=lambda bits: self._recall(self._plain(bits), queries, base, truth, seed))

    @staticmethod
    def _recall(codec: LeadingAxesCodec, queries: np.ndarray, base: np.ndarray, truth: np.ndarray, seed: int) -> float:
        codec.fit(base, seed)
        ids = codec.searcher(codec.encode(base)).search(queries, _NEIGHBORS)[1]
        return average_overlap(truth, ids)

    def _check_shape(self) -> None:
        super()._check_shape()
        if self.bits is not None:
            self.bits = check_integer("bits", self.bits, 1, min(MOST_BITS, self.code_bytes - OFFSET_BYTES - 1))
