"""A path is a type of its own, so compiled code of one path never serves another."""

from __future__ import annotations

import numba

from methods.kernels.machine.cpu import supported_paths
from methods.kernels.machine.path import Path, PathType


def test_each_path_is_a_type_and_the_same_path_the_same_type():
    kinds = {path: numba.typeof(Path(path)) for path in ("portable", "avx2", "avx512")}
    assert len(set(kinds.values())) == 3
    assert numba.typeof(Path("avx2")) == PathType("avx2")


def test_the_type_names_the_sources_that_the_code_was_made_from(monkeypatch):
    before = PathType("avx2")
    monkeypatch.setattr(
        "methods.kernels.machine.path._SOURCES", type("Digest", (), {"hexdigest": lambda self: "0" * 64})()
    )
    assert PathType("avx2") != before


def test_portable_is_always_supported():
    assert supported_paths()[0] == "portable"
