"""The part of learning from queries that needs torch: losses, a residual map of vectors, and steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.nn import functional

from methods.fitting.residual_map import ResidualMap

__all__ = ["MASKED", "Optimizer", "Weights", "exported", "info_nce", "list_net", "residual", "trainable"]

_WARM_UP = 0.1  # share of all steps during which learning rates rise
_CLIP = 1.0  # most norm of a gradient
MASKED = -1e4  # the logit of a document that answers the query too

Weights = Mapping[str, torch.Tensor]


def residual(vectors: torch.Tensor, weights: Weights, dropout: float = 0.0) -> torch.Tensor:
    """:class:`ResidualMap` on unit vectors (n, dim); the same without weights."""
    if not weights:
        return vectors
    inner = vectors
    if "inner" in weights:
        inner = functional.gelu(vectors @ weights["inner"] + weights["inner_bias"], approximate="tanh")
    if dropout:
        inner = functional.dropout(inner, dropout)
    return functional.normalize(vectors + inner @ weights["outer"] + weights["outer_bias"], dim=1)


def info_nce(scores: torch.Tensor, documents: torch.Tensor, answers: torch.Tensor) -> torch.Tensor:
    """Cross entropy of a query's own document, which has the query's own column.

    Parameters
    ----------
    scores : (b, m >= b)
        Divided by the temperature.
    documents : (m,) int64
        Which document a column is; -1 for none.
    answers : (b,) int64
        The document that answers each query: its other columns count for nothing.
    """
    own = torch.arange(len(scores))
    hidden = (documents[None, :] == answers[:, None]) | (documents < 0)[None, :]
    hidden[own, own] = False
    return functional.cross_entropy(scores.masked_fill(hidden, MASKED), own)


def list_net(scores: torch.Tensor, exact: torch.Tensor) -> torch.Tensor:
    """Cross entropy between the softmax of exact scores (b, m) and that of ``scores``, both over the temperature."""
    return functional.cross_entropy(scores, torch.softmax(exact, dim=1))


class Optimizer:
    """AdamW with a linear rise and fall of the learning rates, and clipped gradients."""

    def __init__(self, groups: list[dict[str, Any]], steps: int, decay: float) -> None:
        self.parameters = [tensor for group in groups for tensor in group["params"]]
        self.adam = torch.optim.AdamW(groups, weight_decay=decay)
        rise = max(1, int(_WARM_UP * steps))

        def share(step: int) -> float:
            return min((step + 1) / rise, max(0.0, (steps - step) / max(1, steps - rise)))

        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.adam, share)

    def step(self, loss: torch.Tensor) -> None:
        self.adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, _CLIP)
        self.adam.step()
        self.schedule.step()


def trainable(start: ResidualMap) -> dict[str, torch.Tensor]:
    """The weights of ``start``, for an optimizer."""
    return {name: torch.tensor(array, requires_grad=True) for name, array in start.weights.items()}


def exported(weights: Weights) -> ResidualMap:
    """The map that ``weights`` are now."""
    return ResidualMap({name: tensor.detach().numpy().copy() for name, tensor in weights.items()})
