"""sqlite-vec: a virtual table of SQLite in one file, which every query scans."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from bench.engines.adaptors.base import BuildError, Engine

_FILE = "vectors.db"
_TYPED = re.compile(r"(CREATE VIRTUAL TABLE (\w+) USING vec0\((\w+) .+\)) -- INSERT (.+)")


class SQLiteVec(Engine):
    """The table that the catalogue types, and the expression behind ``INSERT`` for vectors and queries.

    The standard library's ``sqlite3`` is often built without extensions; apsw brings an SQLite that takes them.
    """

    name = "sqlite-vec"
    packages = ("sqlite-vec", "apsw")
    modules = ("sqlite_vec", "apsw")
    schemes = ("float", "int8", "bit", "vec_slice")

    def build(self, vectors: Any) -> None:
        import apsw

        database = self._connected()
        try:
            database.execute(self._create)
            for start, block in self.blocks(vectors):
                self._check_range(block)
                rows = ((start + row, vector.tobytes()) for row, vector in enumerate(block))
                with database:  # one transaction
                    insert = f"INSERT INTO {self._table} (rowid, {self._column}) VALUES (?, {self._stored})"
                    database.executemany(insert, rows)
        except apsw.Error as error:
            raise BuildError(str(error)) from None
        finally:
            database.close()

    def open(self) -> None:
        self._database = self._connected()

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        select = f"SELECT rowid, distance FROM {self._table} WHERE {self._column} MATCH {self._stored} AND k = ?"
        results = [list(self._database.execute(select, (query.tobytes(), k))) for query in self.prepared(queries)]
        scores = [[distance for _, distance in rows] for rows in results]
        return self.padded(scores, [[row for row, _ in rows] for rows in results], k)

    def index(self) -> dict[str, Any]:
        return {"kind": "flat"}

    def close(self) -> None:
        if database := self.__dict__.pop("_database", None):
            database.close()

    def _connected(self) -> Any:
        import apsw
        import sqlite_vec

        database = apsw.Connection(str(self.folder / _FILE))
        database.enable_load_extension(True)
        database.load_extension(sqlite_vec.loadable_path())
        database.enable_load_extension(False)
        return database

    def _check_range(self, block: np.ndarray) -> None:
        """Refuse values that the engine would turn into others without a word."""
        if "'unit'" in self._stored and "vec_normalize" not in self._stored and (greatest := np.abs(block).max()) > 1:
            raise BuildError(f"vec_quantize_int8(.., 'unit') takes values from -1 to 1; these reach {greatest:.3g}")

    @property
    def _parts(self) -> re.Match[str]:
        match = _TYPED.fullmatch(self.offer.typed)
        assert match is not None, self.offer.typed
        return match

    @property
    def _create(self) -> str:
        return self._parts[1]

    @property
    def _table(self) -> str:
        return self._parts[2]

    @property
    def _column(self) -> str:
        return self._parts[3]

    @property
    def _stored(self) -> str:
        """The expression that makes of a vector what is stored, with ``?`` for the vector."""
        return re.sub(rf"\b{self._column}\b", "?", self._parts[4], count=1)
