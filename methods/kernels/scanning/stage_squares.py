"""Half of the squared length of centroids plus levels, ``|c + f h|^2 / 2 = |c|^2 / 2 + f <c, h> + f^2 |h|^2 / 2``.

A scan by distance adds up ``|h|^2`` from levels as it unpacks them, and looks ``|c|^2`` up. ``<c, h>`` it cannot know
without decoding: a code holds ``<c, h> / |c|``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numba import njit

from methods.kernels.errors import KernelError
from methods.kernels.simd.planar_tile import BLOCK

__all__ = ["StageSquares", "add_stage_squares"]

_BYTE = 256


@dataclass(frozen=True)
class StageSquares:
    """What a scan needs to know of centroids, which are sums of one of each stage.

    Attributes
    ----------
    halves : (stages, 256) float32
        Half of the squared length of each.
    pairs : (stages * (stages - 1) / 2, 256, 256) float32
        Products of those of two stages: of the first and the second, the first and the third, and so on.
    products : (bytes, 256) float32
        What each of one or two bytes says of ``<c, h> / |c|``, which is their sum.
    """

    halves: np.ndarray
    pairs: np.ndarray
    products: np.ndarray

    def __post_init__(self) -> None:
        stages = len(self.halves)
        pairs, product_bytes = stages * (stages - 1) // 2, len(self.products)
        wanted = {"halves": (stages, _BYTE), "pairs": (pairs, _BYTE, _BYTE), "products": (product_bytes, _BYTE)}
        for name, shape in wanted.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype != np.float32:
                raise KernelError(f"{name} must be float32 of shape {shape}, not {array.dtype} of {array.shape}")

    @classmethod
    def of(cls, codebooks: np.ndarray, products: np.ndarray) -> Self:
        """For codebooks (stages, at most 256, dim) float32 and ``products`` (bytes, 256) float32."""
        stages, used, dim = codebooks.shape
        filled = np.zeros((stages, _BYTE, dim), np.float32)
        filled[:, :used] = codebooks
        pairs = [filled[a] @ filled[b].T for a in range(stages) for b in range(a + 1, stages)]
        return cls(
            np.einsum("scd,scd->sc", filled, filled) / 2,
            np.array(pairs, np.float32).reshape(-1, _BYTE, _BYTE),
            products,
        )


@njit(cache=True, nogil=True)
def add_stage_squares(
    stages: np.ndarray,
    halves: np.ndarray,
    pairs: np.ndarray,
    products: np.ndarray,
    stored: np.ndarray,
    scale: np.ndarray,
    out: np.ndarray,
) -> None:
    """Add ``|c|^2 / 2 + f <c, h>`` to ``out`` (64,).

    Parameters
    ----------
    stages : (>= 64 * stages,) uint8
        Of a block, stage by stage.
    halves, pairs, products
        See :class:`StageSquares`.
    stored : (>= 64 * bytes,) uint8
        The documents' bytes of ``products``, byte by byte.
    scale : (64,) float32
        Factors f.
    """
    count, bytes_each = len(halves), len(products)
    for doc in range(BLOCK):
        half, pair = np.float32(0), 0
        for stage in range(count):
            centroid = stages[stage * BLOCK + doc]
            half += halves[stage, centroid]
            for other in range(stage + 1, count):
                half += pairs[pair, centroid, stages[other * BLOCK + doc]]
                pair += 1
        half, product = max(half, np.float32(0)), np.float32(0)
        for byte in range(bytes_each):
            product += products[byte, stored[byte * BLOCK + doc]]
        out[doc] += half + scale[doc] * np.sqrt(np.float32(2) * half) * product
