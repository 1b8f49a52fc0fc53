"""The part of learning a map of queries that needs torch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from methods.encoding.units import lengths_of
from methods.fitting.query_training import Optimizer, exported, info_nce, list_net, residual, trainable
from methods.fitting.residual_map import ResidualMap
from methods.trained._query_map import ANSWERS, Judge, Recipe
from methods.vectors import normalized

__all__ = ["train_query_map"]


def train_query_map(
    decoded: Callable[[np.ndarray], np.ndarray],
    vectors: np.ndarray,
    queries: np.ndarray,
    answers: np.ndarray,
    near: np.ndarray,
    judge: Judge,
    recipe: Recipe,
    seed: int,
) -> ResidualMap:
    """The map whose queries score codes best, of the best epoch; the identity where none is better.

    A step takes a batch of queries with what answers each and one of its exact neighbors, among which all of the batch
    look.

    Parameters
    ----------
    decoded : callable
        What the codes of rows of ``vectors`` (m,) stand for, (m, dim) float32.
    vectors : (n, dim) float32
    queries : (nq, dim) float32
    answers : (nq,) int64
        Rows of ``vectors``: what answers a query, or its nearest.
    near : (nq, r) int64
        Rows of the nearest of each query.
    judge : Judge
        Of no queries: the last epoch stays.
    """
    rng = np.random.default_rng(seed)
    dim = queries.shape[1]
    start = ResidualMap.start(dim, recipe.hidden, seed) if recipe.hidden else ResidualMap.linear(dim)
    weights, unit = trainable(start), normalized(queries)
    size = min(recipe.batch, len(queries))
    optimizer = Optimizer(
        [{"params": list(weights.values()), "lr": recipe.rate}], recipe.epochs * (len(queries) // size), decay=0.01
    )
    scale = float(lengths_of(vectors[answers]).mean()) or 1.0
    sharpness = 1 / (recipe.temperature * scale)
    best = ResidualMap({})
    best_score = judge.score(best) if len(judge) else -np.inf
    for _ in range(recipe.epochs):
        order = rng.permutation(len(queries))
        for at in range(0, len(order) - size + 1, size):
            rows = order[at : at + size]
            columns = np.concatenate([answers[rows], near[rows, rng.integers(near.shape[1], size=size)]])
            asked_by = torch.from_numpy(unit[rows])
            scores = residual(asked_by, weights) @ torch.from_numpy(decoded(columns)).T * sharpness
            if recipe.loss == ANSWERS:
                loss = info_nce(scores, torch.from_numpy(columns), torch.from_numpy(answers[rows]))
            else:
                loss = list_net(scores, asked_by @ torch.from_numpy(vectors[columns]).T * sharpness)
            optimizer.step(loss)
        present = exported(weights)
        score = judge.score(present) if len(judge) else np.inf
        if score > best_score or not len(judge):
            best, best_score = present, score
    return best
