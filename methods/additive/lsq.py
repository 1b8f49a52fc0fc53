"""LSQ: additive quantization by local search.

Martinez, Clement, Hoos, Little 2016, *Revisiting additive quantization*, ECCV; Martinez, Zakhmi, Hoos, Little 2018,
*LSQ++: lower running time and higher recall in multi-codebook quantization*, ECCV.
"""

from __future__ import annotations

from typing import Any, ClassVar

import faiss
import numpy as np

from methods.additive._base import AdditiveCodec
from methods.base import Metric, largest_fit
from methods.encoding.units import over
from methods.faiss_tools import training_sample
from methods.fitting.outliers import Spread
from methods.fitting.residual import residual_encoder, train_residual
from methods.kernels.fitting.lsq import local_search
from methods.kind_losses import OFFSET_KEEPS_IT
from methods.parameters import check_integer
from methods.registry import register

_HEAT = 0.2  # of the noise of SR-D: training starts from good codes, not from random ones
_SWEEPS = 4  # passes over the indices after each restart
_PERTURBED = 4  # indices that a restart overwrites
_RIDGE = 1e-2  # added to the counts of the normal equations (LSQ++, section 3.1)
_LONG_CENTER = 1.5  # times the typical distance from it: the ridge, which pulls to the origin, then costs recall
_BLOCK = 1024  # vectors whose unary terms are held at a time
_BEAM, _FIRST_ITERATIONS = 4, 10  # of the residual quantizer that training starts from


