"""Two bytes for a vector's offset: what it has along the mean of all vectors beyond the mean itself.

Embeddings of most encoders share a direction. Under inner products a query's component along it is many times its
other components, so that an error of a code along that one direction decides an order (faiss #152, #284). So a vector
is split, ``x = mean + a u + r`` with ``u = mean / |mean|`` and r orthogonal to u, and a code holds the offset
``a`` in two bytes beside a code of r. Bytes divide the range that :func:`offset_range` learns evenly, high byte first,
so that an offset is the sum of what two tables say of its two bytes. Beside a short code one byte serves: its 256
offsets are densest around the median (:func:`offset_scale`). Functions tell the two by the length of ``bounds``.
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "OFFSET_BYTES",
    "fitted_bounds",
    "mean_direction",
    "mean_weights",
    "offset_bytes",
    "offset_range",
    "offset_scale",
    "offset_size",
    "offset_tables",
    "offsets_of",
    "split",
]

OFFSET_BYTES = 2
_SCALE = 3  # values of the bounds of an offset in one byte
_SHORT = 64  # bytes of a code below which one byte is spent on the offset
_TYPICAL = 68  # percent of offsets that are within the width of a scale
_RANGE_MARGIN = 1.5  # by which a scale exceeds what training's offsets reach
_STEPS = 65_535
_ROWS = 4096  # vectors split at a time in float64
_TAIL = 0.01  # share of the training's offsets at either end that may be outliers
_REACH = 8.0  # in widths between the tails: how far from the median an offset of training is no outlier
_MARGIN = 4.0  # in widths: how far other vectors may lie beyond those of training
_LEAST_REACH = 1e-4  # of the median: steps are then finer than float32 tells
_LEAST_WIDTH = 1e-33  # steps stay normal numbers of float32
_MOST = 1e38  # bounds stay within float32


def mean_direction(mean: np.ndarray) -> np.ndarray:
    """The direction (dim,) float32 of unit norm of ``mean`` (dim,); zeros where the mean is zero."""
    wide = np.asarray(mean, np.float64)
    norm = np.linalg.norm(wide)
    return (wide / norm if norm > 0 else np.zeros_like(wide)).astype(np.float32)


def mean_weights(mean: np.ndarray) -> np.ndarray:
    """``mean / <mean, mean>`` (dim,) float32, zeros where the mean is zero.

    A query's product with it is what a vector's product with the mean counts in the product of query and vector.
    """
    wide = mean.astype(np.float64)
    square = float(wide @ wide)
    return (wide / square if square > 0 else np.zeros_like(wide)).astype(np.float32)


def split(vectors: np.ndarray, mean: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``vectors`` (n, dim) as offsets ``a`` and rests ``r``: ``x = mean + a * direction + r``.

    Parameters
    ----------
    vectors : (n, dim) float32
    mean, direction : (dim,) float32
        The direction has unit norm (see :func:`mean_direction`) or is zero.

    Returns
    -------
    offsets : (n,) float64
    rests : (n, dim) float32
        Orthogonal to the direction. Computed in float64 a row at a time, so that a row's result depends on it alone.
    """
    along = direction.astype(np.float64)
    offsets, rests = np.empty(len(vectors)), np.empty(vectors.shape, np.float32)
    for at in range(0, len(vectors), _ROWS):
        block = vectors[at : at + _ROWS].astype(np.float64) - mean
        offsets[at : at + _ROWS] = np.einsum("ij,j->i", block, along)
        rests[at : at + _ROWS] = block - offsets[at : at + _ROWS, None] * along
    return offsets, rests


def fitted_bounds(offsets: np.ndarray, code_bytes: float) -> np.ndarray:
    """Bounds for the offsets (n,) of training in codes of so many bytes for levels and offset."""
    return offset_scale(offsets) if offset_size(code_bytes) == 1 else offset_range(offsets)


