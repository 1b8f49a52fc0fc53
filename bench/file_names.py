"""What a file of vectors is called as a data set."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

SOURCES = ("path", "ragged")  # data sets that are a file of the user's
_UNFIT = re.compile(r"[^\w.+-]+")  # for a name of a folder, or a cell of a Markdown table


def name_of(file: str | Path, taken: Collection[str]) -> str:
    """A data set's name from its file: ``vectors`` for ``some/vectors.npy``.

    Parameters
    ----------
    file : str or Path
        Or the folder that holds it.
    taken : collection of str
        Names that mean something else: a file called like one of them keeps its ending.
    """
    path = Path(file)
    stem, name = (_UNFIT.sub("_", text).strip("_") for text in (path.stem, path.name))
    return (name if stem in taken else stem) or "vectors"
