"""Memory of one process, read from the kernel."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import psutil


def peak_memory(pid: int | None = None) -> int:
    """Largest resident size (bytes) that a process has had; this process by default.

    Linux's ``VmHWM`` belongs to the program that runs now. ``ru_maxrss`` does not serve: it survives ``exec``, and
    so starts at the peak of the process that launched this one.
    """
    status = Path(f"/proc/{pid or os.getpid()}/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    info = psutil.Process(pid).memory_info()
    return int(getattr(info, "peak_wset", info.rss))


def resident_memory(pid: int) -> int:
    """Resident bytes of a process now; 0 where it has ended."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def own_memory(pids: Iterable[int]) -> int:
    """Bytes that would be free if these processes ended: what each has resident and shares with no other.

    Pages of files that are mapped count, once they were read.
    """
    total = 0
    for pid in pids:
        try:
            total += int(psutil.Process(pid).memory_full_info().uss)
        except psutil.Error:
            continue
    return total
