"""The AVX-512 kernels compile to the instructions that they are for, checked without such a CPU."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
COMPILE = """
import sys
from numba import types
from methods.kernels import hamming, linear
from methods.kernels.path import PathType

def array(dtype, axes):
    return types.Array(dtype, axes, "C")

i64, path, heaps = types.int64, PathType(sys.argv[1]), array(types.int64, 2)
bytes_, floats = array(types.uint8, 2), array(types.float32, 1)
if sys.argv[2] == "hamming":
    queries = array(types.uint16 if sys.argv[1] == "avx2" else types.uint8, 2)
    kernel = hamming._scan
    documents = types.Tuple((bytes_, i64))
    batch = types.Tuple((queries, i64, i64, array(types.uint8, 1), i64))
else:
    kernel = linear._scan_dot
    documents = types.Tuple((array(types.uint32, 2), bytes_, i64, i64, bytes_, array(types.uint16, 2), floats))
    batch = types.Tuple((array(types.int8, 2), i64, array(i64, 1), floats, i64))
kernel.compile((path, documents, batch, heaps, i64, i64))
print(next(iter(kernel.inspect_asm().values())))
"""


def _assembly(cpu: str, path: str, kernel: str, cache: Path) -> str:
    """Assembly of a scan compiled for ``cpu``, which numba is told to take for the host; nothing is run."""
    environment = {
        **os.environ,
        "NUMBA_CPU_NAME": cpu,
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_CACHE_DIR": str(cache),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-c", COMPILE, path, kernel]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


x86 = pytest.mark.skipif(
    os.uname().machine not in ("x86_64", "AMD64"), reason="LLVM is built to compile for an x86-64 host only there"
)


@x86
@pytest.mark.parametrize("cpu", ["icelake-server", "znver4"])
def test_avx512_hamming_counts_bits_in_512_bit_registers(cpu: str, tmp_path: Path):
    assert re.search(r"vpopcntb\s+%zmm", _assembly(cpu, "avx512", "hamming", tmp_path))


@x86
@pytest.mark.parametrize("cpu", ["icelake-server", "znver4"])
def test_avx512_products_use_vnni(cpu: str, tmp_path: Path):
    assert re.search(r"vpdpbusd\s+.*%zmm", _assembly(cpu, "avx512", "dot", tmp_path))


@x86
def test_portable_kernels_compile_for_the_oldest_x86_64(tmp_path: Path):
    for kernel in ("hamming", "dot"):
        assert not re.search(r"%[yz]mm", _assembly("x86-64", "portable", kernel, tmp_path / kernel))
