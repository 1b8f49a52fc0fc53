"""Training: rows by lazy Adam, stopping by validation alone, stages, counted memory, the caller's random state."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from methods.errors import MethodError
from methods.tables._adam import Adam, RowAdam
from methods.tables._training import train
from methods.tables.base import Fields, Stage
from methods.tables.checks import _linear as linear
from methods.tables.checks import fields, judge, training, validation
from methods.tables.hash import Hash
from methods.tables.training import Examples, Recipe

RECIPE = Recipe(batch=256, epochs=6, steps=8, table_rate=0.02, model_rate=0.02, device="cpu")


def method():
    return Hash.for_budget(fields(), 16, fields().nbytes(16) // 4)


def run(chosen=None, recipe=RECIPE, held=None, judged=judge, seed=0):
    return train(chosen or method(), fields(), linear, training(), held or validation(), recipe, seed, judged)


class RowAdamOfAnyDevice(RowAdam):
    """Without the kernel."""

    def _fresh(self, weight):
        return super(RowAdam, self)._fresh(weight)


@pytest.mark.parametrize(
    ("kind", "theirs", "sparse"),
    [
        (Adam, torch.optim.Adam, False),
        (RowAdam, torch.optim.SparseAdam, True),
        (RowAdamOfAnyDevice, torch.optim.SparseAdam, True),
    ],
)
def test_adam_is_that_of_torch(kind, theirs, sparse):
    start = torch.randn(40, 4, generator=torch.Generator().manual_seed(0))
    weights = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    optimizers = [kind([weights[0]], 0.01), theirs([weights[1]], lr=0.01)]
    rng = np.random.default_rng(0)
    for _ in range(20):
        rows = torch.from_numpy(rng.integers(0, 40, 12))
        target = torch.from_numpy(rng.standard_normal((12, 4)).astype(np.float32))
        for weight, optimizer in zip(weights, optimizers):
            weight.grad = None
            (torch.nn.functional.embedding(rows, weight, sparse=sparse) * target).sum().backward()
            optimizer.step()
    ours, expected = (weight.detach().numpy() for weight in weights)
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)
    assert not np.array_equal(ours, start)


@pytest.mark.thorough
@pytest.mark.integration
def test_what_a_run_trains_with_does_not_import_the_compiler_of_torch():
    code = "import sys, tests.methods.tables.test_training as t; t.run(); sys.exit('torch._dynamo' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_training_stops_when_validation_does_not_rise_and_keeps_the_best():
    values = iter([0.6, 0.7, 0.65, 0.9])
    done = run(judged=lambda scores, labels: next(values))
    assert done.epochs == {"train": 3}
    assert done.validation == 0.7
    values = iter([0.6, 0.7])
    until_best = run(recipe=Recipe(**{**RECIPE.__dict__, "epochs": 2}), judged=lambda scores, labels: next(values))
    np.testing.assert_array_equal(done.state.weights["table"], until_best.state.weights["table"])


def test_the_judge_sees_validation_scores_and_their_labels():
    seen = []

    def judged(scores, labels):
        seen.append((scores.shape, labels))
        return judge(scores, labels)

    run(judged=judged)
    assert {shape for shape, _ in seen} == {(600,)}
    assert all(np.array_equal(labels, validation().labels) for _, labels in seen)


def test_validation_examples_train_nothing_but_what_is_searched():
    other = Examples(validation().ids[::-1].copy(), 1 - validation().labels)
    constant = iter(range(100))
    one = run(recipe=Recipe(**{**RECIPE.__dict__, "epochs": 2}), judged=lambda scores, labels: next(constant))
    two = run(recipe=Recipe(**{**RECIPE.__dict__, "epochs": 2}), held=other, judged=lambda s, labels: next(constant))
    np.testing.assert_array_equal(one.state.weights["table"], two.state.weights["table"])


def test_stages_of_fixed_length_keep_their_last_state():
    class Staged(Hash):
        name = ""

        def stages(self):
            return Stage("first", epochs=2), Stage("second", epochs=0)

        def begin_stage(self, stage, state, fields, rng, judge):
            begun.append(stage.name)
            return state

    begun = []
    values = iter([0.9, 0.1, 0.1])
    done = run(Staged.for_budget(fields(), 16, 10**5), judged=lambda scores, labels: next(values))
    assert begun == ["first", "second"]
    assert done.epochs == {"first": 2}
    assert done.validation == 0.1


def test_a_stage_that_goes_on_may_keep_the_state_it_starts_from():
    class Tuned(Hash):
        name = ""

        def stages(self):
            return Stage("train", epochs=1), Stage("fine-tune")

        def begin_stage(self, stage, state, fields, rng, judge):
            begun.append(state)
            return state

    begun = []
    values = iter([0.5, 0.9, 0.8])
    done = run(Tuned.for_budget(fields(), 16, 10**5), judged=lambda scores, labels: next(values))
    assert done.epochs == {"train": 1, "fine-tune": 1}
    assert done.validation == 0.9
    np.testing.assert_array_equal(done.state.weights["table"], begun[1].weights["table"])


def test_deep_light_is_pruned_inside_its_first_training():
    from methods.tables.deep_light import DeepLight

    assert [stage.name for stage in DeepLight.for_budget(fields(), 16, 10**4).stages()] == ["prune", "fine-tune"]


def test_validation_of_one_class_and_diverged_training_are_refused():
    held = Examples(validation().ids, np.ones(len(validation()), np.uint8))
    with pytest.raises(MethodError, match="all of one class; use a part"):
        run(held=held, judged=lambda scores, labels: float("nan"))
    with pytest.raises(MethodError, match="diverged"):
        run(judged=lambda scores, labels: float("nan"))


def test_memory_is_counted_from_tensors():
    done = run(recipe=Recipe(**{**RECIPE.__dict__, "epochs": 1}))
    table = done.state.weights["table"].nbytes
    assert table < done.memory["weights"] < table + 200  # and the places of fields
    assert done.memory["optimizer"] >= 2 * table
    assert done.memory["search"] == 0
    from methods.tables.auto_dim import AutoDim

    searched = run(AutoDim.for_budget(fields(), 16, 10**5), recipe=Recipe(**{**RECIPE.__dict__, "epochs": 1}))
    assert 3 * 4 * 4 * 5 <= searched.memory["search"] <= 3 * 4 * 4 * 5 + 8  # gates, and two moments of them


def test_a_seed_decides_everything():
    first, second, other = run(seed=1), run(seed=1), run(seed=2)
    np.testing.assert_array_equal(first.state.weights["table"], second.state.weights["table"])
    assert not np.array_equal(first.state.weights["table"], other.state.weights["table"])


@pytest.mark.parametrize(("examples", "batch"), [(10**6, 2048), (80_000, 512), (2_400, 16), (10, 16)])
def test_a_small_data_set_is_trained_in_smaller_batches(examples, batch):
    assert Recipe().batch_of(examples) == batch


def test_a_table_of_one_field_and_one_row_trains():
    one = Fields((1,), np.array([4]))
    held = Examples(np.zeros((4, 1), np.int64), np.array([0, 1, 0, 1]))

    def flat():
        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 1), torch.nn.Flatten(0))

    done = train(Hash((1,), 16, [1]), one, flat, held, held, RECIPE, 0, lambda scores, labels: 0.5)
    assert np.isfinite(done.state.weights["table"]).all()