def offset_range(offsets: np.ndarray) -> np.ndarray:
    """The least and largest offset that bytes stand for, (2,) float32, from the offsets (n,) of training.

    With the width between the first and the 99th percentile as unit: all offsets of training up to 8 widths from the
    median, and 4 widths more on either side. (8 are 37 standard deviations of a normal distribution, and beyond the
    largest of a million lognormal lengths of sigma 0.7.) One vector a thousand times too long saturates, and costs the
    others none of their precision. The range is never empty, also where all offsets are equal.
    """
    ordered = np.sort(np.asarray(offsets, np.float64))
    if not len(ordered):
        return np.array([-1, 1], np.float32)
    last = len(ordered) - 1
    outside = int(np.ceil(_TAIL * last))  # at least one, so that a single outlier is always outside
    median = float(np.median(ordered))
    width = float(ordered[max(last - outside, 0)] - ordered[min(outside, last)])
    if width <= 0:  # a few vectors
        width = float(ordered[-1] - ordered[0])
    width = max(max(width, _LEAST_REACH * abs(median)) or 1.0, _LEAST_WIDTH)
    low = max(ordered[0], median - _REACH * width) - _MARGIN * width
    high = min(ordered[-1], median + _REACH * width) + _MARGIN * width
    return np.clip([low, high], -_MOST, _MOST).astype(np.float32)


def offset_size(code_bytes: float) -> int:
    """Bytes of an offset in a code of so many bytes for levels and offset: 1 below 64, else 2."""
    return 1 if code_bytes < _SHORT else OFFSET_BYTES


def offset_scale(offsets: np.ndarray) -> np.ndarray:
    """Bounds (3,) float32 of offsets in one byte, from those (n,) of training: ``middle``, ``width`` and ``reach``.

    ``offset = middle + width * sinh(t)``, and bytes divide t evenly from -reach to reach: steps are 0.02 widths around
    the median and grow outwards, so that an outlier costs the others little.
    """
    middle = float(np.median(offsets)) if len(offsets) else 0.0
    distances = np.abs(np.asarray(offsets, np.float64) - middle)
    largest = float(distances.max(initial=0))
    width = max(float(np.percentile(distances, _TYPICAL)) if len(offsets) else 0.0, 1e-6 * largest, _LEAST_WIDTH)
    reach = np.arcsinh(_RANGE_MARGIN * max(largest, width) / width)
    return np.array([middle, width, reach], np.float32)


def offset_bytes(offsets: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Bytes (n, size) uint8 of offsets (n,), saturating.

    Two, high byte first, that divide evenly what lies between ``bounds`` (2,) of :func:`offset_range`; one for bounds
    (3,) of :func:`offset_scale`.
    """
    if len(bounds) == _SCALE:
        middle, width, reach = (float(bound) for bound in bounds)
        place = np.arcsinh((np.asarray(offsets, np.float64) - middle) / width) / reach
        return np.rint(127.5 + np.clip(place, -1, 1) * 127.5).astype(np.uint8)[:, None]
    low, high = (float(bound) for bound in bounds)
    places = np.clip((np.asarray(offsets, np.float64) - low) / (high - low), 0, 1) * _STEPS
    return np.rint(places).astype(">u2")[:, None].view(np.uint8)


def offset_tables(bounds: np.ndarray) -> np.ndarray:
    """Tables (size, 256) float32 of what the bytes of an offset stand for; an offset is their sum."""
    if len(bounds) == _SCALE:
        middle, width, reach = (float(bound) for bound in bounds)
        return (middle + width * np.sinh((np.arange(256) / 127.5 - 1) * reach)).astype(np.float32)[None]
    low, high = (float(bound) for bound in bounds)
    step = (high - low) / _STEPS
    values = np.arange(256)
    return np.stack([low + 256 * step * values, step * values]).astype(np.float32)


def offsets_of(codes: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Offsets (n,) float32 of their bytes (n, size) uint8."""
    tables = offset_tables(bounds)
    return sum((table[codes[:, byte]] for byte, table in enumerate(tables)), np.zeros(len(codes), np.float32))
