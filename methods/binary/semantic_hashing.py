"""Semantic hashing: the code layer of a binary autoencoder."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from methods.base import Metric
from methods.binary._base import BinaryCodec
from methods.fitting.principal_axes import principal_axes
from methods.kind_losses import NO_LENGTHS
from methods.parameters import check_device, check_integer
from methods.registry import register
from methods.vectors import normalized, random_rotation

_BATCH, _LEARNING_RATE = 256, 1e-3
_ROWS = 100_000  # training vectors used, at most
_LEAST_ROWS = 10_000  # even where they take longer
_WEIGHINGS = 2.4e11  # products of an input and a weight that training takes at most: about a minute on one core


@register("semantic_hashing")
class SemanticHashing(BinaryCodec):
    """Bits of an autoencoder whose code layer is sigmoid, rounded on the way forward.

    Salakhutdinov & Hinton 2009, "Semantic hashing"; the coding layer is that of Binary Paragraph Vector (Grzegorczyk
    & Kurdziel 2017, section 3, after Krizhevsky & Hinton 2011): activations are rounded to 0 and 1 in the forward
    pass, and the gradient passes as if they were not. The encoder starts as a random rotation of the principal axes
    (with ``hidden``, beside a branch that starts at zero) and the decoder as its inverse; both are trained to rebuild
    the direction of a vector.

    Parameters
    ----------
    dim, metric
        As for :class:`~methods.base.Codec`.
    bits : int
    hidden : int
        Width of a hidden layer (ReLU) in the encoder; 0: none.
    epochs : int
        More rebuild the vectors better and find fewer neighbors: recall@10 on squad-sentences at 8x is .759 before
        training, .756 after 2 epochs and .737 after 10; at 16x .680, .686 and .668.
    scoring : {"hamming", "asymmetric"}
        See :mod:`methods.binary._base`.
    device : str
        For training: ``auto``, ``cpu``, ``cuda``.
    """

    summary = "rounded sigmoid code layer of an autoencoder, compared by Hamming distance"
    source = "Grzegorczyk & Kurdziel, Binary Paragraph Vectors, RepL4NLP 2017"
    kind_exceptions: ClassVar[dict[str, str]] = {
        **NO_LENGTHS,
        "queries apart": "a query is coded around the mean of the base, from where all queries that lack its direction "
        "lie to one side; subtract the queries' own mean first",
    }
    requires = ("torch",)
    version = "2"  # 1: training was not bounded, and of 10 epochs
    check_params: ClassVar[dict[str, Any]] = {"epochs": 2}

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        bits: int = 64,
        *,
        hidden: int = 0,
        epochs: int = 2,
        scoring: str = "hamming",
        device: str = "auto",
    ) -> None:
        self.bits, self.hidden, self.epochs = bits, hidden, epochs
        self.scoring, self.device = scoring, device
        super().__init__(dim, metric)

    def parts(self) -> dict[str, np.ndarray]:
        return super().parts() | self.parts_

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        super()._load_parts(parts)
        self.parts_ = {name: array for name, array in parts.items() if name != "length"}

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        super()._fit(vectors, seed)
        affordable = int(_WEIGHINGS / (max(self.epochs, 1) * self.dim * self.bits))
        most = min(_ROWS, max(affordable, _LEAST_ROWS))
        if len(vectors) > most:
            rows = np.random.default_rng(seed).choice(len(vectors), most, replace=False)
            vectors = vectors[np.sort(rows)]
        mean, axes, _ = principal_axes(vectors, self.dim)
        unit = normalized(vectors - mean)
        weights = _start(axes, self.bits, self.hidden, seed)
        if self.epochs:
            weights = _train(unit, weights, self.epochs, self.device, seed)
        del weights["decoder"]  # only training needs it
        self.parts_ = {"mean": mean, **weights}

    def _values(self, vectors: np.ndarray) -> np.ndarray:
        return self._logits(normalized(vectors - self.parts_["mean"]))

    def _logits(self, unit: np.ndarray) -> np.ndarray:
        weights = self.parts_
        logits = unit @ weights["encoder"].T + weights["bias"]
        if self.hidden:
            inner = np.maximum(unit @ weights["hidden"].T + weights["hidden_bias"], 0)
            logits += inner @ weights["out"].T
        return logits

    def _check_shape(self) -> None:
        super()._check_shape()
        for name in ("hidden", "epochs"):
            check_integer(name, getattr(self, name), 0, 1_000_000)
        check_device(self.device)


def _start(axes: np.ndarray, bits: int, hidden: int, seed: int) -> dict[str, np.ndarray]:
    """Weights by name; logits have about unit variance, so that the sigmoid's gradient does not vanish."""
    dim = len(axes)
    rotations = []
    for turn in range(-(-bits // dim)):
        count = min(dim, bits - turn * dim)
        rotations.append(axes[:, :count] @ random_rotation(count, seed + turn))
    rows = np.concatenate(rotations, axis=1).T
    scale = np.float32(np.sqrt(dim))
    weights = {"encoder": rows * scale, "bias": np.zeros(bits, np.float32)}
    if hidden:
        rng = np.random.default_rng(seed)
        inner = np.sqrt(2 / (dim + hidden)) * rng.standard_normal((hidden, dim))
        weights["hidden"], weights["hidden_bias"] = inner.astype(np.float32), np.zeros(hidden, np.float32)
        weights["out"] = np.zeros((bits, hidden), np.float32)
    # The decoder sees codes of -1 and +1.
    weights["decoder"] = rows * np.float32(np.sqrt(2 / np.pi) * dim / bits) / scale
    return {name: np.ascontiguousarray(array, np.float32) for name, array in weights.items()}


def _train(
    unit: np.ndarray, start: dict[str, np.ndarray], epochs: int, device: str, seed: int
) -> dict[str, np.ndarray]:
    """The weights after minimizing the squared error of rebuilt unit vectors with Adam."""
    import torch
    from tqdm import tqdm

    place = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
    weights = {name: torch.tensor(array, device=place, requires_grad=True) for name, array in start.items()}
    groups = [
        {"params": [tensor], "lr": _LEARNING_RATE * (float(tensor.detach().std(correction=0)) or 1.0)}
        for tensor in weights.values()
    ]
    optimizer = torch.optim.Adam(groups)
    data = torch.from_numpy(np.array(unit)).to(place)
    rng = np.random.default_rng(seed)
    for _ in tqdm(range(epochs), desc="semantic_hashing", unit="epoch", disable=None, leave=False):
        order = torch.from_numpy(rng.permutation(len(unit)))
        for rows in order.split(_BATCH):
            batch = data[rows]
            logits = batch @ weights["encoder"].T + weights["bias"]
            if "hidden" in weights:
                inner = torch.relu(batch @ weights["hidden"].T + weights["hidden_bias"])
                logits = logits + inner @ weights["out"].T
            soft = logits.sigmoid()
            code = soft + ((logits >= 0).float() - soft).detach()
            rebuilt = (2 * code - 1) @ weights["decoder"]
            loss = (rebuilt - batch).square().sum(dim=1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return {name: tensor.detach().cpu().numpy() for name, tensor in weights.items()}
