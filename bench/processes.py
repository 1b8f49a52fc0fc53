"""Processes that end with the one that started them, and folders that go with it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

# The folder goes when standard input ends, as it does when whoever holds its other end ends, by whatever signal.
_REAPER = """
import shutil, sys, time
sys.stdin.buffer.read()
for _ in range(20):
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    time.sleep(.1)
"""


def die_with(parent: int) -> None:
    """Ask the kernel (Linux) to end this process when its parent ends, however that happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)
        # If memory runs out, the kernel is to end this process and not the sweep.
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("900")


def ended_with_this(end: signal.Signals = signal.SIGKILL, user: int | None = None) -> Callable[[], None]:
    """What a child does before its program starts (``preexec_fn``), so that ``end`` reaches it when this thread ends.

    Parameters
    ----------
    end : Signals
    user : int or None
        As whom it goes on; a change of user would undo the request if it came later.
    """
    parent, libc = os.getpid(), ctypes.CDLL(None)

    def prepare() -> None:
        if user is not None:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
        if sys.platform == "linux":
            libc.prctl(1, end)
            if os.getppid() != parent:
                os._exit(1)

    return prepare


@contextlib.contextmanager
def removed_with_this(folder: Path) -> Iterator[None]:
    """Removes the folder should this process be killed inside the block; leaves it alone otherwise."""
    reaper = subprocess.Popen(
        [sys.executable, "-S", "-E", "-c", _REAPER, str(folder)], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        yield
    finally:
        reaper.kill()
        reaper.wait()
