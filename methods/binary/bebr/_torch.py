"""The part of training that needs torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from methods.binary.bebr import losses
from methods.binary.bebr.batches import HeldOut
from methods.binary.bebr.network import recurrence
from methods.binary.bebr.recipe import Recipe

_STATISTICS = (".mean", ".variance")  # of BatchNorm: followed, not trained
_FOLLOW = 0.1  # by how much they follow a batch
_CLIP = 5.0  # most norm of a gradient, as in the paper's code
_BLOCK = 8192


class TorchOps:
    """Training: straight-through signs, BatchNorm by the batch's statistics (``training``) or the running ones."""

    def __init__(self, training: bool) -> None:
        self.training = training

    def sign(self, values: torch.Tensor) -> torch.Tensor:
        # The gradient is the identity where |x| <= 1 and 0 elsewhere, which is that of a clamp.
        soft = values.clamp(-1, 1)
        return soft + (torch.where(values >= 0, 1.0, -1.0) - soft).detach()

    def relu(self, values: torch.Tensor) -> torch.Tensor:
        return functional.relu(values)

    def unit(self, values: torch.Tensor) -> torch.Tensor:
        return functional.normalize(values, dim=1)

    def batch_norm(self, values: torch.Tensor, weights: Mapping[str, Any], name: str) -> torch.Tensor:
        mean, variance = weights[f"{name}.mean"], weights[f"{name}.variance"]
        scale, shift = weights[f"{name}.scale"], weights[f"{name}.shift"]
        return functional.batch_norm(values, mean, variance, scale, shift, self.training, _FOLLOW)


class Trainer:
    """Weights, their optimizer and the queue; see :func:`methods.binary.bebr.training.train`."""

    def __init__(
        self,
        vectors: np.ndarray,
        weights: dict[str, np.ndarray],
        recipe: Recipe,
        levels: np.ndarray | None,
        norms: np.ndarray | None,
    ) -> None:
        self.recipe, self.device = recipe, device(recipe.device)
        self.vectors = torch.from_numpy(np.array(vectors))
        self.levels = None if levels is None else torch.from_numpy(levels)
        self.norms = None if norms is None else torch.from_numpy(np.maximum(norms, 1e-12))
        self.weights = {name: torch.tensor(array, device=self.device) for name, array in weights.items()}
        groups = []
        for name, tensor in self.weights.items():
            if not name.endswith(_STATISTICS):
                tensor.requires_grad_(True)
                size = float(tensor.detach().abs().mean()) or float(self.weights["decoder"].detach().abs().mean())
                groups.append({"params": [tensor], "lr": recipe.learning_rate * size})
        self.optimizer = torch.optim.Adam(groups)
        self.slow = {name: tensor.detach().clone() for name, tensor in self.weights.items()}
        self.queue = torch.empty(0, vectors.shape[1], device=self.device)

    def step(self, rows: np.ndarray) -> float:
        """One step on the vectors of a batch; the loss before it."""
        vectors = self.vectors[rows].to(self.device)
        documents = self._decoded(self.weights, rows, vectors, True)
        queries = functional.normalize(documents, dim=1) if self.recipe.symmetric else vectors
        if self.recipe.loss == "contrastive":
            loss = losses.contrastive(vectors, queries, documents, self.recipe.temperature, self.queue)
        else:
            loss = losses.distill(vectors, queries, documents, self.recipe.temperature)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for g in self.optimizer.param_groups for p in g["params"]], _CLIP)
        self.optimizer.step()
        self._enqueue(rows, vectors)
        return float(loss.detach())

    def _enqueue(self, rows: np.ndarray, vectors: torch.Tensor) -> None:
        """Put the batch's documents, by the slowly following weights, at the end of the queue."""
        if not self.recipe.queue:
            return
        with torch.no_grad():
            for name, tensor in self.weights.items():
                self.slow[name].lerp_(tensor, 1 - self.recipe.momentum)
            documents = self._decoded(self.slow, rows, vectors, False)
            self.queue = torch.cat([self.queue, documents])[-self.recipe.queue :]

    def _decoded(
        self, weights: dict[str, torch.Tensor], rows: np.ndarray, vectors: torch.Tensor, training: bool
    ) -> torch.Tensor:
        """What the codes of a batch score as, of about unit norm."""
        if self.levels is not None:
            decoded = self.levels[rows].to(self.device) @ weights["decoder"]
            return functional.normalize(decoded, dim=1) if self.norms is None else self._scaled(decoded, rows)
        recipe = self.recipe
        binary = recurrence(weights, vectors, recipe.loops, recipe.blocks, recipe.normalize, TorchOps(training))
        return functional.normalize(binary @ weights["decoder"], dim=1)

    def _scaled(self, decoded: torch.Tensor, rows: np.ndarray) -> torch.Tensor:
        assert self.norms is not None
        return decoded / self.norms[rows].to(self.device)[:, None]

    def recall(self, held_out: HeldOut) -> float:
        """Held-out recall@10 by the present weights."""
        base, queries = self._all(held_out.base), self.vectors[held_out.queries].numpy()
        return held_out.recall(self._all(held_out.queries) if self.recipe.symmetric else queries, base)

    def _all(self, rows: np.ndarray) -> np.ndarray:
        blocks = [rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK)]
        with torch.no_grad():
            outputs = [self._decoded(self.weights, part, self.vectors[part].to(self.device), False) for part in blocks]
        return torch.cat(outputs).cpu().numpy() if outputs else np.empty((0, self.vectors.shape[1]), np.float32)

    def export(self) -> dict[str, np.ndarray]:
        """The present weights, copied."""
        return {name: tensor.detach().cpu().numpy().copy() for name, tensor in self.weights.items()}

    def state(self) -> dict[str, np.ndarray]:
        """All that a continued training needs, by name."""
        arrays = {f"weights/{name}": array for name, array in self.export().items()}
        arrays |= {f"slow/{name}": tensor.cpu().numpy() for name, tensor in self.slow.items()}
        arrays["queue"] = self.queue.cpu().numpy()
        for number, entry in self.optimizer.state_dict()["state"].items():
            arrays |= {f"adam/{number}/{key}": np.asarray(value.cpu()) for key, value in entry.items()}
        return arrays

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Back to a :meth:`state`."""
        with torch.no_grad():
            for name, tensor in self.weights.items():
                tensor.copy_(torch.from_numpy(arrays[f"weights/{name}"]))
                self.slow[name].copy_(torch.from_numpy(arrays[f"slow/{name}"]))
        self.queue = torch.from_numpy(arrays["queue"]).to(self.device)
        state: dict[int, dict[str, torch.Tensor]] = {}
        for name, array in arrays.items():
            if name.startswith("adam/"):
                _, number, key = name.split("/")
                state.setdefault(int(number), {})[key] = torch.from_numpy(np.array(array))
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})


def device(name: str) -> torch.device:
    """The device called ``name``; ``auto`` is the GPU if there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
