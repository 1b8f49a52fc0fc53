"""Engines that are measured: a module for each that can run here, named as in the catalogue.

An engine is added by its file in the catalogue and one module here that defines one
:class:`~bench.engines.adaptors.base.Engine`; nothing else lists it.
"""

from __future__ import annotations

from bench.engines.adaptors.base import BuildError, Engine
from bench.engines.adaptors.choosing import choose, offered, short_names
from bench.engines.adaptors.finding import adaptor, missing_packages, runnable

__all__ = ["BuildError", "Engine", "adaptor", "choose", "missing_packages", "offered", "runnable", "short_names"]
