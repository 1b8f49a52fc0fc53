"""Where a run was measured: machine, versions, settings. Part of every record."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from methods.kernels.machine.bandwidth import read_bandwidth
from methods.kernels.machine.openblas import VARIABLE as OPENBLAS_KERNELS

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "RAYON_NUM_THREADS",
)
_BEYOND_CACHES = 1 << 27  # bytes: half of what the kernels are judged by, for half the time at every start
_PACKAGES = ("faiss-cpu", "numba", "numpy", "torch", "vector-compression-bench")
_VECTOR_FLAGS = ("avx2", "avx512f", "avx512bw", "avx512_vnni", "avx512_vpopcntdq", "avx512vbmi", "avx_vnni", "neon")


def thread_environment(threads: int) -> dict[str, str]:
    """Variables that hold every numeric library to ``threads``; set before any of them is imported."""
    return dict.fromkeys(THREAD_VARIABLES, str(threads))


def thread_settings() -> dict[str, Any]:
    """What the libraries loaded in this process really use."""
    settings: dict[str, Any] = {name: os.environ.get(name) for name in (*THREAD_VARIABLES, OPENBLAS_KERNELS)}
    if (faiss := sys.modules.get("faiss")) is not None:
        settings["faiss"] = faiss.omp_get_max_threads()
    if (torch := sys.modules.get("torch")) is not None:
        settings["torch"] = torch.get_num_threads()
    if (numba := sys.modules.get("numba")) is not None:
        settings["numba"] = numba.get_num_threads()
    return settings


def hold_threads(threads: int) -> None:
    """Hold the libraries that are loaded to ``threads``, for this thread: OpenMP and Numba have a number for each."""
    if (faiss := sys.modules.get("faiss")) is not None:
        faiss.omp_set_num_threads(threads)
    if (numba := sys.modules.get("numba")) is not None:
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))


@functools.cache
def machine() -> dict[str, Any]:
    """CPU, cores, memory and its measured read bandwidth; measured once a process."""
    model, flags = _cpu()
    return {
        "cpu": model,
        "cpu_flags": [flag for flag in _VECTOR_FLAGS if flag in flags],
        "cores": os.cpu_count() or 1,
        "memory_bytes": psutil.virtual_memory().total,
        "memory_bandwidth_bytes_per_s": read_bandwidth(nbytes=_BEYOND_CACHES),
        "platform": platform.platform(),
    }


@functools.cache
def software() -> dict[str, Any]:
    """Versions of Python and of the packages that decide the figures; the commit of this project's checkout."""
    packages: dict[str, str | None] = {}
    for name in _PACKAGES:
        try:
            packages[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            packages[name] = None
    return {"python": platform.python_version(), "packages": packages, **_git()}


_node: dict[str, str] = {}


def work_as(scheduler: str, job: str) -> None:
    """Say that this process does a job of a cluster: :func:`node` then names both, and the machine."""
    _node.update(name=platform.node(), scheduler=scheduler, job=job)


def node() -> dict[str, str]:
    """``name`` of the machine, ``scheduler`` and ``job``, where this process does a job of a cluster; else empty."""
    return dict(_node)


def describe() -> dict[str, Any]:
    """The ``environment`` of a record; its ``threads`` are added by the run's own process."""
    where = {"node": node()} if _node else {}
    return {**machine(), **software(), **where, "date": datetime.now(UTC).isoformat(timespec="seconds")}


def _cpu() -> tuple[str, frozenset[str]]:
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or platform.machine(), frozenset()
    fields: dict[str, str] = {}
    for line in info.read_text().splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    flags = fields.get("flags") or fields.get("Features") or ""
    return fields.get("model name", platform.machine()), frozenset(flags.split())


def _git() -> dict[str, Any]:
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return {"git_commit": None, "git_dirty": None}
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, timeout=10)
        status = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return {"git_commit": None, "git_dirty": None}
    return {"git_commit": commit.stdout.strip() or None, "git_dirty": bool(status.stdout.strip())}
