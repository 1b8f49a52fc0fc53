"""NVQ: scalar levels bent by a nonlinearity that is learned for each vector.

Tepper, Willke, "Individualized non-uniform quantization for vector search", arXiv 2509.18471 (2025): non-uniform vector
quantization with the logistic nonlinearity.
"""

from __future__ import annotations

import functools
from typing import Any, ClassVar

import numpy as np

from methods.base import Codec, Metric, Searcher, largest_fit
from methods.kernels.encoding.nonuniform import (
    HEADER_BYTES,
    cell_starts,
    decode_nonuniform,
    encode_nonuniform,
    scan_nonuniform,
)
from methods.kernels.scanning.ranged import Visits
from methods.kernels.simd.unpack_symbols import GROUP
from methods.kind_losses import OFFSET_KEEPS_IT, along_mean
from methods.parameters import check_integer
from methods.registry import register
from methods.scalar._interval import HALF_MAX, ScanningSearcher, center_and_scale
from methods.search.visiting import arrays

_RATES = np.linspace(0, 20, 32)  # growth rates over the range between the bounds
_MIDPOINTS = np.linspace(0.325, 0.675, 8, dtype=np.float32)  # where levels are nearest to each other, of that range
_FEWEST_BITS, _MOST_BITS = 2, 8
_SUBVECTORS = (1, 2, 4, 8)


@functools.cache
def level_sets(bits: int) -> np.ndarray:
    """Levels (256, 2^bits) float32 within 0..1: even steps of a logistic function, for 32 rates and 8 midpoints.

    With L the logistic function of rate a and midpoint m, level s is where L has gone the share ``s / (2^bits - 1)`` of
    its way from L(0) to L(1). Rate 0 gives even levels.
    """
    shares = np.arange(2**bits) / (2**bits - 1)
    sets = []
    for rate in _RATES:
        for midpoint in _MIDPOINTS.astype(np.float64):
            if rate == 0:
                sets.append(shares)
                continue
            low, high = (1 / (1 + np.exp(-rate * (end - midpoint))) for end in (0.0, 1.0))
            reached = low + shares * (high - low)
            sets.append(midpoint + np.log(reached / (1 - reached)) / rate)
    return np.clip(np.array(sets), 0, 1).astype(np.float32)


@functools.cache
def _thresholds(bits: int) -> tuple[np.ndarray, np.ndarray]:
    """What the encoder finds the nearest levels by: starts (256, CELLS) uint8 and thresholds (256, 2^bits) float32."""
    levels = level_sets(bits)
    ends = np.full(levels.shape, np.inf, np.float32)
    ends[:, :-1] = (levels[:, 1:] + levels[:, :-1]) / 2
    return cell_starts(ends), ends


