"""Writing figures: the formats that every option knows, and files that are the same when drawn again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURES = ("png", "svg", "pdf")
_UNDATED: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
_DPI = 110


def prepare() -> None:
    """Draw into files, not on a screen; the same figure is the same file."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "bench"


def kind_of(path: Path, option: str) -> str:
    """The format that a file's ending names; :class:`UsageError` with the option's name if it is none."""
    kind = path.suffix.lower().removeprefix(".")
    if kind not in PICTURES:
        endings = ", ".join(f".{name}" for name in PICTURES)
        raise UsageError(f"--{option} {path} has an unknown ending; use one of {endings}")
    return kind


def save(figure: Figure, path: Path) -> Path:
    """Write a figure in the format of its ending, and close it."""
    import matplotlib.pyplot as plt

    figure.savefig(path, dpi=_DPI, metadata=_UNDATED.get(path.suffix.lower().removeprefix(".")))
    plt.close(figure)
    return path


def save_all(figure: Figure, path: Path, kinds: Sequence[str]) -> list[Path]:
    """The figure in several formats beside each other: ``path`` has no ending."""
    paths = [path.with_name(f"{path.name}.{kind}") for kind in kinds]
    return [save(figure, each) for each in paths]
