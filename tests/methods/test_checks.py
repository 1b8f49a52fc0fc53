"""Every registered method passes every check, and every check can fail."""

from __future__ import annotations

from methods.checks import parametrize


@parametrize()
def test_method_passes(method, check):
    check(method)
