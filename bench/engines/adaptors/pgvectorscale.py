"""pgvectorscale: a DiskANN graph over statistical binary codes (SBQ)."""

from __future__ import annotations

from typing import Any

from bench.engines.adaptors.postgres import Postgres

_LIST = 100  # the extension's default
_MOST_RESCORED = 1_000


class PgVectorScale(Postgres):
    """The index with its own defaults for the graph.

    Rescoring, which is on by default, is turned off unless it is measured; then it is ``diskann.query_rescore``.
    """

    name = "pgvectorscale"
    extension = "vectorscale"
    schemes = ("SBQ 1 bit", "SBQ 2 bits", "num_dimensions")
    search_option = "search_list_size"

    def options(self, k: int) -> dict[str, int]:
        return {
            "diskann.query_search_list_size": self.search_value or _LIST,
            "diskann.query_rescore": min(_MOST_RESCORED, self.oversampling * k) if self.rescore else 0,
        }

    def index(self) -> dict[str, Any]:
        return {"kind": "diskann", "search_list_size": self.search_value or _LIST}

    @property
    def orders_by_code(self) -> bool:
        return False
