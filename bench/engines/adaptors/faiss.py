"""faiss: an index made by ``index_factory``, saved with ``write_index`` and searched whole, as its text says."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from bench.engines.adaptors.base import BuildError, Engine

_TYPED = re.compile(r'index_factory\(\d+, "([^"]+)"')
_TRAIN = 100_000
_FILE = "index.faiss"


class Faiss(Engine):
    """The factory string that the catalogue types, with nothing around it: all codes are scanned."""

    name = "faiss"
    packages = ("faiss-cpu",)
    modules = ("faiss",)
    schemes = (
        "SQ8",
        "SQ6",
        "SQ4",
        "RR SQ4",
        "SQfp16",
        "SQbf16",
        "SQtqmse",
        "EDEN",
        "RaBitQ",
        "RaBitQ2..9",
        "PQ",
        "PQ fastscan",
        "OPQ",
        "RQ",
        "PRQ",
        "LSH",
        "ITQ",
        "PCAR",
    )

    def build(self, vectors: Any) -> None:
        import faiss

        faiss.omp_set_num_threads(self.threads)
        index = faiss.index_factory(self.offer.dim, self.text, getattr(faiss, self.metric_word or "METRIC_L2"))
        try:
            index.train(self.sample(vectors, _TRAIN))
            for _, block in self.blocks(vectors):
                index.add(block)
            faiss.write_index(index, str(self.folder / _FILE))
        except RuntimeError as error:
            raise BuildError(str(error).splitlines()[-1]) from None

    @property
    def text(self) -> str:
        """The factory string; with the vectors themselves behind the codes where candidates are rescored."""
        match = _TYPED.search(self.offer.typed)
        assert match is not None, self.offer.typed
        return f"{match[1]},RFlat" if self.rescore else match[1]

    def open(self) -> None:
        import faiss

        faiss.omp_set_num_threads(self.threads)
        self._index = faiss.read_index(str(self.folder / _FILE))
        if self.rescore:
            refining: Any = faiss.downcast_index(self._index)
            refining.k_factor = self.oversampling

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        return self._index.search(self.prepared(queries), k)

    def index(self) -> dict[str, Any]:
        return {"kind": "flat"}
