"""Checks that every table method must pass; public for methods of other packages.

    from methods.tables.checks import check_method, parametrize

As :mod:`methods.checks`, on a table of 2,036 rows in four fields whose labels depend on the ids.
"""

from __future__ import annotations

import functools
import json
import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from methods import registry
from methods.checks.subject import expect, expect_description, expect_error
from methods.checks.suite import Suite
from methods.errors import BudgetError, MethodError
from methods.tables.base import Fields, TableArtifact, TableMethod
from methods.tables.training import Examples, Recipe

if TYPE_CHECKING:
    from methods.tables._training import Trained

__all__ = ["check_method", "checks", "parametrize"]

DIM, ROWS = 16, (1200, 700, 130, 6)
_EXAMPLES = 3000
_RECIPE = Recipe(batch=256, epochs=3, steps=8, table_rate=0.02, model_rate=0.02, device="cpu")
_HEAD_BYTES = 100  # of a saved file, for the name and shape of an array


@functools.cache
def examples() -> Examples:
    """Ids of popular rows mostly (rank to the power -1), and labels by a hidden number of each row."""
    rng = np.random.default_rng(7)
    columns = []
    for count in ROWS:
        chance = 1 / np.arange(1, count + 1)
        columns.append(rng.permutation(count)[rng.choice(count, _EXAMPLES, p=chance / chance.sum())])
    ids = np.stack(columns, axis=1)
    hidden = [rng.standard_normal(count) for count in ROWS]
    logits = sum(values[column] for values, column in zip(hidden, columns))
    return Examples(ids, (rng.random(_EXAMPLES) < 1 / (1 + np.exp(-2 * logits))).astype(np.uint8))


def training() -> Examples:
    return examples()[:2400]


def validation() -> Examples:
    return examples()[2400:]


@functools.cache
def fields() -> Fields:
    offsets = np.concatenate([[0], np.cumsum(ROWS)[:-1]])
    return Fields(ROWS, np.bincount((training().ids + offsets).ravel(), minlength=sum(ROWS)).astype(np.int64))


def every_id() -> np.ndarray:
    """(max(ROWS), fields): every row of every field is read at least once."""
    return np.stack([np.arange(max(ROWS)) % count for count in ROWS], axis=1)


def judge(scores: np.ndarray, labels: np.ndarray) -> float:
    """Share of pairs of a positive and a negative example in the right order."""
    positive, negative = scores[labels == 1], scores[labels == 0]
    return float((positive[:, None] > negative).mean())


