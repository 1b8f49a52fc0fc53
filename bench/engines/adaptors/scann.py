"""ScaNN: the builder's own words, serialized into a folder and searched whole."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.engines.adaptors.base import BuildError, Engine


class Scann(Engine):
    """What the catalogue types, without partitions: all codes are scanned."""

    name = "scann"
    packages = ("scann",)
    modules = ("scann",)
    schemes = ("score_ah", "score_brute_force quantize")

    def build(self, vectors: Any) -> None:
        import scann

        base = np.concatenate([block for _, block in self.blocks(vectors)])
        steps, end = self.offer.typed.removesuffix(".build()"), f".set_n_training_threads({self.threads}).build()"
        if self.rescore:
            steps += ".reorder(100)"
        try:
            # What is printed for the user is what runs; the text is this package's own.
            searcher = eval(steps + end, {"scann": scann, "base": base})
            searcher.serialize(str(self.folder), relative_path=True)
        except (RuntimeError, ValueError) as error:
            raise BuildError(str(error)) from None

    def open(self) -> None:
        import scann

        self._searcher = scann.scann_ops_pybind.load_searcher(str(self.folder))
        self._searcher.set_num_threads(self.threads)

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        queries = self.prepared(queries)
        candidates = self.oversampling * k if self.rescore else -1
        if len(queries) == 1:
            ids, scores = self._searcher.search(queries[0], k, candidates)
            ids, scores = ids[None], scores[None]
        elif self.threads > 1:
            ids, scores = self._searcher.search_batched_parallel(queries, k, candidates)
        else:
            ids, scores = self._searcher.search_batched(queries, k, candidates)
        return scores, ids.astype(np.int64)

    def index(self) -> dict[str, Any]:
        return {"kind": "flat"}
