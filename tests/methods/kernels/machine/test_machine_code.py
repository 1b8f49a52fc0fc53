"""The AVX-512 kernels compile to the instructions that they are for, checked without such a CPU."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
COMPILE = """
import sys
from numba import types
from methods.kernels.scanning import dot_scan, hamming
from methods.kernels.machine.path import PathType
from methods.kernels.simd.unpackers import expansion

def array(dtype, axes):
    return types.Array(dtype, axes, "C")

i64, path, heaps = types.int64, PathType(sys.argv[1]), array(types.int64, 2)
bytes_, floats = array(types.uint8, 2), array(types.float32, 1)
documents = types.UniTuple(bytes_, 1)
batch = types.Tuple((bytes_, i64, i64, array(types.uint8, 1), i64))
hamming._scan.compile((path, documents, batch, heaps, array(i64, 2)))
documents = types.Tuple((array(types.uint32, 2), bytes_, i64, bytes_, array(types.uint16, 2), floats))
batch = types.Tuple((array(types.int8, 2), i64, array(i64, 1), floats, i64))
dot_scan._scan_dot.compile((path, documents, batch, heaps, array(i64, 2)))
for bits in (4, 6, 8, 11):
    expansion(sys.argv[1], bits, wide=True)
for kernel in (hamming._scan, dot_scan._scan_dot):
    print(next(iter(kernel.inspect_asm().values())))
"""


def _assembly(cpu: str, path: str, cache: Path) -> str:
    """Assembly of the scans compiled for ``cpu``, which numba is told to take for the host; nothing is run."""
    environment = {
        **os.environ,
        "NUMBA_CPU_NAME": cpu,
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_CACHE_DIR": str(cache),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-c", COMPILE, path]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


pytestmark = [
    pytest.mark.slow,  # each compiles for another processor what no cache holds
    pytest.mark.skipif(
        platform.machine() not in ("x86_64", "AMD64"), reason="numba compiles for the architecture of the host only"
    ),
]


@pytest.mark.integration
def test_avx512_path_counts_bits_and_sums_products_in_512_bit_registers(tmp_path: Path):
    assembly = _assembly("icelake-server", "avx512", tmp_path)
    assert re.search(r"vpopcntb\s+%zmm", assembly)
    assert re.search(r"vpdpbusd\s.*%zmm", assembly)


@pytest.mark.integration
def test_vnni_path_needs_no_instruction_beyond_cascade_lake(tmp_path: Path):
    assembly = _assembly("cascadelake", "avx512_vnni", tmp_path)
    assert re.search(r"vpdpbusd\s.*%zmm", assembly)
    assert not re.search(r"vpopcntb|vpermb|vpermi2b", assembly)


@pytest.mark.integration
def test_portable_path_compiles_for_the_oldest_x86_64(tmp_path: Path):
    assembly = _assembly("x86-64", "portable", tmp_path)
    assert "%xmm" in assembly
    assert not re.search(r"%[yz]mm", assembly)
