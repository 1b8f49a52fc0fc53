"""turbovec: an exhaustive scan of its TurboQuant codes, saved with ``write`` and read with ``load``."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.engines.adaptors.base import BuildError, Engine

_SAMPLE = 4_096  # vectors that shift and scale of the coordinates are learned from; 1,024 are enough by its manual
_LEAST = 1_000  # fewer are no sample
_FILE = "index.tv"


class Turbovec(Engine):
    """The index that the catalogue types, calibrated by a random sample of the vectors."""

    name = "turbovec"
    packages = ("turbovec",)
    modules = ("turbovec",)
    schemes = ("TurboQuantIndex", "IdMapIndex")

    def build(self, vectors: Any) -> None:
        try:
            index = self._class(dim=self.offer.dim, bit_width=int(self.offer.settings["bits"]))
            if vectors.shape[0] >= _LEAST:
                index.calibrate(self.sample(vectors, _SAMPLE))
            for start, block in self.blocks(vectors):
                if self._has_ids:
                    index.add_with_ids(block, np.arange(start, start + len(block), dtype=np.uint64))
                else:
                    index.add(block)
            index.write(str(self.folder / _FILE))
        except ValueError as error:
            raise BuildError(str(error)) from None

    def open(self) -> None:
        self._index = self._class.load(str(self.folder / _FILE))
        self._index.prepare()

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        scores, ids = self._index.search(self.prepared(queries), k)
        return scores, np.asarray(ids).astype(np.int64)

    def index(self) -> dict[str, Any]:
        return {"kind": "flat"}

    @property
    def _has_ids(self) -> bool:
        return self.offer.scheme.name == "IdMapIndex"

    @property
    def _class(self) -> Any:
        import turbovec

        return getattr(turbovec, self.offer.scheme.name)
