"""Photographs in Debian packages of wallpapers: which there are, and their files.

The packages also hold drawings, renderings and resized copies of a picture, most of them as links: the list below names
one file a photograph, chosen by eye. ``gnome-backgrounds`` and ``ukui-wallpapers`` were looked at and have none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.datasets.builders import debian
from bench.datasets.builders.fetch import Archive, apt_download, fetch, verified


@dataclass(frozen=True)
class Collection:
    """Photographs of one package.

    Attributes
    ----------
    archive : Archive
    file : str
        Where a photograph is in the package; ``{}`` stands for its name.
    base, queries : tuple of str
        Names of the photographs that descriptors of the base come from, and of those that queries come from.
    licence : str
        Of the photographs.
    """

    archive: Archive
    file: str
    base: tuple[str, ...]
    queries: tuple[str, ...]
    licence: str


@dataclass(frozen=True)
class Photograph:
    """One photograph: its name, whether queries come from it, and its file (JPEG)."""

    name: str
    is_query: bool
    content: bytes


COLLECTIONS = (
    Collection(
        Archive(
            package="plasma-workspace-wallpapers",
            version="4:5.27.5-2",
            sha256="32cd18b71c8c938a18b3b351f217c02ac590e323caa3cf322fbb875ce8892f8b",
            filename="plasma-workspace-wallpapers_4%3a5.27.5-2_all.deb",
            command=apt_download,
        ),
        "./usr/share/wallpapers/{}/contents/images/2560x1600.jpg",
        base=(
            "BytheWater",
            "ColdRipple",
            "ColorfulCups",
            "DarkestHour",
            "FallenLeaf",
            "Grey",
            "Kite",
            "OneStandsOut",
            "Path",
            "summer_1am",
        ),
        queries=("EveningGlow",),
        licence="GPL-2+",
    ),
    Collection(
        Archive(
            package="mate-backgrounds",
            version="1.26.0-1",
            sha256="7bf4c2209f34b4f61ba6d24c8b58c28b361e82e4b943aae6d42c030169af9e04",
            filename="mate-backgrounds_1.26.0-1_all.deb",
            command=apt_download,
        ),
        "./usr/share/backgrounds/mate/nature/{}.jpg",
        base=(
            "Aqua",
            "Blinds",
            "FreshFlower",
            "Garden",
            "GreenMeadow",
            "RainDrops",
            "Storm",
            "TwoWings",
            "Wood",
            "YellowFlower",
        ),
        queries=("Dune", "LadyBird"),
        licence="GPL-2+",
    ),
    Collection(
        Archive(
            package="lomiri-wallpapers-16.04",
            version="20.04.0-2",
            sha256="a99ff6a3bfe451e4cc0682ecb3cc82e71740626d59e4845ae34a0a0e45421eab",
            filename="lomiri-wallpapers-16.04_20.04.0-2_all.deb",
            command=apt_download,
        ),
        "./usr/share/backgrounds/{}.jpg",
        base=(
            "Bridge_by_Sander_Klootwijk",
            "Dragonfly_by_Bolly",
            "Picture_0B_by_freespace",
            "Picture_1A_by_freespace",
            "aitzgorri_by_Aitzol_Berasategi",
            "analogpattern_by_Peter_Nerlich",
            "free_by_Peter_Nerlich",
            "greentock_by_Peter_Nerlich",
            "life_by_Aitzol_Berasategi",
            "seeding_by_Clements_Engelhardt",
            "sunset_by_Aitzol_Berasategi",
            "umang_by_Abhishek_Mudgal",
        ),
        queries=("Wine_by_Jakkub_Mede", "friends_by_Aitzol_Berasategi", "picosdeeuropa_by_Aitzol_Berasategi"),
        licence="CC BY-SA 4.0, CC BY 4.0, CC0 1.0",
    ),
    Collection(
        Archive(
            package="lomiri-wallpapers-20.04",
            version="20.04.0-2",
            sha256="d44e89b8473aafe64a5b678f014862dc31335aaaf18665c544d985d854f1a709",
            filename="lomiri-wallpapers-20.04_20.04.0-2_all.deb",
            command=apt_download,
        ),
        "./usr/share/backgrounds/{}.jpg",
        base=("Kleiber_by_Lukas_Baubkus",),
        queries=(),
        licence="CC BY-SA 3.0",
    ),
)


def packages(source: Path | None = None) -> list[Path]:
    """The package of each collection: in the folder ``source``, each under its own name, or fetched if None."""
    archives = [collection.archive for collection in COLLECTIONS]
    if source is None:
        return [fetch(archive) for archive in archives]
    return [verified(archive, source / archive.filename) for archive in archives]


def read(files: list[Path]) -> Iterator[Photograph]:
    """The photographs in the packages ``files``, one for each collection; one of them is in memory at a time."""
    for collection, file in zip(COLLECTIONS, files, strict=True):
        names = {collection.file.format(name): name for name in (*collection.base, *collection.queries)}
        for path, content in debian.regular_files(file, names):
            yield Photograph(names[path], names[path] in collection.queries, content)
