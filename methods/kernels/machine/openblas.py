"""The kernels of the OpenBLAS that comes with faiss, named before it is loaded: ``methods`` imports this first.

OpenBLAS takes its kernels by the processor's model, and of a model that is newer than itself the plainest, of SSE3. The
one in faiss 1.15 (OpenBLAS 0.3.15) knows neither Sapphire Rapids nor Alder Lake, and multiplies matrices five times as
slowly there as it could; exact search, k-means and all that is fitted by it wait for that.
"""

from __future__ import annotations

import os
from collections.abc import Set

from methods.kernels.machine.cpu import host_flags

__all__ = ["VARIABLE", "name_kernels"]

VARIABLE = "OPENBLAS_CORETYPE"

_KERNELS = {  # as OpenBLAS names them, with what each needs, under LLVM's names
    "SkylakeX": {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"},
    "Haswell": {"avx2", "fma"},
}


def name_kernels(flags: Set[str]) -> None:
    """Set ``OPENBLAS_CORETYPE`` by what a processor has, for libraries loaded later; what is set already stays."""
    for kernels, needed in _KERNELS.items():
        if needed <= flags:
            os.environ.setdefault(VARIABLE, kernels)
            return


name_kernels(host_flags())
