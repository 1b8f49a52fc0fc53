"""Training of a table inside a click model. Validation alone decides when to stop and which state is kept."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from methods.errors import MethodError
from methods.tables._adam import Adam, Optimizer, RowAdam
from methods.tables._module import TableModule
from methods.tables.base import Fields, Stage, State, TableMethod
from methods.tables.training import Examples, Recipe

_JUDGED = 8192  # validation examples by which a stage compares candidates
_SCORED = 16_384  # examples scored at a time
_BLOCK = 1 << 20  # examples in memory at a time


@dataclass
class Trained:
    """What a training left.

    Attributes
    ----------
    state : State
        Of the table.
    model : nn.Module
        The click model, in eval mode on the CPU.
    validation : float
        What the judge says of the kept state.
    epochs : stage name -> epochs trained
    seconds : stage name -> wall time
    memory : name -> bytes
        The most that ``weights``, ``optimizer`` and ``search`` (trained in a search, with its optimizer state) took
        together with ``click_model``, each counted from its tensors.
    """

    state: State
    model: nn.Module
    validation: float
    epochs: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)


def train(
    method: TableMethod,
    fields: Fields,
    new_model: Callable[[], nn.Module],
    training: Examples,
    validation: Examples,
    recipe: Recipe,
    seed: int,
    judge: Callable[[np.ndarray, np.ndarray], float],
    clock: Callable[[], float] = time.perf_counter,
) -> Trained:
    """Train ``method`` through all of its stages.

    Parameters
    ----------
    new_model : callable
        Makes a click model: (batch, fields, dim) -> (batch,) logits.
    training, validation : Examples
    judge : callable
        ``judge(scores, labels)`` of validation examples, larger is better.
    clock : callable
        Seconds, by which stages are timed.

    Notes
    -----
    The global state of torch's generator is as before afterwards.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _Run(method, fields, new_model, training, validation, recipe, seed, judge).stages(clock)


def choose_device(name: str) -> torch.device:
    """The device called ``name``; ``auto`` is the GPU if there is one."""
    return torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)


