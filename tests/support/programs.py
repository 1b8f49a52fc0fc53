"""The programs of ``results/scripts`` as modules, for tests of what they publish."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "results" / "scripts"


def program(name: str) -> ModuleType:
    """``NAME.py``, which imports what it shares from the programs beside it."""
    called = f"published_{name}"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        spec = importlib.util.spec_from_file_location(called, SCRIPTS / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, called, module)  # dataclasses look their module up
        spec.loader.exec_module(module)
    return module
