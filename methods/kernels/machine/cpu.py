"""What this processor can do, and which of a kernel's paths that allows."""

from __future__ import annotations

import functools
import os

import llvmlite.binding as llvm

from methods.kernels.errors import KernelError

__all__ = ["EMULATED", "NATIVE", "PATHS", "SHORT_TABLES", "WIDEST", "best_path", "missing_flags", "supported_paths"]

_VNNI = frozenset({"avx2", "avx512f", "avx512bw", "avx512vl", "avx512vnni"})

#: Paths of every kernel, slowest first, with the LLVM names of the CPU features that each needs.
PATHS: dict[str, frozenset[str]] = {
    "portable": frozenset(),
    "avx2": frozenset({"avx2"}),
    "avx512_vnni": _VNNI,  # Cascade Lake: no look-ups of bytes in more than 16, no counts of a byte's bits
    "avx512": _VNNI | {"avx512bitalg", "avx512vbmi"},
}

#: The AVX-512 path with its one instruction that has no generic form (``vpdpbusd``) spelled out in generic IR:
#: runs anywhere, slowly, so that the path's logic is tested on machines without AVX-512.
EMULATED = "avx512_emulated"

#: The paths that work in registers of 512 bits.
WIDEST = ("avx512_vnni", "avx512", EMULATED)

#: The paths that may use x86 instructions which generic IR does not reach.
NATIVE = ("avx2", "avx512_vnni", "avx512")

#: The paths on which a look-up in 16 bytes is the fastest term of a nibble: they cannot count a byte's bits.
SHORT_TABLES = ("avx2", "avx512_vnni")

_ENVIRONMENT = "BENCH_KERNELS"


@functools.cache
def host_flags() -> frozenset[str]:
    """Features of this CPU under LLVM's names (``avx2``, ``avx512vnni``, ...); empty where LLVM cannot tell."""
    return frozenset(name for name, present in llvm.get_host_cpu_features().items() if present)


def missing_flags(path: str) -> frozenset[str]:
    """CPU features that ``path`` needs and this machine lacks."""
    return PATHS[path] - host_flags()


def supported_paths() -> list[str]:
    """The paths that run here, slowest first; ``portable`` always does."""
    return [path for path in PATHS if not missing_flags(path)]


def best_path(path: str | None = None) -> str:
    """``path``, or the value of ``BENCH_KERNELS``, or the fastest path that this CPU supports.

    Raises
    ------
    KernelError
        If the requested path is unknown or needs CPU features that are missing here.
    """
    wanted = path or os.environ.get(_ENVIRONMENT) or supported_paths()[-1]
    if wanted == EMULATED:
        return wanted
    if wanted not in PATHS:
        raise KernelError(f"kernel path {wanted!r} is unknown; {_ENVIRONMENT} takes {', '.join(PATHS)}")
    if missing := missing_flags(wanted):
        lacks = ", ".join(sorted(missing))
        raise KernelError(f"kernel path {wanted!r} needs {lacks}; this CPU supports {', '.join(supported_paths())}")
    return wanted
