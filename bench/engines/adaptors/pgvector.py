"""pgvector: an HNSW graph over vectors, halves, bits or leading dimensions."""

from __future__ import annotations

from typing import Any

from bench.engines.adaptors.postgres import Postgres

_EF = 40  # the extension's default
_MOST_EF = 1_000


class PgVector(Postgres):
    """The index with its own defaults for the graph; ``hnsw.ef_search`` of 40, its default, unless a value is given.

    A search returns no more than ``ef_search`` rows, so that it is raised to the number of rows that are wanted.
    """

    name = "pgvector"
    extension = "vector"
    schemes = ("vector", "halfvec", "binary_quantize", "subvector")
    search_option = "ef"

    def options(self, k: int) -> dict[str, int]:
        wanted = self.oversampling * k if self.rescore else k
        return {"hnsw.ef_search": min(_MOST_EF, max(self.search_value or _EF, wanted))}

    def index(self) -> dict[str, Any]:
        return {"kind": "hnsw", "m": 16, "ef_construction": 64, "ef": self.search_value or _EF}
