"""ASH: a learned projection to fewer dimensions, with more bits for each of them.

"ASH: Asymmetric scalar hashing with learned dimensionality reduction for high-fidelity vector quantization", arXiv
2606.07870 (2026).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from methods.base import Metric
from methods.fitting.procrustes import nearest_rotation
from methods.kernels.encoding.grid import OFFSET_BYTES, decode_grid, encode_grid
from methods.kernels.simd.unpack_symbols import GROUP
from methods.parameters import check_integer
from methods.registry import register
from methods.transform._grid.leading import LeadingAxesCodec
from methods.vectors import normalized, random_rotation

_SAMPLE = 8192  # training vectors for the rotation


@register("ash")
class ASH(LeadingAxesCodec):
    """Levels along projected dimensions, learned so that unit vectors keep most of their products with their codes.

    Vectors are centered and scaled to unit norm. The projection is principal axes times a rotation, learned as
    in iterative quantization, by alternating two steps: round the projected training vectors to the nearest direction
    of the grid, then take the rotation that brings them nearest to it (Procrustes). Estimates are
    ``|y| <Wq, h> / |h| + <q, mean> + offset``, and the offset makes the part along the mean exact.

    The mean is the only landmark (the paper: up to 64). Scale and offset take 3 bytes where published programs keep 6
    to 9. Made after the paper's abstract and two published programs (JVector, Elasticsearch); the paper's own text
    and figures were not available, so that none of its figures is compared here.

    Parameters
    ----------
    dim, metric, code_bytes, bits
        See :class:`~methods.transform._grid.leading.LeadingAxesCodec`.
    iterations : int
        Of learning the rotation; 0: a random one.
    """

    family = "transform"
    summary = "learned projection to fewer dimensions, codes nearest in direction, scale and offset"
    source = "ASH, arXiv 2606.07870"
    rule = "renormalized"
    check_params = {"iterations": 4}  # noqa: RUF012

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        code_bytes: int = 4,
        *,
        iterations: int = 25,
        **leading: Any,
    ) -> None:
        self.iterations = check_integer("iterations", iterations, 0, 10_000)
        super().__init__(dim, metric, code_bytes, **leading)

    def _plain(self, bits: int) -> ASH:
        return type(self)(**{**self.params(), "bits": bits, "iterations": 0})

    def _rotation(self, centered: np.ndarray, norms: np.ndarray, bits: int, seed: int) -> np.ndarray:
        width = centered.shape[1]
        sample = np.random.default_rng(seed).permutation(len(centered))[:_SAMPLE]
        inverse = np.divide(1, norms[sample], out=np.zeros(len(sample), np.float32), where=norms[sample] > 0)
        directions, rotation = centered[sample] * inverse[:, None], random_rotation(width, seed)
        ends, widths = np.array([width]), np.array([bits])
        symbols = np.empty((len(sample), width // GROUP * bits), np.uint8)
        products, levels = np.empty((len(sample), 1, 3)), np.empty_like(directions)
        header, unit_factors = np.zeros((len(sample), OFFSET_BYTES + 1), np.uint8), np.ones((1, 256), np.float32)
        for _ in range(self.iterations):
            encode_grid(directions @ rotation, ends, widths, self.tries, self.rounds, symbols, products)
            decode_grid(np.concatenate([header, symbols], axis=1), ends, widths, unit_factors, levels)
            rotation = nearest_rotation(directions.T @ normalized(levels))
        return rotation