class Subject:
    """A method under check: configured at several budgets, each trained once."""

    def __init__(self, method: str | type[TableMethod]) -> None:
        self.cls: type[TableMethod] = registry.get(method, TableMethod.track) if isinstance(method, str) else method
        self.name = self.cls.name or self.cls.__name__
        self._trained: dict[int, tuple[TableMethod, Trained]] = {}

    def configure(self, table_bytes: int) -> TableMethod:
        if self.cls.name in registry.names(TableMethod.track):
            return registry.configured(self.cls, fields(), DIM, table_bytes, **self.cls.check_params)
        return self.cls.for_budget(fields(), DIM, table_bytes, **self.cls.check_params)

    @functools.cached_property
    def smallest(self) -> int:
        try:
            self.configure(0)
        except BudgetError as error:
            return error.smallest
        raise AssertionError("for_budget accepts 0 bytes; it has to raise TableBudgetError(label, 0, smallest)")

    @functools.cached_property
    def budgets(self) -> list[int]:
        """The smallest budget, and twice that or a quarter of float32, whichever is more."""
        return [self.smallest, max(2 * self.smallest, fields().nbytes(DIM) // 4)]

    def train(self, table_bytes: int) -> tuple[TableMethod, Trained]:
        from methods.tables import _training

        method = self.configure(table_bytes)
        done = _training.train(method, fields(), _linear, training(), validation(), _RECIPE, 0, judge)
        return method, done

    def trained(self, table_bytes: int) -> tuple[TableMethod, Trained]:
        if table_bytes not in self._trained:
            self._trained[table_bytes] = self.train(table_bytes)
        return self._trained[table_bytes]

    def artifact(self, table_bytes: int) -> TableArtifact:
        method, done = self.trained(table_bytes)
        return method.export(done.state)


def _linear() -> Any:
    """A logistic model of all values of an example's rows."""
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(len(ROWS) * DIM, 1), nn.Flatten(0))


SUITE = Suite(TableMethod.track, Subject)
_check = SUITE.add


@_check
def describes_itself(subject: Subject) -> None:
    """Family, summary, source and version are there for lists, tables and records."""
    expect_description(subject.cls)


@_check
def artifact_meets_the_budget_and_what_was_planned(subject: Subject) -> None:
    """Stored bytes are at most what was planned before training, and that is within the budget."""
    for budget in subject.budgets:
        planned, size = subject.configure(budget).planned_bytes, subject.artifact(budget).nbytes
        expect(planned <= budget, f"plans {planned} bytes at a budget of {budget}")
        expect(size <= planned, f"stores {size} bytes, planned were {planned}")


@_check
def budget_error_names_the_least(subject: Subject) -> None:
    """``BudgetError.smallest`` bytes are accepted and one byte less is not."""
    subject.configure(subject.smallest)
    less = subject.smallest - 1
    expect_error(BudgetError, lambda: subject.configure(less), f"{less} bytes", f"{subject.smallest:,}")


@_check
def artifact_looks_up_what_the_module_gives(subject: Subject) -> None:
    """Every row of the artifact is that of the trained module in eval mode, to 1e-5."""
    import torch

    from methods.tables._module import TableModule

    for budget in subject.budgets:
        method, done = subject.trained(budget)
        module = TableModule(method, done.state).eval()
        with torch.no_grad():
            expected = module(torch.from_numpy(every_id())).numpy()
        vectors = subject.artifact(budget).lookup(every_id())
        expect(vectors.dtype == np.float32, f"lookup gives {vectors.dtype}, not float32")
        expect(vectors.shape == (len(every_id()), len(ROWS), DIM), f"lookup gives shape {vectors.shape}")
        expect(bool(np.isfinite(vectors).all()), "rows, perhaps of ids without training examples, are not finite")
        worst = float(np.abs(vectors - expected).max())
        expect(worst <= 1e-5, f"rows differ by {worst:.3g} at {budget} bytes")


@_check
def nbytes_are_those_of_the_saved_file(subject: Subject) -> None:
    """The file is no larger than the arrays by more than 1%, their names and shapes aside; it loads to the same."""
    artifact = subject.artifact(subject.budgets[1])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.bin"
        artifact.save(path)
        size = path.stat().st_size
        again = TableArtifact.load(subject.cls(**json.loads(json.dumps(artifact.method.params()))), path)
    expect(sum(artifact.parts().values()) == artifact.nbytes, "parts do not add up to nbytes")
    slack = 0.01 * artifact.nbytes + _HEAD_BYTES * len(artifact.arrays)
    expect(artifact.nbytes <= size <= artifact.nbytes + slack, f"the file has {size} bytes, nbytes {artifact.nbytes}")
    same = np.array_equal(again.lookup(every_id()), artifact.lookup(every_id()))
    expect(same, "rows differ after params() through JSON, save and load")


@_check
def training_is_deterministic(subject: Subject) -> None:
    """One seed gives one artifact, whatever the global random state, which stays as it is."""
    import torch

    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    before = torch.random.get_rng_state(), random.getstate(), _numpy_state()
    method, done = subject.train(subject.budgets[1])
    after = torch.random.get_rng_state(), random.getstate(), _numpy_state()
    same = bool(torch.equal(before[0], after[0])) and before[1:] == after[1:]
    expect(same, "a global random state has moved; use a generator of your own")
    first, second = subject.artifact(subject.budgets[1]).arrays, method.export(done.state).arrays
    expect(first.keys() == second.keys(), f"arrays are named {sorted(first)} and {sorted(second)}")
    for name in first:
        expect(np.array_equal(first[name], second[name]), f"array {name!r} differs in a second training")


def _numpy_state() -> tuple[Any, ...]:
    state = np.random.get_state(legacy=False)  # noqa: NPY002
    assert isinstance(state, dict)
    return state["state"]["key"].tobytes(), state["state"]["pos"]


@_check
def gradient_reaches_every_weight(subject: Subject) -> None:
    """A batch of all ids gives every trainable array a gradient that is finite and somewhere not zero."""
    import torch

    from methods.tables._module import untrained

    module = untrained(subject.configure(subject.budgets[1]), fields(), 0).train()
    rows = module(torch.from_numpy(every_id()))
    target = torch.from_numpy(np.random.default_rng(1).standard_normal(rows.shape).astype(np.float32))
    (rows * target).sum().backward()
    for name, weight in module.weights().items():
        sparse_or_dense = weight.grad
        if sparse_or_dense is None:
            raise AssertionError(f"no gradient reaches {name!r}")
        gradient = sparse_or_dense.to_dense() if sparse_or_dense.is_sparse else sparse_or_dense
        expect(bool(torch.isfinite(gradient).all()), f"the gradient of {name!r} is not finite")
        expect(float(gradient.abs().max()) > 0, f"the gradient of {name!r} is zero")
        expect(sparse_or_dense.is_sparse == (name in subject.cls.sparse), f"{name!r} is not in sparse, or wrongly")


@_check
def refuses_ids_out_of_range(subject: Subject) -> None:
    """An id beyond its field, a negative one, another number of fields, no integers: one line each."""
    artifact = subject.artifact(subject.budgets[0])
    good = np.zeros((2, len(ROWS)), np.int64)
    for column, wrong in ((3, ROWS[3]), (0, -1), (1, 2**40)):
        ids = good.copy()
        ids[1, column] = wrong
        expect_error(MethodError, functools.partial(artifact.lookup, ids), f"id {wrong}", f"field {column}")
    expect_error(MethodError, lambda: artifact.lookup(good[:, :2]), "two fields", "integers")
    expect_error(MethodError, lambda: artifact.lookup(good.astype(float)), "floats", "integers")
    expect(artifact.lookup(good[:0]).shape == (0, len(ROWS), DIM), "no example gives no rows")


@_check
def an_example_alone_has_the_rows_that_it_has_in_a_batch(subject: Subject) -> None:
    """Lookups one by one, and of 32-bit ids, give what a batch gives."""
    artifact = subject.artifact(subject.budgets[1])
    ids = every_id()[::97]
    batch = artifact.lookup(ids)
    single = np.concatenate([artifact.lookup(ids[i : i + 1].astype(np.int32)) for i in range(len(ids))])
    worst = float(np.abs(batch - single).max())
    expect(worst <= 1e-5, f"rows differ by {worst:.3g}")


@_check
def learns(subject: Subject) -> None:
    """A logistic model over the artifact's rows orders held-out examples clearly better than chance."""
    import torch

    _, done = subject.trained(subject.budgets[1])
    with torch.no_grad():
        rows = torch.from_numpy(subject.artifact(subject.budgets[1]).lookup(validation().ids))
        auc = judge(done.model(rows).numpy(), validation().labels)
    expect(auc > 0.6, f"AUC {auc:.3f} at {subject.budgets[1]} bytes")


checks = SUITE.checks
check_method = SUITE.check_method
parametrize = SUITE.parametrize
