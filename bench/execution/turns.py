"""Parallel runs whose latency measurements do not disturb each other: while one times searches, the others are stopped.

The sweep's process has :class:`Turns`, which stops and continues the processes of runs by signals. In a run's process
:func:`alone` waits for a turn and :func:`clock` excludes the time for which the process was stopped.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

STILL_FILE = "still_seconds"
_ASKED, _GRANTED, _DONE = b"a", b"g", b"d"


class Interrupted(Exception):
    """The sweep was interrupted during this run."""


@dataclass
class _Run:
    link: socket.socket
    file: Path  # where its process reads for how long it stood still
    asks: bool = False
    hung_up: bool = False
    still: float = 0.0  # seconds for which it stood still, but for a stop that lasts
    since: float | None = None  # monotonic time at which it was stopped


class Turns:
    """The running processes of a sweep, of which one at a time can have the machine to itself.

    One thread starts a run, calls :meth:`wait` until it has ended, and then :meth:`leave`.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._runs: dict[subprocess.Popen, _Run] = {}
        self._alone: subprocess.Popen | None = None
        self._interrupted = False

    def start(self, start: Callable[[int], subprocess.Popen], folder: Path) -> subprocess.Popen:
        """Start a process, as soon as none is alone.

        Parameters
        ----------
        start : callable
            Is given a file descriptor, which the process is to inherit and to hand to :func:`connect`. The process
            leads a group of its own, which is what stops and continues.
        folder : Path
            Of the run's own files.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._alone is None or self._interrupted)
            if self._interrupted:
                raise Interrupted
            ours, theirs = socket.socketpair()
            with theirs:
                try:
                    child = start(theirs.fileno())
                except BaseException:
                    ours.close()
                    raise
            self._runs[child] = _Run(ours, folder / STILL_FILE)
            return child

    def wait(self, child: subprocess.Popen, seconds: float) -> bool:
        """Wait at most ``seconds`` for a run, and give it its turn meanwhile; says whether it has ended."""
        run = self._runs[child]
        if self._interrupted:
            raise Interrupted
        if run.hung_up:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(seconds)
        elif select.select([run.link], [], [], seconds)[0]:
            self._listen(child, run)
        if run.asks:
            self._give_turn(child, run)
        return child.poll() is not None

    def still(self, child: subprocess.Popen) -> float:
        """Seconds for which a run stood still up to now."""
        with self._changed:
            run = self._runs[child]
            return run.still + (0.0 if run.since is None else time.monotonic() - run.since)

    def leave(self, child: subprocess.Popen) -> None:
        """The run is over: if it had the machine to itself, the others go on."""
        self._end_turn(child)
        with self._changed:
            self._runs.pop(child).link.close()

    def pause(self, seconds: float) -> None:
        """Let so much time go by."""
        with self._changed:
            if self._changed.wait_for(lambda: self._interrupted, seconds):
                raise Interrupted

    def interrupt(self) -> None:
        """Let every thread that starts or waits for a run raise :class:`Interrupted`."""
        with self._changed:
            self._interrupted = True
            self._changed.notify_all()

    def _listen(self, child: subprocess.Popen, run: _Run) -> None:
        try:
            heard = run.link.recv(1)
        except OSError:
            heard = b""
        if heard == _ASKED:
            run.asks = True
        elif heard == _DONE:
            self._end_turn(child)
        else:
            run.hung_up = True

    def _give_turn(self, child: subprocess.Popen, run: _Run) -> None:
        with self._changed:
            if self._alone is not None:
                return
            self._alone, run.asks = child, False
            for other, its in self._runs.items():
                if other is not child and _signal(other, signal.SIGSTOP):
                    its.since = time.monotonic()
        try:
            run.link.sendall(_GRANTED)
        except OSError:  # it has just ended
            self._end_turn(child)

    def _end_turn(self, child: subprocess.Popen) -> None:
        with self._changed:
            if self._alone is not child:
                return
            self._alone = None
            try:
                for run in self._runs.values():
                    if run.since is not None:
                        run.still, run.since = run.still + time.monotonic() - run.since, None
                        _tell(run)
            finally:
                for other in self._runs:
                    if other is not child:
                        _signal(other, signal.SIGCONT)
                self._changed.notify_all()


def _signal(child: subprocess.Popen, number: signal.Signals) -> bool:
    if child.poll() is not None:
        return False
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        return False
    return True


def _tell(run: _Run) -> None:
    """Write for how long a run stood still where it reads it; whole, and not waiting for the disk while runs do."""
    temporary = run.file.with_suffix(".new")
    temporary.write_text(repr(run.still))
    os.replace(temporary, run.file)


_link: tuple[socket.socket, Path] | None = None  # of a run's process


def connect(descriptor: int, folder: Path) -> None:
    """In a run's process: where it asks for turns, and the folder in which it learns for how long it stood still."""
    global _link
    _link = socket.socket(fileno=descriptor), folder / STILL_FILE


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """A block during which no other run of the sweep is active: waits for its turn. No effect outside a run."""
    if _link is None:
        yield
        return
    _link[0].sendall(_ASKED)
    _link[0].recv(1)
    try:
        yield
    finally:
        _link[0].sendall(_DONE)


def clock() -> float:
    """Seconds, as :func:`time.perf_counter`, less those for which this process stood still."""
    if _link is None:
        return time.perf_counter()
    while True:  # it may be stopped between two of these lines
        before = _stood_still(_link[1])
        now = time.perf_counter()
        if _stood_still(_link[1]) == before:
            return now - before


def _stood_still(file: Path) -> float:
    try:
        return float(file.read_text())
    except FileNotFoundError:
        return 0.0
