"""Checks that every method must pass, public for methods of other packages (like scikit-learn's ``check_estimator``).

    from methods.checks import check_method, parametrize

    check_method("my_method")          # all checks; AssertionError names the method and the check

    @parametrize("my_method")          # one pytest case a check: my_method-refit_is_deterministic
    def test_my_method(method, check):
        check(method)

They run on 32-dimensional clustered vectors, at the byte budgets that the method accepts. A method that cannot pass
one declares it with the reason: ``check_exceptions = {"refit_is_deterministic": "..."}``. One whose training is slow
names lighter parameters for the checks: ``check_params = {"epochs": 2}``. One that loses recall on a kind of vectors
(docs/embeddings.md) says why: ``kind_exceptions = {"lengths vary, ip": "..."}``, by kind or by group of kinds
(``"common direction"``, ``"lengths"``, ``"values"``), under all metrics or under one.
"""

from __future__ import annotations

from methods.checks import codes, extremes, index, inputs, robustness, search
from methods.checks.subject import SUITE

__all__ = ["check_method", "checks", "parametrize"]

_THEMES = (inputs, codes, search, index, extremes, robustness)  # importing them fills the suite

checks = SUITE.checks
check_method = SUITE.check_method
parametrize = SUITE.parametrize
