"""The kernels of faiss's OpenBLAS follow what the processor has, not whether OpenBLAS knows its model."""

import os
import subprocess
import sys

import pytest

from methods.kernels.machine.cpu import host_flags
from methods.kernels.machine.openblas import VARIABLE, name_kernels

SKYLAKE = {"avx2", "fma", "avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}


@pytest.mark.parametrize(
    ("flags", "named"),
    [(SKYLAKE | {"avx512vbmi"}, "SkylakeX"), (SKYLAKE - {"avx512dq"}, "Haswell"), ({"avx2"}, None), (set(), None)],
)
def test_kernels_are_named_by_what_the_processor_has(monkeypatch, flags, named):
    monkeypatch.delenv(VARIABLE, raising=False)
    name_kernels(flags)
    assert os.environ.get(VARIABLE) == named
    monkeypatch.delenv(VARIABLE, raising=False)


def test_what_is_named_already_stays(monkeypatch):
    monkeypatch.setenv(VARIABLE, "Zen")
    name_kernels(SKYLAKE)
    assert os.environ[VARIABLE] == "Zen"


LOADED = """
import ctypes, methods
mapped = [line.split()[-1] for line in open("/proc/self/maps") if "faiss_cpu.libs/libopenblas" in line]
name = ctypes.CDLL(mapped[0]).openblas_get_corename if mapped else None
if name is not None:
    name.restype = ctypes.c_char_p
    print(name().decode())
"""


@pytest.mark.thorough
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads which libraries are loaded from /proc")
@pytest.mark.skipif(not host_flags() >= SKYLAKE, reason="needs a processor with AVX-512")
def test_faiss_multiplies_matrices_by_them():
    env = {name: value for name, value in os.environ.items() if name != VARIABLE}
    done = subprocess.run([sys.executable, "-c", LOADED], env=env, capture_output=True, text=True, check=True)
    if not done.stdout:
        pytest.skip("this faiss has no OpenBLAS of its own")
    assert done.stdout.strip().lower() == "skylakex"