class _Run:
    def __init__(
        self,
        method: TableMethod,
        fields: Fields,
        new_model: Callable[[], nn.Module],
        training: Examples,
        validation: Examples,
        recipe: Recipe,
        seed: int,
        judge: Callable[[np.ndarray, np.ndarray], float],
    ) -> None:
        self.method, self.fields, self.new_model, self.recipe, self.judge = method, fields, new_model, recipe, judge
        self.device = choose_device(recipe.device)
        self.training, self.validation = training, validation
        self.rng, self.order = np.random.default_rng([seed, 1]), np.random.default_rng([seed, 2])
        self.state = method.initialize(fields, np.random.default_rng(seed))
        self.model = new_model().to(self.device)
        self.trained = Trained(self.state, self.model, -np.inf)

    def stages(self, clock: Callable[[], float]) -> Trained:
        for stage in self.method.stages():
            start = clock()
            self.state = self.method.begin_stage(stage, self.state, self.fields, self.rng, self._judge_state)
            if stage.restart:
                self.model = self.new_model().to(self.device)
            self._train(stage)
            self.trained.seconds[stage.name] = clock() - start
        self.trained.state, self.trained.model = self.state, self.model.cpu().eval()
        return self.trained

    def _train(self, stage: Stage) -> None:
        """Train one stage; ``self.state`` and ``self.model`` are then the kept ones."""
        table = TableModule(self.method, self.state).to(self.device)
        most = self.recipe.epochs if stage.epochs is None else stage.epochs
        if not most:
            self.trained.validation = self._judged(table)
            return
        optimizers = self._optimizers(table)
        search = self._search(table) if stage.search else None
        best, since, kept, steps = -np.inf, 0, None, count(1)
        if stage.epochs is None and self.trained.epochs and not stage.restart:
            best, kept = self._judged(table), (table.state(), copy.deepcopy(self.model.state_dict()))
        for epoch in range(most):
            table.train()
            self.model.train()
            for ids, labels in self._batches(self.training):
                self._step(table, ids, labels, optimizers, stage, next(steps))
                if search is not None:
                    held_ids, held_labels = next(search[0])
                    self._step(table, held_ids, held_labels, search[1], stage, 0)
            if epoch == 0:
                self._count(table, optimizers, search[1] if search else [])
            self.trained.epochs[stage.name] = epoch + 1
            value = self._judged(table)
            if stage.epochs is not None or value > best:
                best, since = value, 0
                if stage.epochs is None or epoch + 1 == most:
                    kept = table.state(), copy.deepcopy(self.model.state_dict())
            else:
                since += 1
                if since >= self.recipe.patience:
                    break
        assert kept is not None
        self.state, self.trained.validation = kept[0], float(best)
        self.model.load_state_dict(kept[1])

    def _step(
        self,
        table: TableModule,
        ids: torch.Tensor,
        labels: torch.Tensor,
        optimizers: list[Optimizer],
        stage: Stage,
        step: int,
    ) -> None:
        """One step of ``optimizers`` on a batch; ``step`` 0 is of a search, whose weights follow no ``after_step``."""
        loss = binary_cross_entropy_with_logits(self.model(table(ids)), labels)
        rows = ids + table.offsets
        if (penalty := self.method.penalty(table.tensors(), rows)) is not None:
            loss = loss + penalty
        table.zero_grad(set_to_none=True)
        self.model.zero_grad(set_to_none=True)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        if step:
            with torch.no_grad():
                self.method.after_step(table.tensors(), rows, step, stage)

    def _optimizers(self, table: TableModule) -> list[Optimizer]:
        method, recipe = self.method, self.recipe
        weights = {name: tensor for name, tensor in table.weights().items() if name not in method.searched}
        rows = [tensor for name, tensor in weights.items() if name in method.sparse]
        dense = [tensor for name, tensor in weights.items() if name not in method.sparse]
        optimizers: list[Optimizer] = [Adam(self.model.parameters(), recipe.model_rate)]
        if rows:
            optimizers.append(RowAdam(rows, recipe.table_rate))
        if dense:
            optimizers.append(Adam(dense, recipe.table_rate))
        return optimizers

    def _search(self, table: TableModule) -> tuple[Iterator[Any], list[Optimizer]]:
        """Endless validation batches, and the optimizer of the searched weights."""
        weights = [tensor for name, tensor in table.weights().items() if name in self.method.searched]

        def endless() -> Iterator[Any]:
            while True:
                yield from self._batches(self.validation)

        return endless(), [Adam(weights, self.recipe.search_rate)]

    def _batches(self, examples: Examples) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """An epoch in a new order. Blocks of a million examples are read and shuffled, so that a batch is a slice."""
        size = self.recipe.batch_of(len(self.training))
        blocks = -(-len(examples) // _BLOCK)
        for block in self.order.permutation(blocks).tolist():
            part = examples[block * _BLOCK : (block + 1) * _BLOCK]
            ids, labels = self._tensors(part[self.order.permutation(len(part))])
            for start in range(0, len(part), size):
                yield ids[start : start + size], labels[start : start + size]

    def _tensors(self, examples: Examples) -> tuple[torch.Tensor, torch.Tensor]:
        ids, labels = np.asarray(examples.ids, np.int64), np.asarray(examples.labels, np.float32)
        return torch.from_numpy(ids).to(self.device), torch.from_numpy(labels).to(self.device)

    @torch.no_grad()
    def _scores(self, table: TableModule, most: int | None = None) -> np.ndarray:
        """Logits of the validation examples (the first ``most``)."""
        table.eval()
        self.model.eval()
        examples = self.validation[:most]
        blocks = (examples[start : start + _SCORED] for start in range(0, len(examples), _SCORED))
        return torch.cat([self.model(table(self._tensors(block)[0])) for block in blocks]).cpu().numpy()

    def _judged(self, table: TableModule, most: int | None = None) -> float:
        labels = np.asarray(self.validation.labels[:most])
        value = self.judge(self._scores(table, most), labels)
        if not np.isnan(value):
            return value
        if most is not None:  # the first examples may be of one class
            return self._judged(table)
        if len(np.unique(labels)) < 2:
            raise MethodError("validation examples are all of one class; use a part with clicks and non-clicks")
        raise MethodError("training has diverged: validation cannot be scored; use a smaller learning rate")

    def _judge_state(self, state: State) -> float:
        return self._judged(TableModule(self.method, state).to(self.device), _JUDGED)

    def _count(self, table: TableModule, optimizers: list[Any], search: list[Any]) -> None:
        """Bytes of what is kept while training, after the first epoch, when optimizers have all of their state."""
        searched = [tensor for name, tensor in table.weights().items() if name in self.method.searched]
        others = [tensor for name, tensor in table.weights().items() if name not in self.method.searched]
        constants = [tensor for name, tensor in table.tensors().items() if name in table.constants]
        sizes = {
            "weights": _bytes([*others, *constants]),
            "click_model": _bytes(self.model.parameters()),
            "optimizer": sum(map(_state_bytes, optimizers)),
            "search": _bytes(searched) + sum(map(_state_bytes, search)),
        }
        memory = self.trained.memory
        self.trained.memory = {name: max(size, memory.get(name, 0)) for name, size in sizes.items()}


def _bytes(tensors: Any) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _state_bytes(optimizer: Optimizer) -> int:
    return _bytes(value for entry in optimizer.state.values() for value in entry.values() if torch.is_tensor(value))