@register("lsq")
class LSQ(AdditiveCodec):
    """The sum of one centroid of each codebook, all learned together; codes are found by local search.

    faiss's own quantizer draws the restarts of its search for a whole batch, so that a code depends on what is encoded
    beside it, and starts from random codes. Here the restarts are the same for every vector, the search is a kernel of
    ours, and it starts from the code that a beam search finds with the same codebooks. The first codebooks are
    a residual quantizer's; later ones are solved for by least squares, with noise that decreases to nothing (LSQ++,
    SR-D, section 3.2).

    A training step costs the cube of the number of codebooks, and encoding its square: ``max_codebooks`` bounds them.

    Parameters
    ----------
    dim, metric, codebooks, renormalize
        See :class:`~methods.additive._base.AdditiveCodec`.
    max_codebooks : int, of ``for_budget``
        Most codebooks, of a byte each: more take too long to train. What they leave of a budget stays unused.
    iterations : int
        Training steps: codes given codebooks, then codebooks given codes.
    restarts : int
        Restarts of the search when encoding; half as many in training.
    max_training : int
        Training vectors used; more are sampled.
    """

    summary = "additive quantization: a sum of centroids, codes found by local search"
    source = "Martinez et al. 2016 and 2018 (searched by faiss)"
    kind_exceptions: ClassVar[dict[str, str]] = {"average cosine .75": OFFSET_KEEPS_IT}
    check_params: ClassVar[dict[str, Any]] = {"max_codebooks": 4, "iterations": 3}

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        codebooks: int = 1,
        *,
        iterations: int = 5,
        restarts: int = 8,
        max_training: int = 16_000,
        **additive: Any,
    ) -> None:
        super().__init__(dim, metric, codebooks, **additive)
        self.iterations = check_integer("iterations", iterations, 0, 10_000)
        self.restarts = check_integer("restarts", restarts, 0, 10_000)
        self.max_training = check_integer("max_training", max_training, 1, 2**31)

    @classmethod
    def _sized(cls, dim: int, code_bytes: int, metric: Metric, *, max_codebooks: int = 8) -> dict[str, Any]:
        """One codebook a byte, at most ``max_codebooks``; the rest of the budget stays unused."""
        largest_fit("lsq", code_bytes, {1: 1})
        return {"codebooks": min(code_bytes, check_integer("max_codebooks", max_codebooks, 1, 64))}

    def _learn(self, vectors: np.ndarray, seed: int) -> np.ndarray:
        sample = training_sample(vectors, 256, max(256, self.max_training), seed)
        codebooks = train_residual(sample, self.codebooks, _BEAM, _FIRST_ITERATIONS, seed, self.max_training)
        codes = self._index_of(codebooks).sa_encode(sample)
        rng = np.random.default_rng(seed)
        spread = Spread.of(sample)
        noise = spread.pulled(sample).std(axis=0) / self.codebooks
        center = _long_center(spread)
        for step in range(self.iterations):
            codebooks = self._solve(sample, codes, center)
            heat = np.sqrt(1 - (step + 1) / self.iterations)
            codebooks += np.float32(_HEAT * heat) * noise * rng.standard_normal(codebooks.shape, dtype=np.float32)
            codes = self._search_codes(sample, codes, codebooks, self.restarts // 2, seed + step)
        return self._solve(sample, codes, center) if self.iterations else codebooks

    def _solve(self, vectors: np.ndarray, codes: np.ndarray, center: np.ndarray | None = None) -> np.ndarray:
        """The codebooks (M, 256, dim) of least squared error given codes: ridge regression on their indicators.

        A ``center`` (dim,) is subtracted from the vectors first and added to the first codebook, where a residual
        quantizer has it too.
        """
        if center is not None:
            codebooks = self._solve(vectors - center, codes)
            codebooks[0] += center
            return codebooks
        m, k = self.codebooks, 256
        gram, right = np.zeros((m, k, m, k)), np.zeros((m * k, self.dim))
        for a in range(m):
            for b in range(a, m):
                pairs = np.bincount(codes[:, a].astype(np.int64) * k + codes[:, b], minlength=k * k).reshape(k, k)
                gram[a, :, b], gram[b, :, a] = pairs, pairs.T
            order = np.argsort(codes[:, a], kind="stable")
            present, first = np.unique(codes[order, a], return_index=True)
            right[a * k + present.astype(np.int64)] = np.add.reduceat(vectors[order].astype(np.float64), first, axis=0)
        normal = gram.reshape(m * k, m * k)
        normal[np.diag_indices(m * k)] += _RIDGE
        return np.linalg.solve(normal, right).reshape(m, k, self.dim).astype(np.float32)

    def _search_codes(
        self, vectors: np.ndarray, codes: np.ndarray, codebooks: np.ndarray, restarts: int, seed: int
    ) -> np.ndarray:
        """Better codes (n, M) uint8 for the same vectors."""
        m = self.codebooks
        rows = codebooks.reshape(m * 256, -1)
        binary = np.ascontiguousarray((2 * rows @ rows.T).reshape(m, 256, m, 256).transpose(0, 2, 1, 3))
        squares = (rows**2).sum(axis=1)
        rng = np.random.default_rng(seed)
        places = rng.integers(m, size=(restarts, min(_PERTURBED, m)))
        values = rng.integers(256, size=places.shape, dtype=np.uint8)
        codes = codes.copy()
        for start in range(0, len(vectors), _BLOCK):
            block = slice(start, start + _BLOCK)
            unary = (squares - 2 * vectors[block] @ rows.T).reshape(-1, m, 256)
            local_search(codes[block], unary, binary, places, values, _SWEEPS)
        return codes

    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        vectors, codebooks = over(self.unit_, vectors), over(self.unit_, self.codebooks_)
        return self._search_codes(vectors, self.index_.sa_encode(vectors), codebooks, self.restarts, 0)

    def _index_of(self, codebooks: np.ndarray) -> faiss.IndexResidualQuantizer:
        """A residual quantizer's index: decoding and scanning do not depend on how codes were found."""
        return residual_encoder(codebooks, _BEAM)


def _long_center(spread: Spread) -> np.ndarray | None:
    """The center of vectors, if far from the origin, to which the ridge would pull the centroids of few vectors."""
    return spread.center if np.linalg.norm(spread.center) > _LONG_CENTER * spread.typical else None
