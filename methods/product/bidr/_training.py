"""The part of training that needs torch: steps of both stages, and the straight-through product quantizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from methods.fitting.query_training import (
    MASKED,
    Optimizer,
    Weights,
    exported,
    info_nce,
    list_net,
    residual,
    trainable,
)
from methods.fitting.residual_map import ResidualMap
from methods.product.bidr.recipe import BOTH, LABELS, LISTS, DenseRecipe, SparseRecipe
from methods.product.bidr.sampling import Batch
from methods.vectors import normalized

Sampler = Callable[[int], Iterable[Batch]]  # batches of an epoch


def straight_through(rows: torch.Tensor, codebooks: torch.Tensor, sharpness: float = 1.0) -> torch.Tensor:
    """Decoded ``rows`` whose gradient passes as if the choice of centroids had been a softmax of -distance.

    Parameters
    ----------
    rows : (n, M * width)
    codebooks : (M, centroids, width)
    sharpness : float
        What distances are multiplied by, after they were divided by the mean distance to the nearest centroid.

    Returns
    -------
    decoded : (n, M * width)
    """
    return _StraightThrough.apply(rows, codebooks, sharpness)


class _StraightThrough(torch.autograd.Function):
    """One subspace at a time, whose distances are computed again for the gradient: a cache holds them.

    With decoded row ``y = sum_k z_k c_k`` of a hard choice ``z`` and its softmax ``s`` of ``-b |x - c_k|^2``, the
    gradient ``g`` of ``y`` reaches ``c_k`` as ``z_k g`` and through ``s``: as
    ``2 b s_k (<g, c_k> - sum_j s_j <g, c_j>) (x - c_k)``.
    """

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, codebooks: torch.Tensor, sharpness: float) -> torch.Tensor:
        cut = rows.view(len(rows), len(codebooks), -1)
        decoded, total = torch.empty_like(cut), 0.0
        chosen = torch.empty((len(codebooks), len(rows)), dtype=torch.int64)
        for m, codebook in enumerate(codebooks):
            least, chosen[m] = _distances(cut[:, m], codebook).min(dim=1)
            total += float(least.sum())
            decoded[:, m] = codebook[chosen[m]]
        ctx.save_for_backward(rows, codebooks, chosen)
        ctx.scale = sharpness / max(total / chosen.numel(), 1e-12)
        return decoded.view(len(rows), -1)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[None, torch.Tensor, None]:
        rows, codebooks, chosen = ctx.saved_tensors
        cut, own = rows.view(len(rows), len(codebooks), -1), gradient.reshape(len(rows), len(codebooks), -1)
        to_codebooks = torch.zeros_like(codebooks)
        for m, codebook in enumerate(codebooks):
            soft = torch.softmax(_distances(cut[:, m], codebook).mul_(-ctx.scale), dim=1)
            pulls = own[:, m] @ codebook.T
            pulls -= (pulls * soft).sum(dim=1, keepdim=True)
            pulls *= soft
            to_codebooks[m] = pulls.T @ cut[:, m] - pulls.sum(dim=0)[:, None] * codebook
            to_codebooks[m] *= 2 * ctx.scale
            to_codebooks[m].index_add_(0, chosen[m], own[:, m])
        return None, to_codebooks, None


def _distances(rows: torch.Tensor, codebook: torch.Tensor) -> torch.Tensor:
    """Squared, of (n, width) and (centroids, width): (n, centroids)."""
    products = torch.addmm(codebook.square().sum(dim=1)[None], rows, codebook.T, alpha=-2)
    return products.add_(rows.square().sum(dim=1, keepdim=True))


def train_codebooks(
    codebooks: np.ndarray,
    rotation: np.ndarray,
    documents: np.ndarray,
    queries: np.ndarray,
    answers: np.ndarray,
    nearest: np.ndarray,
    recipe: SparseRecipe,
    seed: int,
) -> tuple[np.ndarray, ResidualMap]:
    """Stage 1: codebooks whose decoded documents score well with the queries.

    Parameters
    ----------
    codebooks : (M, centroids, width) float32
        Where training starts.
    rotation : (dim, M * width) float32
        What vectors are multiplied by before they are cut into subvectors; stays as it is.
    documents : (n, dim) float32
    queries : (nq, dim) float32
    answers : (nq,) int64
        Rows of ``documents``.
    nearest : (nq, r) int64
        For loss ``lists`` and ``both``: each query's documents by exact scores, of which one joins every batch.

    Returns
    -------
    codebooks : (M, centroids, width) float32
    query_map : ResidualMap
    """
    progress = _progress("bidr: codes")
    rng = np.random.default_rng(seed)
    scale = float(np.linalg.norm(documents, axis=1).mean()) or 1.0
    unit = normalized(queries)
    start = ResidualMap.start(queries.shape[1], recipe.hidden, seed) if recipe.hidden else ResidualMap({})
    books = torch.tensor(codebooks, requires_grad=True)
    maps = trainable(start)
    turn = torch.from_numpy(rotation)
    size = min(recipe.batch, len(queries))
    steps = recipe.epochs * (len(queries) // size)
    groups: list[dict[str, Any]] = [{"params": [books], "lr": recipe.codebook_rate * scale, "weight_decay": 0.0}]
    groups += [{"params": list(maps.values()), "lr": recipe.map_rate}] if maps else []
    optimizer = Optimizer(groups, steps, decay=0.01)
    sharpness = 1 / (recipe.temperature * scale)
    for _ in progress(range(recipe.epochs)):
        order = rng.permutation(len(queries))
        for at in range(0, len(order) - size + 1, size):
            rows = order[at : at + size]
            columns = answers[rows]
            if recipe.loss != LABELS:
                columns = np.concatenate([columns, nearest[rows, rng.integers(nearest.shape[1], size=size)]])
            vectors = torch.from_numpy(documents[columns])
            asked_by = torch.from_numpy(unit[rows])
            decoded = straight_through(vectors @ turn, books, recipe.sharpness)
            scores = residual(asked_by, maps) @ turn @ decoded.T * sharpness
            loss = torch.zeros(())
            if recipe.loss in (LABELS, BOTH):
                loss = loss + info_nce(scores, torch.from_numpy(columns), torch.from_numpy(answers[rows]))
            if recipe.loss in (LISTS, BOTH):
                loss = loss + list_net(scores, asked_by @ vectors.T * sharpness)
            optimizer.step(loss)
    return books.detach().numpy(), exported(maps)


def train_maps(
    documents: np.ndarray,
    queries: np.ndarray,
    answers: np.ndarray,
    sample: Sampler,
    judge: Callable[[ResidualMap, ResidualMap], float] | None,
    recipe: DenseRecipe,
    seed: int,
) -> tuple[ResidualMap, ResidualMap]:
    """Stage 2: maps of documents and of queries under which a query scores best with what answers it.

    Parameters
    ----------
    documents, queries, answers
        As for :func:`train_codebooks`.
    sample : callable
        The batches of an epoch, by its number.
    judge : callable
        How good two maps are (on validation queries): the best epoch is kept, the identity if none is better. None:
        the last epoch is.

    Returns
    -------
    document_map, query_map : ResidualMap
    """
    progress = _progress("bidr: vectors")
    unit_documents, unit_queries = normalized(documents), normalized(queries)
    dim = queries.shape[1]
    of_documents = trainable(ResidualMap.start(dim, recipe.hidden, seed))
    of_queries = of_documents if recipe.shared else trainable(ResidualMap.start(dim, recipe.hidden, seed + 1))
    tensors = [*of_documents.values(), *(() if recipe.shared else of_queries.values())]
    steps = recipe.epochs * max(1, len(queries) // min(recipe.batch, len(queries)))
    optimizer = Optimizer([{"params": tensors, "lr": recipe.rate}], steps, recipe.decay)
    best = ResidualMap({}), ResidualMap({})
    best_score = -np.inf if judge is None else judge(*best)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for epoch in progress(range(recipe.epochs)):
            for batch in sample(epoch):
                optimizer.step(_loss(batch, unit_documents, unit_queries, answers, of_documents, of_queries, recipe))
            present = exported(of_documents), exported(of_queries)
            score = best_score if judge is None else judge(*present)
            progress.note(score)
            if judge is None or score > best_score:
                best, best_score = present, score
    return best


def _loss(
    batch: Batch,
    documents: np.ndarray,
    queries: np.ndarray,
    answers: np.ndarray,
    of_documents: Weights,
    of_queries: Weights,
    recipe: DenseRecipe,
) -> torch.Tensor:
    """What a step of :func:`train_maps` descends on; documents and queries are of unit norm."""
    columns = answers[batch.queries]
    if batch.negatives is not None:
        columns = np.concatenate([columns, batch.negatives])
    mapped = residual(torch.from_numpy(documents[np.maximum(columns, 0)]), of_documents, recipe.dropout)
    mapped_queries = residual(torch.from_numpy(queries[batch.queries]), of_queries, recipe.dropout)
    if not batch.shared:
        return _of_two(mapped_queries, mapped, torch.from_numpy(columns), recipe.temperature)
    own = torch.from_numpy(answers[batch.queries])
    return info_nce(mapped_queries @ mapped.T / recipe.temperature, torch.from_numpy(columns), own)


def _of_two(queries: torch.Tensor, documents: torch.Tensor, columns: torch.Tensor, temperature: float) -> torch.Tensor:
    """InfoNCE of each query's answer against its own negative alone."""
    size = len(queries)
    scores = (queries[:, None] * documents.view(2, size, -1).transpose(0, 1)).sum(dim=2) / temperature
    absent = torch.stack([torch.zeros(size, dtype=torch.bool), columns[size:] < 0], dim=1)
    return functional.cross_entropy(scores.masked_fill(absent, MASKED), torch.zeros(size, dtype=torch.int64))


class _progress:
    """A bar of epochs on stderr, with the last score."""

    def __init__(self, label: str) -> None:
        self.label = label

    def __call__(self, epochs: range) -> Any:
        from tqdm import tqdm

        self.bar = tqdm(epochs, desc=self.label, unit="epoch", disable=None, leave=False)
        return self.bar

    def note(self, score: float) -> None:
        self.bar.set_postfix(validation=f"{score:.4f}")
