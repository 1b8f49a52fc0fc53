"""Groups of queries: under each heading ("question word") a label for every query, beside the data set or in a file.

They change neither a checksum nor a run: results are told by group, too.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.base import DatasetError
from bench.datasets.cache import written_whole

__all__ = ["FILE", "Groups", "built", "first", "given", "write"]

FILE = "groups.json"
Groups = dict[str, np.ndarray]  # heading -> (nq,) labels
_HEADING = "group"  # of labels without one
_MOST = 50  # labels of a heading: more are no groups
_HOW = 'give a .json file with a list of labels, one a query, or {"HEADING": [labels], ...}, or a .npy file of labels'


def built(*folders: Path, queries: int) -> Groups | None:
    """Those in the first of the folders that has any."""
    file = next((folder / FILE for folder in folders if (folder / FILE).exists()), None)
    return None if file is None else given(str(file), queries)


def given(file: str, queries: int) -> Groups:
    """Those of a file for so many ``queries``.

    Raises
    ------
    DatasetError
        It cannot be read, has another number of labels, or a heading has more than fifty different ones.
    """
    path = Path(file).expanduser()
    try:
        if path.suffix.lower() == ".npy":
            read: Any = np.load(path, allow_pickle=False).tolist()
        else:
            read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, EOFError) as error:
        raise DatasetError(f"groups={file} cannot be read ({error}); {_HOW}") from None
    headings = read if isinstance(read, dict) else {_HEADING: read}
    return {str(heading): _labels(file, heading, labels, queries) for heading, labels in headings.items()}


def first(groups: Groups | None, queries: int) -> Groups | None:
    """Of the first so many queries."""
    return None if groups is None else {heading: labels[:queries] for heading, labels in groups.items()}


def write(folder: Path, groups: dict[str, list[str]]) -> None:
    """Keep groups beside what they are of."""
    lines = (f"{json.dumps(heading)}: {json.dumps(labels)}" for heading, labels in groups.items())
    with written_whole(folder / FILE) as handle:
        handle.write(("{\n" + ",\n".join(lines) + "\n}\n").encode())


def _labels(file: str, heading: str, labels: Any, queries: int) -> np.ndarray:
    if not isinstance(labels, list) or any(isinstance(label, list | dict) for label in labels):
        raise DatasetError(f"groups={file} has no labels for {heading}; {_HOW}")
    if len(labels) != queries:
        raise DatasetError(f"groups={file} has {len(labels):,} labels for {heading} and {queries:,} queries; {_HOW}")
    if (count := len(set(map(str, labels)))) > _MOST:
        raise DatasetError(f"groups={file} has {count:,} different labels for {heading}; use at most {_MOST}")
    return np.array([str(label) for label in labels])
