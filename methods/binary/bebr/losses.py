"""What training minimizes, on the quantized vectors of a batch; torch tensors throughout."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_HARDEST = 5  # in-batch negatives of the contrastive loss, as in the paper's code
LOSSES = ("distill", "contrastive")


def distill(vectors: torch.Tensor, queries: torch.Tensor, documents: torch.Tensor, temperature: float) -> torch.Tensor:
    """Cross-entropy between the softmax of float similarities and that of quantized ones, a vector's own left out.

    Parameters
    ----------
    vectors : (n, dim)
        Unit vectors.
    queries, documents : (n, dim)
        What their codes score as, on the side of the query (the vector itself for ADC) and of the document.
    temperature : float
        The lower, the nearer to the top of the ranking.
    """
    wanted = _without_self(vectors @ vectors.T / temperature).softmax(dim=1)
    logs = _without_self(queries @ documents.T / temperature).log_softmax(dim=1)
    return -(wanted * logs).sum(dim=1).mean()


def contrastive(
    vectors: torch.Tensor,
    queries: torch.Tensor,
    documents: torch.Tensor,
    temperature: float,
    queue: torch.Tensor | None = None,
) -> torch.Tensor:
    """The paper's loss: the nearest neighbor against the hardest others, in both directions.

    There are no pairs without labels, so a vector's positive is its nearest neighbor in the batch. ``queue`` (q, dim)
    holds quantized documents of earlier batches, all negatives.
    """
    import torch

    positive = _without_self(vectors @ vectors.T).argmax(dim=1)
    scores = queries @ documents.T
    total = scores.new_zeros(())
    for direction in (scores, scores.T):
        true = direction.gather(1, positive[:, None])
        others = _without_self(direction).scatter(1, positive[:, None], -torch.inf)
        negatives = others.topk(min(_HARDEST, others.shape[1]), dim=1).values
        if queue is not None and len(queue):
            far = (queries if direction is scores else documents) @ queue.T
            negatives = torch.cat([negatives, far], dim=1)
        logits = torch.cat([true, negatives], dim=1) / temperature
        total = total - logits.log_softmax(dim=1)[:, 0].mean()
    return total / 2


def _without_self(scores: torch.Tensor) -> torch.Tensor:
    import torch

    return scores.masked_fill(torch.eye(len(scores), dtype=torch.bool, device=scores.device), -1e9)
