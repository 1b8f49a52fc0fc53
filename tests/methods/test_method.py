"""Parameters are spelled once: constructors hold them, and a method says what a budget decides."""

from __future__ import annotations

import inspect
from typing import ClassVar

import pytest

from methods import registry
from methods.base import Codec, Metric
from methods.errors import BudgetError

TRACKS = {"dense": ("dim", "metric"), "multivector": ("dim",), "table": ("rows", "dim")}


class Scaled(Codec):
    """As many bytes as a budget has, or ``most``."""

    def __init__(self, dim, metric=Metric.IP, size=1, *, step=0.5, turns=3):
        super().__init__(dim, metric)
        self.size, self.step, self.turns = size, step, turns

    @classmethod
    def _sized(cls, dim, code_bytes, metric, *, most=4, turns):
        return {"size": min(code_bytes, most) * turns // turns}

    @property
    def code_size(self):
        return self.size

    def parts(self):
        return {}

    def _load_parts(self, parts):
        pass

    def _encode(self, vectors):
        raise NotImplementedError


class Wider(Scaled):
    def __init__(self, dim, metric=Metric.IP, size=1, *, rows=7, **scaled):
        super().__init__(dim, metric, size, **scaled)
        self.rows = rows


def test_parameters_are_those_behind_the_star_of_constructor_and_hook():
    assert Scaled.parameters() == {"most": 4, "step": 0.5, "turns": 3}
    assert Scaled.for_budget(8, 3, "l2", step=2.0).params() == {
        "dim": 8,
        "metric": Metric.L2,
        "size": 3,
        "step": 2.0,
        "turns": 3,
    }
    assert Scaled.for_budget(8, 9, most=6).size == 6


def test_a_constructor_with_keywords_takes_those_of_its_base():
    assert list(Wider.parameters()) == ["most", "step", "turns", "rows"]
    codec = Wider.for_budget(8, 2, rows=9, turns=1)
    assert codec.params() == {"dim": 8, "metric": Metric.IP, "size": 2, "step": 0.5, "turns": 1, "rows": 9}
    assert Wider(**codec.params()).params() == codec.params()


class OneStep(Scaled):
    """With a ``for_budget`` of its own, which leaves a user the size alone."""

    @classmethod
    def for_budget(cls, dim, code_bytes, metric=Metric.IP, *, most=3):
        return super().for_budget(dim, code_bytes, metric, most=most, step=0.25)


def test_a_for_budget_of_its_own_may_set_what_the_base_takes():
    assert OneStep.parameters() == {"most": 3}
    assert OneStep.for_budget(8, 9).params() == {"dim": 8, "metric": Metric.IP, "size": 3, "step": 0.25, "turns": 3}


class Renamed(Wider):
    renamed: ClassVar = {"bytes": "size", "columns": "rows"}


class OnceRenamed(Renamed):
    """Inherits the earlier names."""

    def __init__(self, dim, metric=Metric.IP, size=1, *, more=0, **wider):
        super().__init__(dim, metric, size, **wider)
        self.more = more


@pytest.mark.parametrize("cls", [Renamed, OnceRenamed])
def test_a_constructor_takes_earlier_names_of_parameters(cls):
    codec = cls(8, bytes=3, columns=9)
    assert codec.params() == cls(8, "ip", 3, rows=9).params()
    assert eval(repr(codec), {cls.__name__: cls}).params() == codec.params()
    assert "columns" not in cls.parameters()
    assert "bytes" not in inspect.signature(cls).parameters


def test_a_parameter_given_by_both_names_is_refused():
    with pytest.raises(TypeError, match="'columns' is called 'rows' now, and both are given; leave one out"):
        Renamed(8, columns=9, rows=9)
    with pytest.raises(TypeError, match="size"):
        Renamed(8, "ip", 3, bytes=3)


@pytest.mark.parametrize("name", ["size", "turn"])
def test_what_the_bytes_decide_cannot_be_given(name):
    with pytest.raises(TypeError, match=f"Scaled has no parameter '{name}'"):
        Scaled.for_budget(8, 2, **{name: 1})


def test_one_size_that_does_not_fit_is_named():
    with pytest.raises(BudgetError, match="32"):
        registry.get("float32").for_budget(8, 31)


@pytest.mark.parametrize("name", registry.names(None))
def test_no_default_is_written_twice(name):
    """A keyword of the hook has a default of its own only where the constructor has none for users, or another."""
    cls = registry.get(name, None)
    own = cls._own_keywords()
    for key, each in inspect.signature(cls._sized).parameters.items():
        if each.kind is each.KEYWORD_ONLY:
            assert (each.default is each.empty) == (key in own), key
    assert not set(TRACKS[cls.track]) & set(registry.parameters(name))
