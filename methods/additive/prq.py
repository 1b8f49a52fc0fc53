"""PRQ: a product of residual quantizers, one for each subvector. Matsui et al. 2018, ITE Transactions, section 4."""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np

from methods.additive._base import AdditiveCodec
from methods.base import Metric, largest_fit
from methods.faiss_tools import set_vector, training_sample
from methods.fitting.residual import NO_NORM, configure, train_residual
from methods.parameters import check_integer
from methods.registry import register


@register("prq")
class PRQ(AdditiveCodec):
    """The vector is cut into subvectors, and each is residual-quantized: large budgets at a bounded cost.

    Parameters
    ----------
    dim, metric, codebooks, splits, renormalize
        See :class:`~methods.additive._base.AdditiveCodec`.
    beam_size : int
        Partial codes kept from one codebook to the next, in training and encoding.
    iterations : int
        k-means iterations for each codebook.
    max_training : int
        Training vectors used; more are sampled.
    """

    summary = "product of residual quantizers: two or more codebooks for each subvector"
    source = "Matsui et al. 2018 (faiss IndexProductResidualQuantizer)"

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        codebooks: int = 1,
        splits: int = 1,
        *,
        beam_size: int = 4,
        iterations: int = 10,
        max_training: int = 20_000,
        **additive: Any,
    ) -> None:
        super().__init__(dim, metric, codebooks, splits, **additive)
        self.beam_size = check_integer("beam_size", beam_size, 1, 256)
        self.iterations = check_integer("iterations", iterations, 1, 10_000)
        self.max_training = check_integer("max_training", max_training, 1, 2**31)

    @classmethod
    def _sized(cls, dim: int, code_bytes: int, metric: Metric, *, codebooks: int = 2) -> dict[str, Any]:
        """As many subvectors of ``codebooks`` bytes as ``code_bytes`` hold, at most one for each dimension.

        Two codebooks a subvector were as good as four on sentence embeddings and cost less. A budget below
        ``codebooks`` bytes is used by fewer codebooks over the whole vector; what does not divide by it stays unused.
        """
        largest_fit("prq", code_bytes, {1: 1})
        codebooks = min(code_bytes, check_integer("codebooks", codebooks, 1, 32))
        return {"codebooks": codebooks, "splits": min(dim, code_bytes // codebooks)}

    def _learn(self, vectors: np.ndarray, seed: int) -> np.ndarray:
        sample = training_sample(vectors, 256, max(256, self.max_training), seed)
        cut = sample.reshape(len(sample), self.splits, -1)
        learned = [
            train_residual(
                np.ascontiguousarray(cut[:, s]),
                self.codebooks,
                self.beam_size,
                self.iterations,
                seed,
                self.max_training,
            )
            for s in range(self.splits)
        ]
        return np.concatenate(learned)

    def _index_of(self, codebooks: np.ndarray) -> faiss.IndexProductResidualQuantizer:
        shape = self._subspaces.padded_dim, self.splits, self.codebooks, 8
        index = faiss.IndexProductResidualQuantizer(*shape, faiss.METRIC_INNER_PRODUCT, NO_NORM)  # type: ignore[call-arg]
        set_vector(index.prq.codebooks, codebooks)
        for s, part in enumerate(codebooks.reshape(self.splits, -1)):
            quantizer = faiss.downcast_AdditiveQuantizer(  # type: ignore[attr-defined]
                index.prq.subquantizer(s)
            )
            set_vector(quantizer.codebooks, part)
            configure(quantizer, self.beam_size)
        index.prq.is_trained = index.is_trained = True
        return index
