"""What a record says of a run that measured a real engine instead of a method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class EngineInfo:
    """A real engine as it was measured.

    Attributes
    ----------
    name, title, scheme : str
        As the catalogue has them.
    package : str
        With its version.
    method : str or None
        Of this project, that the scheme equals (``equals``) or is nearest to.
    typed : str
        What a user writes.
    index : dict
        ``kind`` (``flat``, ``ivf``, ``hnsw``, ...) and what decides how much of it a search visits.
    originals : str
        ``memory``, ``disk`` or ``none``: where the vectors are kept beside the codes, ``originals_bytes`` of each.
    ids_bytes, links_bytes : int or None
        Of a vector, on top of its code, as the catalogue has them; None: not known.
    disk_bytes : int
        Of everything that the engine wrote, when it had ended.
    resident_bytes : int
        What opening it and the first searches added to the memory that belongs to its processes alone.
    """

    name: str
    title: str
    scheme: str
    package: str
    method: str | None
    equals: bool
    typed: str
    index: dict[str, Any]
    originals: str
    originals_bytes: int
    ids_bytes: int | None
    links_bytes: int | None
    disk_bytes: int
    resident_bytes: int