@register("nvq")
class NVQ(Codec):
    """Levels between the least and the greatest value of each centered subvector, crowded around a learned midpoint.

    The two parameters of the logistic function, growth rate and midpoint, are those of least squared error among 32 x
    8 pairs: of every fourth rate first, then of those around the best, coarse to fine as in JVector. The paper searches
    real numbers by an evolution strategy; on a grid the pair takes one byte, and the two bounds, as float16, four.
    Values take the nearest level, where the paper rounds after the nonlinearity.

    The paper is about 4 and 8 bits, the regime of high fidelity; with fewer than 2 bits there is no code. Its figures
    are of data sets that are not available here; its claim, less error than uniform levels at every width, is tested.

    Parameters
    ----------
    dim, metric
        As for :class:`~methods.base.Codec`.
    bits : int
        Of a dimension, 2 to 8.
    subvectors : int
        With bounds and levels of their own; multiples of eight dimensions, of almost equal length.
    """

    family = "scalar"
    summary = "levels between each centered vector's own bounds, bent by a logistic function learned for it"
    source = "Tepper & Willke, arXiv 2509.18471"
    trains = False
    offers_center = True
    kind_exceptions: ClassVar[dict[str, str]] = along_mean(OFFSET_KEEPS_IT)

    def __init__(self, dim: int, metric: Metric = Metric.IP, bits: int = 8, subvectors: int = 1) -> None:
        super().__init__(dim, metric)
        self.bits = check_integer("bits", bits, _FEWEST_BITS, _MOST_BITS)
        self.subvectors = check_integer("subvectors", subvectors, 1, -(-dim // GROUP))
        cuts = np.linspace(0, -(-dim // GROUP), self.subvectors + 1).astype(np.int64)[1:] * GROUP
        self._ends = np.minimum(cuts, dim)

    @classmethod
    def _sized(
        cls, dim: int, code_bytes: int, metric: Metric, *, bits: int | None = None, subvectors: int | None = None
    ) -> dict[str, Any]:
        """The most ``bits`` that fit, or the given ones, and then the most of 1, 2, 4 and 8 ``subvectors``."""
        choices = range(_FEWEST_BITS, _MOST_BITS + 1) if bits is None else (bits,)
        cuts = [m for m in _SUBVECTORS if m <= -(-dim // GROUP)] if subvectors is None else [subvectors]
        best = largest_fit("nvq", code_bytes, {each: cls(dim, metric, each, cuts[0]).code_size for each in choices})
        sizes = {m: cls(dim, metric, best, m).code_size for m in cuts}
        return {"bits": best, "subvectors": largest_fit("nvq", code_bytes, sizes)}

    @property
    def code_size(self) -> int:
        return HEADER_BYTES * self.subvectors + self.bits * -(-self.dim // GROUP)

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        self.mean_, self.scale_ = center_and_scale(vectors)

    def parts(self) -> dict[str, np.ndarray]:
        """``mean`` (dim,), and ``scale`` (1,), of which bounds are multiples."""
        return {"mean": self.mean_, "scale": np.array([self.scale_], np.float32)}

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        self.mean_, self.scale_ = parts["mean"], float(parts["scale"][0])

    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        centered = vectors - self.mean_
        pieces = np.split(centered, self._ends[:-1], axis=1)
        bounds = np.stack([np.stack([piece.min(axis=1), piece.max(axis=1)], axis=1) for piece in pieces], axis=1)
        stored = np.clip(bounds / np.float32(self.scale_), -HALF_MAX, HALF_MAX).astype(np.float16)
        sets = np.empty((len(vectors), self.subvectors), np.uint8)
        symbols = np.empty((len(vectors), self.code_size - HEADER_BYTES * self.subvectors), np.uint8)
        decoded = stored.astype(np.float32) * np.float32(self.scale_)
        tables = (*_thresholds(self.bits), level_sets(self.bits))
        encode_nonuniform(centered, self._ends, decoded, len(_MIDPOINTS), self.bits, *tables, sets, symbols)
        headers = np.concatenate([stored.view(np.uint8), sets[:, :, None]], axis=2)
        return np.concatenate([headers.reshape(len(vectors), -1), symbols], axis=1)

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        rows = np.empty((len(codes), self.dim), np.float32)
        decode_nonuniform(codes, self._ends, self.bits, self.scale_, level_sets(self.bits), rows)
        return rows + self.mean_

    def _searcher(self, codes: np.ndarray) -> Searcher:
        return NonuniformSearcher(self, codes)


class NonuniformSearcher(ScanningSearcher):
    """Scans codes in place; a query pays for the mean once."""

    codec: NVQ

    def _scan(self, queries: np.ndarray, l2: bool, visits: Visits, keys: np.ndarray, ids: np.ndarray) -> None:
        codec = self.codec
        queries = queries - codec.mean_ if l2 else queries
        levels = (codec.scale_, level_sets(codec.bits))
        scan_nonuniform(self.codes, codec._ends, codec.bits, *levels, queries, l2, arrays(visits), keys, ids)

    def _offsets(self, queries: np.ndarray) -> np.ndarray:
        return queries @ self.codec.mean_
