"""A track's suite of checks: the register, running them on one method, one pytest case a method and check."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar, cast

from methods import registry
from methods.errors import MethodError, MissingDependency


class Subject(Protocol):
    """A method under check, with whatever the checks of its track share of it."""

    cls: Any
    name: str


S = TypeVar("S", bound=Subject)
Method = str | type[Any]  # a registered name, or a class


class Check(Generic[S]):
    """One check, callable with a method's name or class.

    Attributes
    ----------
    name : str
        The behavior that it holds a method to.
    """

    def __init__(self, function: Callable[[S], None], subject: Callable[[Method], S]) -> None:
        self.name = self.__name__ = function.__name__
        self.__doc__ = function.__doc__
        self._function, self._subject = function, subject

    def __call__(self, method: Method) -> None:
        """Run it; :class:`AssertionError` with ``method: check: what is wrong`` if it fails."""
        subject = self._subject(method)
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


class Suite(Generic[S]):
    """The checks that every method of one track must pass.

    Parameters
    ----------
    track : str
        The track.
    subject : Callable
        Makes what the checks are given from a method's name or class. The last four are kept: the checks of one
        method share what it has fitted.
    """

    def __init__(self, track: str, subject: Callable[[Method], S]) -> None:
        self._track = track
        self._subject = cast("Callable[[Method], S]", functools.lru_cache(maxsize=4)(subject))
        self._checks: dict[str, Check[S]] = {}

    def add(self, function: Callable[[S], None]) -> Callable[[S], None]:
        """Decorator: adds ``function`` to the checks, under its own name."""
        self._checks[function.__name__] = Check(function, self._subject)
        return function

    def checks(self) -> list[Check[S]]:
        """All checks, in the order in which they run."""
        return list(self._checks.values())

    def check_method(self, method: Method) -> dict[str, str]:
        """Run every check on ``method``.

        Parameters
        ----------
        method : str or type
            A registered name, or a method's class.

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
        cls = self._class(method)
        if missing := _missing(cls):
            raise MissingDependency(f"{cls.name} needs {missing}; install it with pip")
        outcome = {}
        for check in self.checks():
            if (reason := cls.check_exceptions.get(check.name)) is None:
                check(method)
            outcome[check.name] = "passed" if reason is None else f"exempt: {reason}"
        return outcome

    def parametrize(self, *methods: Method) -> Callable[[Callable], Callable]:
        """pytest decorator for ``def test(method, check): check(method)``: a case for every method and check.

        Parameters
        ----------
        methods : str or type
            Names or classes; none means every registered method of the track.
        """
        import pytest

        def case(method: Method, check: Check[S]) -> Any:
            cls = self._class(method)
            marks: list[Any] = []
            if missing := _missing(cls):
                marks.append(pytest.mark.skip(reason=f"needs {missing}"))
            elif check.name in cls.check_exceptions:
                # Strict: an exception that is no longer needed has to go.
                marks.append(pytest.mark.xfail(reason=cls.check_exceptions[check.name], strict=True))
            return pytest.param(method, check, id=f"{cls.name or cls.__name__}-{check.name}", marks=marks)

        chosen = methods or tuple(registry.names(self._track))
        return pytest.mark.parametrize(
            ("method", "check"), [case(method, check) for method in chosen for check in self.checks()]
        )

    def _class(self, method: Method) -> type[Any]:
        """The method's class; its exceptions name checks that there are, each with a reason."""
        cls = registry.get(method, self._track) if isinstance(method, str) else method
        for name, reason in cls.check_exceptions.items():
            if name not in self._checks:
                known = ", ".join(self._checks)
                raise MethodError(f"{cls.__name__}.check_exceptions names {name!r}, which is no check; use {known}")
            if not reason:
                raise MethodError(f"{cls.__name__}.check_exceptions[{name!r}] gives no reason")
        return cls


def _missing(cls: type[Any]) -> str:
    """The optional dependencies of a registered class that are not installed, for a message."""
    return ", ".join(registry.missing_dependencies(cls.name)) if cls.name else ""
