"""What a run is at (``encode 16,384 of 69,679``): its own process notes it in a file, which the progress reads."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

STAGE_FILE = "stage"

_folder: Path | None = None  # of a run's process


def connect(folder: Path) -> None:
    """In a run's process: the folder in which :func:`enter` notes."""
    global _folder
    _folder = folder


def enter(text: str) -> None:
    """Note what begins now. No effect outside a run; a full disk is met by what the run itself writes."""
    if _folder is not None:
        with contextlib.suppress(OSError):
            temporary = _folder / f"{STAGE_FILE}.new"
            temporary.write_text(text)
            os.replace(temporary, _folder / STAGE_FILE)


def read(folder: Path) -> str:
    """What the run with this work folder is at; empty before it says so, and once it is over."""
    try:
        return (folder / STAGE_FILE).read_text()
    except OSError:
        return ""
