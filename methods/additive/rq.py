"""RQ: residual quantization with beam search. Chen, Guan, Wang 2010, Sensors; Babenko & Lempitsky 2014, CVPR."""

from __future__ import annotations

from typing import Any, ClassVar

import faiss
import numpy as np

from methods.additive._base import AdditiveCodec
from methods.base import Metric, largest_fit
from methods.faiss_tools import training_sample
from methods.fitting.residual import residual_encoder, train_residual
from methods.parameters import check_integer
from methods.registry import register


@register("rq")
class RQ(AdditiveCodec):
    """Each codebook is learned on the residuals of the codebooks before it; codes are found by beam search.

    Time to train and to encode grows with the number of codebooks times the dimension, memory for the tables of the
    beam search with the square of that number (134 MB for 32). ``max_codebooks`` bounds it, so that large budgets are
    not used whole; ``prq`` uses them.

    Parameters
    ----------
    dim, metric, codebooks, renormalize
        See :class:`~methods.additive._base.AdditiveCodec`.
    beam_size : int
        Partial codes kept from one codebook to the next, in training and encoding.
    iterations : int
        k-means iterations for each codebook, at each of ``dim_steps``.
    dim_steps : int
        Numbers of dimensions, up to all of them, with which k-means is run in turn
        (:func:`~methods.fitting.residual.train_residual`). 1: with all at once, from random vectors.
    max_training : int
        Training vectors used; of more, a sample. With 10,000 the codebooks overfit: with ``dim_steps=1``
        recall@10 at 64x on ``squad-sentences`` is .556 instead of .631.
    max_codebooks : int, of ``for_budget``
        Most codebooks, of a byte each: more take too long to train. What they leave of a budget stays unused.
    """

    summary = "residual quantization with beam search: a sum of centroids of M codebooks"
    source = "Chen et al. 2010 (faiss IndexResidualQuantizer)"
    version = "2"  # 1: k-means in all dimensions at once
    reads_versions = frozenset({"1"})
    check_params: ClassVar[dict[str, Any]] = {"max_codebooks": 8}

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        codebooks: int = 1,
        *,
        beam_size: int = 4,
        iterations: int = 10,
        dim_steps: int = 4,
        max_training: int = 65_536,
        **additive: Any,
    ) -> None:
        super().__init__(dim, metric, codebooks, **additive)
        self.beam_size = check_integer("beam_size", beam_size, 1, 256)
        self.iterations = check_integer("iterations", iterations, 1, 10_000)
        self.dim_steps = check_integer("dim_steps", dim_steps, 1, 100)
        self.max_training = check_integer("max_training", max_training, 1, 2**31)

    @classmethod
    def _sized(cls, dim: int, code_bytes: int, metric: Metric, *, max_codebooks: int = 32) -> dict[str, Any]:
        """One codebook a byte, at most ``max_codebooks``; the rest of the budget stays unused."""
        largest_fit("rq", code_bytes, {1: 1})
        return {"codebooks": min(code_bytes, check_integer("max_codebooks", max_codebooks, 1, 256))}

    def _learn(self, vectors: np.ndarray, seed: int) -> np.ndarray:
        sample = training_sample(vectors, 256, max(256, self.max_training), seed)
        return train_residual(
            sample, self.codebooks, self.beam_size, self.iterations, seed, self.max_training, dim_steps=self.dim_steps
        )

    def _index_of(self, codebooks: np.ndarray) -> faiss.IndexResidualQuantizer:
        return residual_encoder(codebooks, self.beam_size)
