"""What codes still take when they lie on a disk: how many of a byte's 8 bits they use, and what zstd makes of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.measure.free_order import FreeOrder, free_order

MOST_CODES = 100_000
_MOST_BYTES = 8 << 20
_FEWEST_CODES = 1_024  # four for each value of a byte: with fewer, the correction is off by more than .02 bits
_LEVEL = 1  # Huffman's code, which is what helps here, is the same at all levels; higher ones look longer for repeats


@dataclass(frozen=True)
class CodesAtRest:
    """Of a sample of a run's codes.

    Attributes
    ----------
    codes : int
        Sampled.
    entropy : float
        Order-0 entropy of a byte of the code, in bits: the mean over the code's bytes, each with its own distribution
        over the codes (:func:`byte_entropy`). 8 is full: no compressor that codes each byte by itself makes it smaller.
    zstd_ratio : float
        Bytes of the codes over what zstd makes of them (:func:`zstd_size`); at least 1, since what does not shrink is
        stored as it is.
    order : FreeOrder or None
        Of all codes: what they take where the caller takes over an order. None where they lie in lists, links or
        shards, whose order is used already, and of earlier runs.
    """

    codes: int
    entropy: float
    zstd_ratio: float
    order: FreeOrder | None = None


def sampled_rows(n: int, code_size: int, seed: int) -> np.ndarray:
    """Rows, ascending, of the codes that are looked at: at most 100,000 of ``n``, and 8 MiB of them."""
    most = max(_FEWEST_CODES, min(MOST_CODES, _MOST_BYTES // max(1, code_size)))
    return np.arange(n) if n <= most else np.sort(np.random.default_rng(seed).choice(n, most, replace=False))


def codes_at_rest(codes: np.ndarray, all_codes: np.ndarray | None = None) -> CodesAtRest | None:
    """Entropy of sampled codes (n, code_size) uint8, what zstd makes of them, and what the order of all codes takes.

    None for fewer than 1,024 codes: so few do not show the distribution of 256 values.
    """
    if len(codes) < _FEWEST_CODES:
        return None
    order = None if all_codes is None else free_order(all_codes)
    return CodesAtRest(len(codes), byte_entropy(codes), max(1.0, codes.nbytes / zstd_size(codes)), order)


def byte_entropy(codes: np.ndarray) -> float:
    """Mean order-0 entropy of the columns of codes (n, code_size) uint8, in bits a byte: 0 to 8.

    A sample's own entropy is too low on average, by (values that occur - 1) / (2 n ln 2) bits: .18 for 1,000 codes that
    use all 256 values. That is added (Miller 1955, "Note on the bias of information estimates").
    """
    n, size = codes.shape
    total = 0.0
    for column in np.ascontiguousarray(codes.T):
        counts = np.bincount(column, minlength=256)
        shares = counts[counts > 0] / n
        entropy = -float(shares @ np.log2(shares))
        total += min(8.0, entropy + (len(shares) - 1) / (2 * n * np.log(2)))
    return float(total / size)


def zstd_size(values: np.ndarray) -> int:
    """Bytes that zstd makes of values (n, d): the smaller of the rows as they lie, and of their bytes by place.

    By place: the first byte of all values of the first dimension, then of the second, ...; then their second bytes. It
    is the byte shuffle of Blosc and HDF5 with a dimension's values side by side.
    """
    from pyarrow import Codec

    zstd = Codec("zstd", _LEVEL)
    by_place = values.view(np.uint8).reshape(*values.shape, values.itemsize).transpose(2, 1, 0)
    layouts = (np.ascontiguousarray(values), np.ascontiguousarray(by_place))
    return min(len(zstd.compress(layout.tobytes(), asbytes=True)) for layout in layouts)
