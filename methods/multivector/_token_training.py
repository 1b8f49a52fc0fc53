"""Gradient descent on the features of LEMUR."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch.nn import functional

from methods.multivector._token_features import EPSILON, LAYER, TokenFeatures

__all__ = ["trained"]

_MIXTURES = 256  # weighted sums of documents' terms, as targets
_RATE, _BATCH, _CLIP = 3e-3, 512, 0.5
_LEAST_RATE = 0.02  # the last rate, as a share of the first


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums of torch in one order, however many threads it has."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@_one_thread()
def trained(
    features: TokenFeatures, tokens: np.ndarray, terms: np.ndarray, epochs: int, rng: np.random.Generator
) -> TokenFeatures:
    """Features from which a linear function predicts a document's standardized terms.

    The targets are 256 random mixtures of documents: their squared error is on average that of the documents, and
    costs less to compute. Adam, batches of 512 tokens, a learning rate that falls linearly.

    Parameters
    ----------
    features : TokenFeatures
        Where training starts.
    tokens : (m, dim) float32
        No vector of zeros among them.
    terms : (n, m) float32
        What each adds to the scores of n documents.
    """
    scale = float(terms.std()) or 1.0
    directions, lengths = features.directions(tokens)
    mixed = (terms.T / np.where(lengths > 0, lengths, 1) - terms.mean()) @ rng.standard_normal(
        (len(terms), _MIXTURES), np.float32
    )
    targets = torch.from_numpy(mixed / np.float32(scale * np.sqrt(len(terms))))
    inputs = torch.from_numpy(directions)
    width = len(features.bias)
    layer = [torch.tensor(array, requires_grad=True) for array in (getattr(features, name) for name in LAYER)]
    head = rng.standard_normal((width, _MIXTURES), np.float32) / np.float32(np.sqrt(width))
    tensors = [*layer, torch.tensor(head, requires_grad=True)]
    adam = torch.optim.Adam(tensors, lr=_RATE)
    size = min(_BATCH, len(tokens))
    steps = epochs * (len(tokens) // size)
    schedule = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: max(_LEAST_RATE, 1 - step / steps))
    for _ in range(epochs):
        order = torch.from_numpy(rng.permutation(len(tokens)))
        for start in range(0, len(tokens) - size + 1, size):
            rows = order[start : start + size]
            values = functional.layer_norm(
                inputs[rows] @ tensors[0] + tensors[1], (width,), tensors[2], tensors[3], EPSILON
            )
            loss = functional.mse_loss(functional.gelu(values, approximate="tanh") @ tensors[4], targets[rows])
            adam.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(tensors, _CLIP)
            adam.step()
            schedule.step()
    weights, bias, gain, shift = (tensor.detach().numpy() for tensor in layer)
    return TokenFeatures(weights, bias, gain, shift, features.stretch)
