"""Who measures a run: a file beside its folder, so that nobody else does meanwhile, on this machine or on another.

Machines may share the folder of results. A claim is made by creating a file that must not exist, which network file
systems do for one of several. Its holder touches the file while it works; one that was not touched for
:data:`DEAD_AFTER_S` is taken over, at once if it is known that its holder has died.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from bench.measure.environment import node

__all__ = ["DEAD_AFTER_S", "HEARTBEAT_S", "Claim", "Holder", "claimed", "forget", "forget_dead", "holder", "in_turn"]

HEARTBEAT_S = 15.0
DEAD_AFTER_S = 180.0  # a network file system may show a file's age a minute late
_POLL_S = 1.0


@dataclass(frozen=True)
class Holder:
    """The process that has a claim.

    Attributes
    ----------
    machine : str
        Where it is: the host's name, and what tells containers with one name from each other.
    pid : int
    started : float
        When the process began: another one may have its number later.
    job : str
        Of a cluster's scheduler (``slurm 12_3``), which runs a job once at a time; empty without one.
    token : str
        Of this claim alone.
    """

    machine: str
    pid: int
    started: float
    job: str
    token: str

    @classmethod
    def this(cls) -> Holder:
        """This process, with a token of its own."""
        where = node()
        job = f"{where['scheduler']} {where['job']}" if where else ""
        return cls(_machine(), os.getpid(), psutil.Process().create_time(), job, secrets.token_hex(8))

    @property
    def has_died(self) -> bool:
        """Whether that is known: its process is gone, or it was an earlier try of the job that this process does."""
        if self.machine == _machine():
            try:
                return psutil.Process(self.pid).create_time() != self.started
            except psutil.NoSuchProcess:
                return True
        where = node()
        return bool(where) and self.job == f"{where['scheduler']} {where['job']}"

    def __str__(self) -> str:
        return f"{self.machine.partition('/')[0]}{f', {self.job}' if self.job else f', process {self.pid}'}"


class Claim:
    """A claim that this process has."""

    def __init__(self, path: Path, holder: Holder) -> None:
        self.path, self._holder = path, holder
        self._over = threading.Event()
        threading.Thread(target=self._touch, daemon=True, name=f"claim {path.name}").start()

    @property
    def is_held(self) -> bool:
        """Whether it is still this process's: one that stood still for long may have been taken for dead."""
        return _read(self.path) == self._holder

    def release(self) -> None:
        """Let others have it."""
        self._over.set()
        if self.is_held:
            self.path.unlink(missing_ok=True)

    def _touch(self) -> None:
        while not self._over.wait(HEARTBEAT_S):
            with contextlib.suppress(OSError):
                os.utime(self.path)


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[Claim | None]:
    """The claim of the run with this folder while the block lasts; None if another process has it."""
    claim = _take(folder)
    try:
        yield claim
    finally:
        if claim is not None:
            claim.release()


@contextlib.contextmanager
def in_turn(folder: Path) -> Iterator[None]:
    """As :func:`claimed`, and waits for it. Where no claim can be written, none is needed: nor can a result be."""
    claim = None
    with contextlib.suppress(OSError):
        while (claim := _take(folder)) is None:
            time.sleep(_POLL_S)
    try:
        yield
    finally:
        if claim is not None:
            claim.release()


def forget(folder: Path, job: str) -> None:
    """Remove the claim of a job of a scheduler that is known to have ended."""
    known = _read(path := _path(folder))
    if known is not None and known.job == job:
        _put_away(path, known)


def forget_dead(parent: Path) -> None:
    """Remove what dead processes left in a folder of claims: nobody takes over that of a run that is finished."""
    for path in [*parent.glob(".claim-*"), *parent.glob(".clock-*")]:
        with contextlib.suppress(OSError):  # it is gone meanwhile, or nothing can be written there
            known = _read(path)  # what is no claim reads as one without a name, and its age tells
            if known is not None and _is_dead(path, known):
                _put_away(path, known)


def holder(folder: Path) -> Holder | None:
    """Who measures the run with this folder, as far as is known; None if nobody does."""
    path = _path(folder)
    known = _read(path)
    return None if known is None or _is_dead(path, known) else known


def _take(folder: Path) -> Claim | None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    path, this = _path(folder), Holder.this()
    for _ in range(2):  # the second time after a dead one's was put away
        try:
            with path.open("x") as file:
                file.write(json.dumps(asdict(this)))
            return Claim(path, this)
        except FileExistsError:
            known = _read(path)
            if known is not None and not (_is_dead(path, known) and _put_away(path, known)):
                return None
    return None


def _put_away(path: Path, dead: Holder) -> bool:
    """Remove a dead holder's claim, which one of several can do; says whether this process was that one.

    The file with the dead one's token is created by one process alone. Only that one removes the claim, and only if it
    is still the dead one's: that of a process that was faster never leaves its place.
    """
    turn = path.with_name(f"{path.name}-{dead.token}")
    try:
        turn.touch(exist_ok=False)
    except FileExistsError:
        with contextlib.suppress(FileNotFoundError):
            if _now(path.parent) - turn.stat().st_mtime > DEAD_AFTER_S:  # who created it has died as well
                turn.unlink()
        return False
    try:
        # Claims that are half written read as equal: only their age tells an old one from a new one.
        if _read(path) != dead or (not dead.token and not _is_dead(path, dead)):
            return False
        path.unlink(missing_ok=True)
        return True
    finally:
        turn.unlink(missing_ok=True)


def _path(folder: Path) -> Path:
    return folder.parent / f".claim-{folder.name}"


def _read(path: Path) -> Holder | None:
    """None if there is no claim; of one that is being written, a holder without a name."""
    try:
        return Holder(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        return Holder("another machine", 0, 0.0, "", "")


def _is_dead(path: Path, known: Holder) -> bool:
    try:
        return known.has_died or _now(path.parent) - path.stat().st_mtime > DEAD_AFTER_S
    except FileNotFoundError:
        return True


def _now(folder: Path) -> float:
    """The time by the clock that stamps files there, which may be that of a file server."""
    probe = folder / f".clock-{secrets.token_hex(8)}"
    try:
        probe.touch()
        return probe.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)


def _machine() -> str:
    try:
        return f"{platform.node()}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return platform.node()
