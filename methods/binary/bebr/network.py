"""The recurrence with blocks of layers: W, B_i and R_i as in the paper, each beside a linear map that is the grid.

    b = sign(W(x));   for i in 0..u-1:  f = B_i(b),  r = sign(R_i(x - f)),  b = b + 2^-(i+1) r

"Binary Embedding-based Retrieval at Tencent" (KDD 2023), section 3.2. Each of W, B_i, R_i is a linear map plus, with
``blocks`` > 0, a branch of that many (Linear, BatchNorm, ReLU) and a last Linear that starts at zero: before training
the network is the uniform grid of its linear maps, exactly. (The paper has the branch alone, from random weights, and
normalizes f, which ties the grid's step to the dimension: ``normalize=True``.)

The recurrence is written once for numpy and torch; :class:`NumpyOps` and ``training.TorchOps`` are what differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

_EPSILON = 1e-5  # of BatchNorm


class Ops(Protocol):
    """What the recurrence needs beyond arithmetic."""

    def sign(self, values: Any) -> Any: ...

    def relu(self, values: Any) -> Any: ...

    def unit(self, values: Any) -> Any: ...

    def batch_norm(self, values: Any, weights: Mapping[str, Any], name: str) -> Any: ...


class NumpyOps:
    """Inference: BatchNorm by its running statistics."""

    def sign(self, values: np.ndarray) -> np.ndarray:
        return np.where(values >= 0, np.float32(1), np.float32(-1))

    def relu(self, values: np.ndarray) -> np.ndarray:
        return np.maximum(values, 0)

    def unit(self, values: np.ndarray) -> np.ndarray:
        return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), np.float32(1e-12))

    def batch_norm(self, values: np.ndarray, weights: Mapping[str, np.ndarray], name: str) -> np.ndarray:
        scale = weights[f"{name}.scale"] / np.sqrt(weights[f"{name}.variance"] + np.float32(_EPSILON))
        return (values - weights[f"{name}.mean"]) * scale + weights[f"{name}.shift"]


def recurrence(weights: Mapping[str, Any], vectors: Any, loops: int, blocks: int, normalize: bool, ops: Ops) -> Any:
    """The recurrent binary sum b (n, m) of ``vectors`` (n, dim); b times 2^loops are odd levels."""
    binary = ops.sign(_block(weights, "w", vectors, blocks, ops))
    for loop in range(loops):
        rebuilt = _block(weights, f"b{loop}", binary, blocks, ops)
        if normalize:
            rebuilt = ops.unit(rebuilt)
        residual = ops.sign(_block(weights, f"r{loop}", vectors - rebuilt, blocks, ops))
        binary = binary + residual * 0.5 ** (loop + 1)
    return binary


def _block(weights: Mapping[str, Any], name: str, values: Any, blocks: int, ops: Ops) -> Any:
    result = values @ weights[f"{name}.linear"].T
    hidden = values
    for layer in range(blocks):
        place = f"{name}.{layer}"
        hidden = hidden @ weights[f"{place}.weight"].T + weights[f"{place}.bias"]
        hidden = ops.relu(ops.batch_norm(hidden, weights, place))
    return result + hidden @ weights[f"{name}.out"].T if blocks else result


def start(decoder: np.ndarray, loops: int, blocks: int, hidden: int, seed: int) -> dict[str, np.ndarray]:
    """Weights by name of the network that equals the grid of ``decoder`` (m, dim), whose rows are orthogonal.

    Linear weights of the branches are drawn Xavier-normal, biases are 0, their last layers are 0.
    """
    rng = np.random.default_rng(seed)
    unit = decoder * np.float32(2**loops)  # what b = 1 stands for
    project = unit / (np.linalg.norm(unit, axis=1, keepdims=True) ** 2)
    maps = {"w": project}
    for loop in range(loops):
        maps[f"b{loop}"] = unit.T
        maps[f"r{loop}"] = project * np.float32(2**loop)  # the residual halves, the gradient's window does not
    weights: dict[str, np.ndarray] = {}
    for name, linear in maps.items():
        weights[f"{name}.linear"] = np.ascontiguousarray(linear, np.float32)
        width = linear.shape[1]
        for layer in range(blocks):
            place = f"{name}.{layer}"
            spread = np.sqrt(2 / (width + hidden))
            weights[f"{place}.weight"] = (spread * rng.standard_normal((hidden, width))).astype(np.float32)
            weights[f"{place}.scale"] = weights[f"{place}.variance"] = np.ones(hidden, np.float32)
            weights[f"{place}.bias"] = weights[f"{place}.shift"] = np.zeros(hidden, np.float32)
            weights[f"{place}.mean"] = np.zeros(hidden, np.float32)
            width = hidden
        if blocks:
            weights[f"{name}.out"] = np.zeros((linear.shape[0], hidden), np.float32)
    return weights


class NetworkEncoder:
    """Levels by the trained network; the counterpart of :class:`~methods.binary.bebr.encoder.LinearEncoder`.

    Parameters
    ----------
    weights : dict of arrays
        As :func:`start` names them.
    decoder : (m, dim) float32
        What the levels decode by.
    loops, blocks : int
    normalize : bool
    """

    def __init__(
        self, weights: dict[str, np.ndarray], decoder: np.ndarray, loops: int, blocks: int, normalize: bool
    ) -> None:
        self.weights, self.decoder = weights, decoder
        self.loops, self.blocks, self.normalize = loops, blocks, normalize

    def encode(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Levels (n, m) float32 of ``vectors`` (n, dim), and the norm (n,) float32 of what they decode to."""
        binary = recurrence(self.weights, vectors, self.loops, self.blocks, self.normalize, NumpyOps())
        levels = (binary * np.float32(2**self.loops)).astype(np.float32)
        return levels, np.linalg.norm(levels @ self.decoder, axis=1)
