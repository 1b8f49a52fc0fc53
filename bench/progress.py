"""Progress on stderr: a bar on a terminal, plain lines where it is redirected; half a minute is the longest silence."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from types import TracebackType
from typing import Any, TypeVar

from tqdm import tqdm

__all__ = ["HEARTBEAT_S", "Progress", "busy", "duration", "watched"]

HEARTBEAT_S = 30.0  # without a line of anybody's, the innermost work says that it goes on
_REFRESH_S = 5.0  # of a bar that nothing moves

_Item = TypeVar("_Item")
_lock = threading.RLock()  # of what follows, and of lines
_active: list[Progress] = []  # the innermost last
_spoken = 0.0  # monotonic time of the last line


class Progress:
    """Work of several items, some of them side by side; a context manager that threads may share.

    On a terminal (and in a notebook) it is one bar. Elsewhere :meth:`end` writes a line for each item, with no carriage
    return, and whoever is silent for ``HEARTBEAT_S`` says what still runs, and for how long.

    Parameters
    ----------
    what : str
        Names the work: ``sweep``.
    total : int, optional
        Items, those done before included.
    unit : str
        One item: ``run``.
    initial : int
        Items that were done before.
    lines : bool
        Whether an item that ends has a line; without, only silence is broken.
    leave : bool
        Whether a terminal keeps the bar when all is done.
    bar : bool
        Whether a terminal has one at all, rather than lines.
    """

    def __init__(
        self,
        what: str,
        total: int | None = None,
        *,
        unit: str = "run",
        initial: int = 0,
        lines: bool = True,
        leave: bool = True,
        bar: bool = True,
    ) -> None:
        self.what, self.total, self.unit, self.done, self.lines = what, total, unit, initial, lines
        self._initial, self._leave, self._shown = initial, leave, bar
        self._start = time.monotonic()
        self._running: dict[str, tuple[float, Callable[[], str]]] = {}  # name -> since when, and what it is at
        self._bar: Any = None
        self._over = threading.Event()

    def __enter__(self) -> Progress:
        self._start = time.monotonic()
        if self._shown and _is_shown():
            self._bar = tqdm(
                desc=self.what,
                total=self.total,
                initial=self.done,
                unit=self.unit,
                file=sys.stderr,
                leave=self._leave,
            )
        with _lock:
            if not _active:
                _note()
            _active.append(self)
        threading.Thread(target=self._watch, daemon=True, name=f"progress of {self.what}").start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        with _lock:
            _active.remove(self)
            if self._bar is not None:
                self._bar.close()

    def begin(self, name: str, stage: Callable[[], str] = str) -> None:
        """An item begins; ``stage`` is called at any time, on another thread, for what it is at (``encode``)."""
        with _lock:
            self._running[name] = (time.monotonic(), stage)
            self._refresh()

    def end(self, name: str, said: str = "") -> None:
        """An item is over; ``said`` is what came of it (``recall@10 0.812``)."""
        with _lock:
            since, _ = self._running.pop(name, (time.monotonic(), str))
            self.advance()
            if self.lines:
                took = duration(time.monotonic() - since)
                self.say(f"{self._count()}: {name}, {took}{f': {said}' if said else ''}{self._left()}")

    def advance(self, count: int = 1) -> None:
        """So many more items are done, without a line."""
        with _lock:
            self.done += count
            if self._bar is not None:
                self._bar.update(count)
                self._refresh()

    def say(self, text: str) -> None:
        """A line where stderr is redirected: the time of day, what is at work, and ``text``."""
        if self._bar is None:
            with _lock, contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or there is none
                _note()
                print(f"{time.strftime('%H:%M:%S')} {self.what} {text}", file=sys.stderr, flush=True)

    def _watch(self) -> None:
        """Until the work is over: break a long silence, keep the bar's clock going."""
        while not self._over.wait(_REFRESH_S if self._bar is not None else max(0.01, min(1.0, HEARTBEAT_S / 4))):
            with _lock:
                if self._over.is_set() or _active[-1] is not self:
                    continue
                if self._bar is not None:
                    self._refresh()
                elif time.monotonic() - _spoken >= HEARTBEAT_S:
                    self.say(self._still())

    def _still(self) -> str:
        text = f"still running after {duration(time.monotonic() - self._start)}"
        if count := self._count():
            text = f"{count}: {text}"
        if running := self._names():
            text = f"{text} ({running})"
        return text + self._left() * (self.done > self._initial)

    def _count(self) -> str:
        return f"{self.done}/{self.total}" if self.total is not None else f"{self.done} {self.unit}s" * bool(self.done)

    def _left(self) -> str:
        """How many items are left, and how long they take if they take what those before did."""
        if self.total is None or not (left := self.total - self.done):
            return ""
        measured = self.done - self._initial
        expected = (time.monotonic() - self._start) / measured * left if measured else 0.0
        return f"; {left} left" + (f", about {duration(expected)}" if expected else "")

    def _names(self) -> str:
        """What runs, where it is and for how long: ``opq 8x, encode, 45 s``."""
        now = time.monotonic()
        running = [(name, stage(), duration(now - since)) for name, (since, stage) in self._running.items()]
        return "; ".join(", ".join(filter(None, parts)) for parts in running)

    def _refresh(self) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(self._names())


def busy(what: str) -> Progress:
    """Work that has no parts to count: a context manager that breaks a long silence, on a terminal too."""
    return Progress(what, lines=False, bar=False)


def watched(
    items: Iterable[_Item],
    what: str,
    total: int | None = None,
    *,
    unit: str = "block",
    long: bool = True,
    scale: int = 1,
) -> Iterator[_Item]:
    """The items, with progress while they are used; lines only where a silence would become long.

    Parameters
    ----------
    items : iterable
    what : str
        Names the work.
    total : int, optional
        How many they are, where ``items`` has no length.
    unit : str
        What one of them is.
    long : bool
        Whether it pays to show anything.
    scale : int
        How many units an item is (texts of a shard).
    """
    if not long:
        yield from items
        return
    if total is None and isinstance(items, Sized):
        total = len(items)
    with Progress(what, None if total is None else total * scale, unit=unit, lines=False, leave=False) as progress:
        for item in items:
            yield item
            progress.advance(scale)


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min``, ``5.8 h``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5970 else f"{seconds / 3600:.1f} h"


def _is_shown() -> bool:
    """Whether a bar can move: on a terminal, and in a notebook, which is none and shows it."""
    with contextlib.suppress(AttributeError, ValueError):  # there is none, or it is closed
        return "ipykernel" in sys.modules or sys.stderr.isatty()
    return False


def _note() -> None:
    global _spoken
    _spoken = time.monotonic()
