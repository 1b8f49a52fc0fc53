"""Checks that every method must pass, public for methods of other packages (like scikit-learn's ``check_estimator``).

    from methods.checks import check_method, parametrize

    check_method("my_method")          # all checks; AssertionError names the method and the check

    @parametrize("my_method")          # one pytest case a check: my_method-refit_is_deterministic
    def test_my_method(method, check):
        check(method)

They run on 32-dimensional clustered vectors, at the byte budgets that the method accepts. A method that cannot pass
one declares it with the reason: ``check_exceptions = {"refit_is_deterministic": "..."}``. One whose training is slow
names lighter parameters for the checks: ``check_params = {"epochs": 2}``.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

from methods import registry
from methods._checks import codes, extremes, inputs, search
from methods._checks.subject import CHECKS, CheckFunction, Subject
from methods.base import Codec
from methods.errors import MethodError, MissingDependency

__all__ = ["check_method", "checks", "parametrize"]

_THEMES = (inputs, codes, search, extremes)  # importing them fills CHECKS


class Check:
    """One check, callable with a method's name or class.

    Attributes
    ----------
    name : str
        The behaviour that it holds a method to.
    """

    def __init__(self, function: CheckFunction) -> None:
        self.name = self.__name__ = function.__name__
        self.__doc__ = function.__doc__
        self._function = function

    def __call__(self, method: str | type[Codec]) -> None:
        """Run it; :class:`AssertionError` with ``method: check: what is wrong`` if it fails."""
        subject = _subject(method)
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)  # a division by zero is a defect even if it is masked later
            try:
                self._function(subject)
            except AssertionError as error:
                raise AssertionError(f"{subject.name}: {self.name}: {error}") from error
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
                raise AssertionError(f"{subject.name}: {self.name}: unexpected {reason}") from error

    def __repr__(self) -> str:
        return f"<Check {self.name}>"


def checks() -> list[Check]:
    """All checks, in the order in which they run."""
    return [Check(function) for function in CHECKS.values()]


def check_method(method: str | type[Codec]) -> dict[str, str]:
    """Run every check on ``method``.

    Parameters
    ----------
    method : str or type[Codec]
        A registered name, or a codec class.

    Returns
    -------
    dict
        Check -> ``"passed"``, or ``"exempt: <reason>"`` where the method declares an exception.

    Raises
    ------
    AssertionError
        By the first check that fails, naming method and check.
    MissingDependency
        If an optional dependency of the method is not installed.
    """
    cls = _subject(method).cls
    if cls.name and (missing := registry.missing_dependencies(cls.name)):
        raise MissingDependency(f"{cls.name} needs {', '.join(missing)}; install it with pip")
    _refuse_unknown_exceptions(cls)
    outcome = {}
    for check in checks():
        if (reason := cls.check_exceptions.get(check.name)) is None:
            check(method)
        outcome[check.name] = "passed" if reason is None else f"exempt: {reason}"
    return outcome


def parametrize(*methods: str | type[Codec]) -> Callable[[Callable], Callable]:
    """pytest decorator for ``def test(method, check): check(method)``: a case for every method and check.

    Parameters
    ----------
    methods : str or type[Codec]
        Names or classes; none means every registered method.
    """
    import pytest

    def case(method: str | type[Codec], check: Check) -> Any:
        cls = registry.get(method) if isinstance(method, str) else method
        label = cls.name or cls.__name__
        _refuse_unknown_exceptions(cls)
        marks: list[Any] = []
        if cls.name and (missing := registry.missing_dependencies(cls.name)):
            marks.append(pytest.mark.skip(reason=f"needs {', '.join(missing)}"))
        elif check.name in cls.check_exceptions:
            # Strict: an exception that is no longer needed has to go.
            marks.append(pytest.mark.xfail(reason=cls.check_exceptions[check.name], strict=True))
        return pytest.param(method, check, id=f"{label}-{check.name}", marks=marks)

    chosen = methods or tuple(registry.names())
    return pytest.mark.parametrize(
        ("method", "check"), [case(method, check) for method in chosen for check in checks()]
    )


@functools.lru_cache(maxsize=4)
def _subject(method: str | type[Codec]) -> Subject:
    """The method with its fitted codecs, which the checks of one method share."""
    return Subject(method)


def _refuse_unknown_exceptions(cls: type[Codec]) -> None:
    for name, reason in cls.check_exceptions.items():
        if name not in CHECKS:
            raise MethodError(f"{cls.__name__}.check_exceptions names {name!r}, which is no check; see methods.checks")
        if not reason:
            raise MethodError(f"{cls.__name__}.check_exceptions[{name!r}] gives no reason")
