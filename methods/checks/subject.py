"""A method under check: its configurations at several budgets, each fitted once, and the register of checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from methods import registry
from methods.base import Codec, Metric, Searcher
from methods.checks import data
from methods.checks.suite import Suite
from methods.docstrings import meanings
from methods.errors import BudgetError

_LADDER = (1, 2, 4, 8, 12, 16, 24, 32)  # code bytes that are tried at dimension 32: up to a quarter of float32


class Subject:
    """What the checks ask of a method.

    Parameters
    ----------
    method : str or type[Codec]
        A registered name, or a class.
    """

    def __init__(self, method: str | type[Codec]) -> None:
        self.cls = registry.get(method) if isinstance(method, str) else method
        self.name = self.cls.name or self.cls.__name__
        self._fitted: dict[tuple, Codec] = {}
        self._codes: dict[tuple, np.ndarray] = {}
        self._trained_on: dict[tuple, np.ndarray] = {}
        self._budgets: dict[int, list[int]] = {}

    @property
    def registered(self) -> bool:
        return self.cls.name in registry.names() and registry.get(self.cls.name) is self.cls

    @property
    def metrics(self) -> list[Metric]:
        """Supported metrics, in the order ip, cosine, l2; at least one."""
        supported = [metric for metric in Metric if metric in self.cls.metrics]
        expect(bool(supported), f"class attribute 'metrics' has none of {', '.join(Metric)}")
        return supported

    @property
    def metric(self) -> Metric:
        """The metric of the checks for which any will do."""
        return self.metrics[0]

    def configure(self, code_bytes: int, metric: Metric | None = None, dim: int = data.DIM, **params: Any) -> Codec:
        """A fresh unfitted codec, by the way a user would get it."""
        metric = metric or self.metric
        params = {**self.cls.check_params, **params}
        if self.registered:
            return registry.for_budget(self.name, dim, code_bytes, metric, **params)
        return self.cls.for_budget(dim, code_bytes, metric, **params)

    def fit(self, codec: Codec, vectors: np.ndarray, seed: int = 0, queries: np.ndarray | None = None) -> Codec:
        """``codec.fit(vectors, seed)``, with ``queries`` (or those of the checks) where the method uses them."""
        if not codec.uses_queries:
            return codec.fit(vectors, seed=seed)
        return codec.fit(vectors, seed=seed, queries=data.training_queries(vectors, queries))

    def smallest(self, dim: int = data.DIM, metric: Metric | None = None) -> int:
        """The smallest budget that the method accepts, as its :class:`BudgetError` names it."""
        try:
            codec = self.configure(0, metric, dim)
        except BudgetError as error:
            return error.smallest
        raise AssertionError(
            f"a budget of 0 bytes is accepted, with code_size={codec.code_size}; where none fits, _sized has to choose "
            "the smallest, which the base class refuses (an own for_budget raises BudgetError(label, 0, smallest))"
        )

    def budgets(self, dim: int = data.DIM) -> list[int]:
        """At most three budgets with distinct code sizes, ascending: the smallest of all metrics, one between, the
        largest."""
        if dim not in self._budgets:
            self._budgets[dim] = self._distinct_budgets(dim)
        return self._budgets[dim]

    def _distinct_budgets(self, dim: int) -> list[int]:
        sizes: dict[int, int] = {}
        smallest = max(self.smallest(dim, metric) for metric in self.metrics)
        for code_bytes in (smallest, *(step for step in _LADDER if step > smallest)):
            sizes.setdefault(self.configure(code_bytes, dim=dim).code_size, code_bytes)
        budgets = [sizes[size] for size in sorted(sizes)]
        return budgets if len(budgets) <= 2 else [budgets[0], budgets[len(budgets) // 2], budgets[-1]]

    @property
    def budget(self) -> int:
        """The budget of the checks for which any will do: the one in the middle."""
        budgets = self.budgets()
        return budgets[len(budgets) // 2]

    def fitted(self, code_bytes: int | None = None, metric: Metric | None = None) -> Codec:
        """A codec fitted on the training vectors with seed 0; shared between checks, which must not change it."""
        key = (self.budget if code_bytes is None else code_bytes, metric or self.metric)
        if key not in self._fitted:
            codec = self._fitted[key] = self.configure(*key)
            train = self._trained_on[key] = data.train().copy()  # writable, to see whether fit writes to it
            self.fit(codec, train)
        return self._fitted[key]

    def trained_on(self, metric: Metric) -> np.ndarray:
        """The vectors that the codec of :attr:`budget` was fitted on, as they are after that."""
        self.fitted(metric=metric)
        return self._trained_on[self.budget, metric]

    def codes(self, code_bytes: int | None = None, metric: Metric | None = None) -> np.ndarray:
        """Read-only codes of the base vectors by :meth:`fitted`."""
        key = (self.budget if code_bytes is None else code_bytes, metric or self.metric)
        if key not in self._codes:
            self._codes[key] = data.frozen(self.fitted(*key).encode(data.base()))
        return self._codes[key]

    def searcher(self, code_bytes: int | None = None, metric: Metric | None = None) -> Searcher:
        """A searcher over :meth:`codes`."""
        return self.fitted(code_bytes, metric).searcher(self.codes(code_bytes, metric))


SUITE = Suite(registry.DENSE, Subject)
check = SUITE.add


def expect(condition: bool | np.bool_, message: str) -> None:
    """Fail the running check with ``message`` unless ``condition`` holds."""
    if not condition:
        raise AssertionError(message)


def expect_error(kind: type[Exception], action: Callable[[], Any], what: str, mention: str = "") -> None:
    """Fail the running check unless ``action`` raises ``kind`` with a one-line message that holds ``mention``."""
    try:
        action()
    except kind as error:
        text = str(error)
        expect(mention in text, f"{what}: the message does not name {mention!r}: {text}")
        expect(bool(text) and "\n" not in text, f"{what}: the message is not one line: {text!r}")
    except Exception as error:
        raise AssertionError(f"{what}: raises {type(error).__name__}, not {kind.__name__}: {error}") from error
    else:
        raise AssertionError(f"{what}: does not raise {kind.__name__}")


def expect_same_codes(codec: Codec, first: np.ndarray, second: np.ndarray, what: str) -> None:
    """Fail unless two sets of codes are the same, but for the rounding of matrix products of different shapes.

    A row may differ if it decodes to the same vector within 1e-3 (factors stored as floats), and one row in a
    hundred may lie on a boundary between two codes.
    """
    expect(first.shape == second.shape, f"{what}: codes of shape {first.shape} and {second.shape}")
    differing = np.flatnonzero((first != second).any(axis=1))
    if len(differing) and codec.decodable:
        a, b = codec.decode(first[differing]), codec.decode(second[differing])
        differing = differing[np.linalg.norm(a - b, axis=1) > 1e-3 * np.linalg.norm(a, axis=1)]
    allowed = len(first) // 100
    expect(len(differing) <= allowed, f"{what}: {len(differing)} of {len(first)} codes differ")


def expect_description(cls: type[Any]) -> None:
    """Family, summary, source and version of a method and what its parameters mean are there for lists and records."""
    for attribute in ("family", "summary", "source", "version"):
        value = getattr(cls, attribute)
        expect(
            isinstance(value, str) and bool(value.strip()), f"class attribute {attribute!r} is empty; say what it is"
        )
    expect("\n" not in cls.summary, "summary is more than one line")
    unsaid = ", ".join(name for name in cls.parameters() if name not in meanings(cls))
    expect(
        not unsaid,
        f"the class docstring does not say what {unsaid} means; say it in a section 'Parameters', as numpydoc",
    )
