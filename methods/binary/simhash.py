"""SimHash: signs of random projections, whose Hamming distance estimates the angle."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from methods.base import Metric
from methods.binary._base import BinaryCodec
from methods.kind_losses import NO_LENGTHS
from methods.registry import register


@register("simhash")
class SimHash(BinaryCodec):
    """On which side of ``bits`` random hyperplanes through the origin a vector lies; any number of bits.

    Charikar 2002, section 3: two vectors at angle t disagree in a bit with probability t / pi, so the Hamming distance
    is an unbiased estimate of the angle. It knows no norms: Euclidean distance is not supported, and the inner product
    only as far as norms are equal.

    Parameters
    ----------
    dim, metric
        As for :class:`~methods.base.Codec`.
    bits : int
        Number of hyperplanes.
    orthogonal : bool
        Draw the normals in orthogonal groups of ``dim`` (Ji et al. 2012, "Super-bit locality-sensitive hashing"):
        still unbiased, with less variance.
    scoring : {"hamming", "asymmetric"}
        See :mod:`methods.binary._base`.
    """

    summary = "signs of random projections, any number of bits"
    source = "Charikar, Similarity estimation techniques from rounding algorithms, STOC 2002"
    kind_exceptions: ClassVar[dict[str, str]] = {
        **NO_LENGTHS,
        "common direction": "all vectors that share a direction lie on one side of most planes through the origin; "
        "itq has its planes through the mean",
    }
    trains = False
    metrics = frozenset({Metric.IP, Metric.COSINE})

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        bits: int = 256,
        *,
        orthogonal: bool = False,
        scoring: str = "hamming",
    ) -> None:
        self.bits, self.orthogonal, self.scoring = bits, orthogonal, scoring
        super().__init__(dim, metric)

    def parts(self) -> dict[str, np.ndarray]:
        return {"normals": self.normals_}

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        self.normals_ = parts["normals"]

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        normals = np.random.default_rng(seed).standard_normal((self.dim, self.bits))
        if self.orthogonal:
            for start in range(0, self.bits, self.dim):
                group = normals[:, start : start + self.dim]
                group[:], _ = np.linalg.qr(group)
        self.normals_ = normals.astype(np.float32)

    def _values(self, vectors: np.ndarray) -> np.ndarray:
        return vectors @ self.normals_
