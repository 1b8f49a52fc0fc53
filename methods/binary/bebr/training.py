"""Training of the scoring decoder, and of the network where there is one, by gradient descent.

The start is what :func:`methods.binary.bebr.encoder.alternate` or the grid gives; held-out recall decides when to stop,
and whether anything beats the start: if nothing does, the start is kept.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from methods.binary.bebr.batches import HeldOut, Sampler
from methods.binary.bebr.recipe import Recipe

BATCHES = 25  # of an epoch, each of about 1,000 vectors
_PATIENCE = 3  # epochs without a better held-out recall after which training stops


def train(
    vectors: np.ndarray,
    weights: dict[str, np.ndarray],
    recipe: Recipe,
    seed: int,
    levels: np.ndarray | None = None,
    norms: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Trained weights by name, of the same names and shapes.

    Parameters
    ----------
    vectors : (n, dim) float32
        Unit vectors.
    weights : dict of arrays
        ``decoder`` (m, dim), and the network's unless ``recipe.blocks`` < 0.
    recipe : Recipe
    seed : int
    levels, norms : (n, m) and (n,) float32, optional
        Codes that stay as they are, with the norms that they are divided by.
    """
    if recipe.epochs < 1 or len(vectors) < 16:
        return weights
    from methods.binary.bebr._torch import Trainer  # torch is loaded here and not before

    held_out = HeldOut(vectors, seed)
    sampler = Sampler(vectors, held_out.train, seed)
    trainer = Trainer(vectors, weights, recipe, levels, norms)
    state = _State(recipe, _fingerprint(recipe, vectors, weights, seed))
    state.load(trainer)
    if not state.epoch:
        state.judge(trainer, trainer.recall(held_out))
    with _progress(recipe.epochs) as bar:
        bar.update(state.epoch)
        while state.epoch < recipe.epochs and state.since < _PATIENCE:
            for rows in sampler.epoch(state.epoch, BATCHES):
                loss = trainer.step(rows)
            state.epoch += 1
            state.judge(trainer, trainer.recall(held_out))
            state.save(trainer)
            bar.set_postfix(loss=f"{loss:.4f}", recall=f"{state.best:.4f}")
            bar.update()
    return state.weights


class _State:
    """Where a training stands: the epoch, the best weights, and the file that they survive in."""

    def __init__(self, recipe: Recipe, fingerprint: str) -> None:
        self.path = Path(recipe.checkpoint) if recipe.checkpoint else None
        self.fingerprint = fingerprint
        self.epoch, self.since, self.best = 0, 0, -1.0
        self.weights: dict[str, np.ndarray] = {}

    def judge(self, trainer: Any, recall: float) -> None:
        self.since += 1
        if recall > self.best:
            self.best, self.since, self.weights = recall, 0, trainer.export()

    def save(self, trainer: Any) -> None:
        """Write whole or not at all: to a temporary name first."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        numbers = json.dumps([self.fingerprint, self.epoch, self.since, self.best])
        arrays = {f"best/{name}": array for name, array in self.weights.items()}
        arrays |= {f"now/{name}": array for name, array in trainer.state().items()}
        temporary = self.path.with_name(self.path.name + ".part.npz")
        np.savez(temporary, numbers=np.array(numbers), allow_pickle=False, **arrays)  # type: ignore[arg-type]
        os.replace(temporary, self.path)

    def load(self, trainer: Any) -> None:
        """Go on from the file if it is there and belongs to this very training."""
        if self.path is None or not self.path.exists():
            return
        with np.load(self.path, allow_pickle=False) as file:
            fingerprint, epoch, since, best = json.loads(str(file["numbers"]))
            if fingerprint != self.fingerprint:
                return
            self.epoch, self.since, self.best = epoch, since, best
            self.weights = {name[5:]: file[name] for name in file.files if name.startswith("best/")}
            trainer.restore({name[4:]: file[name] for name in file.files if name.startswith("now/")})


def _fingerprint(recipe: Recipe, vectors: np.ndarray, weights: dict[str, np.ndarray], seed: int) -> str:
    """A digest of this training: its settings (but for the number of epochs) and what it starts from."""
    settings = {key: value for key, value in asdict(recipe).items() if key not in ("epochs", "device", "checkpoint")}
    digest = hashlib.sha256(json.dumps([settings, seed]).encode())
    digest.update(np.ascontiguousarray(vectors).data)
    for name in sorted(weights):
        digest.update(np.ascontiguousarray(weights[name]).data)
    return digest.hexdigest()


def _progress(epochs: int) -> Any:
    from tqdm import tqdm

    return tqdm(total=epochs, desc="bebr", unit="epoch", disable=None, leave=False)
