"""Gradient descent on codebooks, by queries: batches of queries with the vectors among which they look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np

from methods.encoding.units import typical_length
from methods.fitting.nearest import nearest
from methods.vectors import normalized

__all__ = ["Recipe", "train_codebooks"]

_BATCH = 512  # queries
_WARM_UP = 0.1  # of the steps, in which the rate rises


@dataclass(frozen=True)
class Recipe:
    """As the parameters of :class:`~methods.product.distill_pq.DistillPQ`."""

    loss: str
    epochs: int
    rate: float
    temperature: float
    candidates: int


def train_codebooks(
    recipe: Recipe,
    codebooks: np.ndarray,
    vectors: np.ndarray,
    queries: np.ndarray,
    answers: np.ndarray | None,
    index_of: Callable[[np.ndarray], faiss.IndexPQ],
    seed: int,
) -> np.ndarray:
    """Codebooks (subspaces, centroids, width) float32 after training.

    Vectors are trained on in units of their typical length, and queries at length 1, so that the rate and the
    temperature mean the same whatever the scale.

    Parameters
    ----------
    codebooks : (subspaces, centroids, width) float32
        The start.
    vectors, queries : (n, padded dim), (nq, padded dim) float32
        Rotated and padded.
    answers : (nq,) int64 or None
        Rows of ``vectors``, -1 where unknown.
    index_of : Callable
        An index with given codebooks, which assigns vectors.
    """
    import torch

    # Steps are summed in one order whatever the machine, so that a seed gives the same codebooks.
    rng = np.random.default_rng(seed)
    unit = np.float32(typical_length(vectors))
    queries = normalized(queries)
    near = nearest(vectors, queries, recipe.candidates)
    used = np.arange(len(queries))
    positives = near[:, 0]
    if recipe.loss == "contrastive" and answers is not None:
        used, positives = np.flatnonzero(answers >= 0), np.maximum(answers, 0)
    books = torch.from_numpy(codebooks / unit).requires_grad_(True)
    optimizer = torch.optim.Adam([books], lr=recipe.rate)
    steps = max(1, recipe.epochs * -(-len(used) // _BATCH))
    done = 0
    for _ in range(recipe.epochs):
        codes = _assigned(index_of(books.detach().numpy() * unit), vectors, codebooks.shape)
        order = rng.permutation(used)
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            negatives = near[rows, rng.integers(near.shape[1], size=len(rows))]
            items = np.concatenate([positives[rows], negatives])
            for group in optimizer.param_groups:
                group["lr"] = recipe.rate * _share(done, steps)
            loss = _loss(recipe, books, torch.from_numpy(queries[rows]), vectors[items] / unit, codes[items], items)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            done += 1
    return np.ascontiguousarray(books.detach().numpy() * unit)


def _share(done: int, steps: int) -> float:
    """Of the rate: rising over the first tenth of the steps, then falling to none."""
    warm = max(1.0, _WARM_UP * steps)
    return min((done + 1) / warm, max(0.0, (steps - done) / max(1.0, steps - warm)))


def _assigned(index: faiss.IndexPQ, vectors: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Centroids (n, subspaces) int64 that vectors are nearest to."""
    subspaces, centroids, _ = shape
    packed = index.sa_encode(vectors)
    bits = centroids.bit_length() - 1
    if bits == 8:
        return packed.astype(np.int64)
    unpacked = np.unpackbits(packed, axis=1, bitorder="little")[:, : subspaces * bits]
    return unpacked.reshape(len(packed), subspaces, bits) @ (1 << np.arange(bits))


def _loss(recipe: Recipe, books: Any, queries: Any, exact: np.ndarray, codes: np.ndarray, items: np.ndarray) -> Any:
    """The mean over queries (b, d) whose own items are the first b of ``exact`` (2 b, d)."""
    import torch

    count = len(queries)
    decoded = books[torch.arange(books.shape[0])[None, :], torch.from_numpy(codes)].reshape(len(codes), -1)
    by_code = queries @ decoded.T / recipe.temperature
    if recipe.loss == "listnet":
        target = torch.softmax(queries @ torch.from_numpy(exact).T / recipe.temperature, dim=1)
        return -(target * torch.log_softmax(by_code, dim=1)).sum(dim=1).mean()
    same = torch.from_numpy(items[None, :] == items[:count, None])  # an answer to several queries of the batch
    same[torch.arange(count), torch.arange(count)] = False
    return torch.nn.functional.cross_entropy(by_code.masked_fill(same, float("-inf")), torch.arange(count))
