"""Runs side by side that do not spoil each other's latencies: while one of them times searches, the others stand still.

The sweep's process has :class:`Turns`, which stops and continues the processes of runs by signals. In a run's process
:func:`alone` asks for a turn and :func:`clock` leaves out the time for which the process stood still.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import files

STOPPED_FILE = "stopped_seconds"
_ASKED, _GRANTED, _DONE = b"a", b"g", b"d"


class Interrupted(Exception):
    """The sweep was interrupted while this run was going on."""


@dataclass
class _Run:
    child: subprocess.Popen
    link: socket.socket
    stopped_file: Path
    asks: bool = False
    hung_up: bool = False
    stopped: float = 0.0  # seconds, but for a stop that lasts
    since: float | None = None  # monotonic time at which it was stopped


class Turns:
    """The running processes of a sweep, of which one at a time can have the machine to itself.

    One thread starts a run, calls :meth:`ended` until it has, and then :meth:`leave`.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._runs: dict[int, _Run] = {}
        self._alone: _Run | None = None
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
        ours, theirs = socket.socketpair()
        with self._changed, theirs:
            self._changed.wait_for(lambda: self._alone is None or self._interrupted)
            if self._interrupted:
                ours.close()
                raise Interrupted
            child = start(theirs.fileno())
            self._runs[child.pid] = _Run(child, ours, folder / STOPPED_FILE)
            return child

    def ended(self, child: subprocess.Popen, seconds: float) -> bool:
        """Whether a run is over, after at most ``seconds`` of waiting in which it is given its turn."""
        run = self._runs[child.pid]
        if self._interrupted:
            raise Interrupted
        if run.hung_up:
            time.sleep(seconds)
        elif select.select([run.link], [], [], seconds)[0]:
            self._listen(run)
        if run.asks:
            self._give_turn(run)
        return child.poll() is not None

    def stopped(self, child: subprocess.Popen) -> float:
        """Seconds for which a run stood still up to now."""
        with self._changed:
            run = self._runs[child.pid]
            return run.stopped + (0.0 if run.since is None else time.monotonic() - run.since)

    def leave(self, child: subprocess.Popen) -> None:
        """The run is over: if it had the machine to itself, the others go on."""
        self._end_turn(self._runs[child.pid])
        with self._changed:
            self._runs.pop(child.pid).link.close()

    def interrupt(self) -> None:
        """Let every thread that starts or waits for a run raise :class:`Interrupted`."""
        with self._changed:
            self._interrupted = True
            self._changed.notify_all()

    def _listen(self, run: _Run) -> None:
        heard = run.link.recv(1)
        if heard == _ASKED:
            run.asks = True
        elif heard == _DONE:
            self._end_turn(run)
        else:
            run.hung_up = True

    def _give_turn(self, run: _Run) -> None:
        with self._changed:
            if self._alone is not None:
                return
            self._alone, run.asks = run, False
            for other in self._runs.values():
                if other is not run and _signal(other, signal.SIGSTOP):
                    other.since = time.monotonic()
        try:
            run.link.sendall(_GRANTED)
        except OSError:  # it has just ended
            self._end_turn(run)

    def _end_turn(self, run: _Run) -> None:
        with self._changed:
            if self._alone is not run:
                return
            self._alone = None
            for other in self._runs.values():
                if other.since is not None:
                    other.stopped += time.monotonic() - other.since
                    other.since = None
                    files.write_whole(other.stopped_file, repr(other.stopped))
                    _signal(other, signal.SIGCONT)
            self._changed.notify_all()


def _signal(run: _Run, number: signal.Signals) -> bool:
    if run.child.poll() is not None:
        return False
    try:
        os.killpg(run.child.pid, number)
    except ProcessLookupError:
        return False
    return True


_link: tuple[socket.socket, Path] | None = None  # of a run's process


def connect(descriptor: int, folder: Path) -> None:
    """In a run's process: where it asks for turns, and the folder in which it learns for how long it stood still."""
    global _link
    _link = socket.socket(fileno=descriptor), folder / STOPPED_FILE


@contextmanager
def alone() -> Iterator[None]:
    """No other run of the sweep goes on meanwhile. Waits for its turn; outside a run's process it changes nothing."""
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
    """Seconds, as :func:`time.perf_counter`, of which those are left out for which this process stood still."""
    if _link is None:
        return time.perf_counter()
    while True:  # it may be stopped between two of these lines
        before = _stopped(_link[1])
        now = time.perf_counter()
        if _stopped(_link[1]) == before:
            return now - before


def _stopped(file: Path) -> float:
    try:
        return float(file.read_text())
    except FileNotFoundError:
        return 0.0
