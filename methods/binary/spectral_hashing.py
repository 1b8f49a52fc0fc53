"""Spectral hashing: signs of the smoothest waves along the principal axes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from methods.base import Metric
from methods.binary._base import BinaryCodec
from methods.fitting.outliers import without_outliers
from methods.fitting.principal_axes import principal_axes
from methods.registry import register


@register("spectral_hashing")
class SpectralHashing(BinaryCodec):
    """Eigenfunctions of the Laplacian of a uniform distribution in a box around the data, thresholded at zero.

    Weiss, Torralba & Fergus 2008, "Spectral hashing", section 3.1: rotate to principal axes, take the box [low, high]
    of the training vectors, and of all waves ``sin(pi / 2 + m pi (x_i - low_i) / (high_i - low_i))``, m = 1, 2, ...,
    those with the smallest m / (high_i - low_i): long sides are cut several times, short ones perhaps never. Outliers
    do not stretch the box.

    Parameters
    ----------
    dim, metric
        As for :class:`~methods.base.Codec`.
    bits : int
        Number of waves; any.
    scoring : {"hamming", "asymmetric"}
        See :mod:`methods.binary._base`; asymmetric scoring multiplies the query's waves with the signs.
    """

    summary = "signs of waves along the principal axes"
    source = "Weiss, Torralba & Fergus, Spectral hashing, NIPS 2008"
    kind_exceptions: ClassVar[dict[str, str]] = {
        **dict.fromkeys(
            ("lengths vary, ip", "integers, ip"),
            "bits tell where a vector lies, and the nearest by products lie far out, where no query is",
        ),
        "lengths vary, l2": "long vectors stretch the box, and in its middle, where most lie, waves are too wide",
        "queries apart": "queries that lack the direction of the base lie outside the box of its vectors",
        "low rank": "long sides are cut into waves too short to mean nearness; fewer bytes find more",
    }
    check_exceptions: ClassVar[dict[str, str]] = {
        "recall_rises_with_bytes": "beyond a few bits a dimension further bits are waves too short to mean nearness",
    }

    def __init__(self, dim: int, metric: Metric = Metric.IP, bits: int = 64, *, scoring: str = "hamming") -> None:
        self.bits, self.scoring = bits, scoring
        super().__init__(dim, metric)

    def parts(self) -> dict[str, np.ndarray]:
        own = {"mean": self.mean_, "axes": self.axes_, "low": self.low_, "axis": self.axis_, "rate": self.rate_}
        return super().parts() | own

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        super()._load_parts(parts)
        for name in ("mean", "axes", "low", "axis", "rate"):
            setattr(self, f"{name}_", parts[name])

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        super()._fit(vectors, seed)
        self.mean_, axes, _ = principal_axes(vectors, min(self.bits, self.dim))
        values = (without_outliers(vectors) - self.mean_) @ axes
        low, side = values.min(axis=0), np.ptp(values, axis=0).astype(np.float64)
        side = np.maximum(side, 1e-6 * side.max() or 1.0)  # an axis without extent is never cut
        waves = np.arange(1, self.bits + 1)[:, None] / side  # (m, axis): half waves per unit
        chosen = np.argsort(waves, axis=None, kind="stable")[: self.bits]
        wave, axis = np.divmod(chosen, len(side))
        used, self.axis_ = np.unique(axis, return_inverse=True)
        self.axis_ = self.axis_.astype(np.int32)
        self.axes_, self.low_ = np.ascontiguousarray(axes[:, used]), low[used]
        self.rate_ = (np.pi * waves[wave, axis]).astype(np.float32)

    def _values(self, vectors: np.ndarray) -> np.ndarray:
        values = (vectors - self.mean_) @ self.axes_ - self.low_
        return np.cos(values[:, self.axis_] * self.rate_)
