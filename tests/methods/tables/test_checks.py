"""Every method of the table track passes every check, and checks can fail."""

from __future__ import annotations

import numpy as np
import pytest

from methods.tables.checks import checks, parametrize
from methods.tables.hash import Hash

BY_NAME = {check.name: check for check in checks()}


@parametrize()
def test_method_passes(method, check):
    check(method)


class Silent(Hash):
    summary = ""


class Hoarding(Hash):
    """Keeps the whole table beside the hashed one."""

    def compress(self, state):
        return super().compress(state) | {"extra": np.zeros((self.total, self.dim), np.float32)}


class Careless(Hash):
    @classmethod
    def for_budget(cls, fields, dim, table_bytes):
        found = Hash.for_budget(fields, dim, max(table_bytes, 300))
        return cls(found.rows, dim, found.kept)


class Other(Hash):
    """Looks up other rows than it trained."""

    def gather(self, arrays, rows):
        return super().gather(arrays, rows) * 1.01


class Unseeded(Hash):
    def initialize(self, fields, rng):
        return super().initialize(fields, np.random.default_rng())


class Idle(Hash):
    """Has a weight that nothing reads."""

    def initialize(self, fields, rng):
        state = super().initialize(fields, rng)
        state.weights["unread"] = np.ones(3, np.float32)
        return state


class Constant(Hash):
    def embed(self, t, rows, training):
        return super().embed(t, rows * 0 + t["places"][0], training)

    def gather(self, arrays, rows):
        return super().gather(arrays, rows * 0 + self.offsets)


class Relative(Hash):
    """An example's rows depend on its batch."""

    def gather(self, arrays, rows):
        found = super().gather(arrays, rows)
        return found - found.mean(axis=0)


class Forgetful(Hash):
    def params(self):
        return super().params() | {"kept": [max(1, count // 2) for count in self.kept]}


BROKEN = [
    ("describes_itself", Silent),
    ("artifact_meets_the_budget_and_what_was_planned", Hoarding),
    ("budget_error_names_the_least", Careless),
    ("artifact_looks_up_what_the_module_gives", Other),
    ("nbytes_are_those_of_the_saved_file", Forgetful),
    ("training_is_deterministic", Unseeded),
    ("gradient_reaches_every_weight", Idle),
    ("an_example_alone_has_the_rows_that_it_has_in_a_batch", Relative),
    ("learns", Constant),
]


@pytest.mark.parametrize(("name", "broken"), [pytest.param(n, c, id=f"{c.__name__}-{n}") for n, c in BROKEN])
def test_a_broken_method_fails_its_check(name, broken):
    cls = type(broken.__name__, (broken,), {"name": ""})  # not the registered name of its base
    with pytest.raises(AssertionError, match=rf"^{broken.__name__}: {name}: .+"):
        BY_NAME[name](cls)
