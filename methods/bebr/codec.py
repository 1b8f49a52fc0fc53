"""The method ``bebr``."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from methods.base import Codec, Metric, Searcher
from methods.bebr import grid, layout
from methods.bebr.encoder import Encoder, alternate
from methods.bebr.search import LevelSearcher
from methods.errors import BudgetError, MethodError
from methods.principal_axes import principal_axes
from methods.registry import register
from methods.vectors import normalized

_TRAIN_ROWS = 100_000  # training vectors used: more no longer raises recall


@register("bebr")
class BEBR(Codec):
    """Recurrent binarization: ``dim_code`` symbols of ``loops + 1`` bits and one byte for the factor."""

    family = "binary"
    summary = "recurrent binary codes: a learned linear decoder over uniform symbols, searched symmetrically"
    source = "Binary Embedding-based Retrieval at Tencent, KDD 2023, arXiv 2302.08714"
    estimator = True
    metrics: ClassVar[frozenset[Metric]] = frozenset({Metric.IP, Metric.COSINE})

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        dim_code: int = 64,
        loops: int = 1,
        scoring: str = "sdc",
        rounds: int = 8,
        refine: int = 4,
    ) -> None:
        self.dim_code, self.loops, self.scoring = dim_code, loops, scoring
        self.rounds, self.refine = rounds, refine
        super().__init__(dim, metric)

    @classmethod
    def for_budget(
        cls,
        dim: int,
        code_bytes: int,
        metric: Metric,
        *,
        dim_code: int | None = None,
        loops: int = 1,
        scoring: str = "sdc",
        rounds: int = 8,
        refine: int = 4,
    ) -> BEBR:
        bits = loops + 1
        most = 8 * (code_bytes - layout.FACTOR_BYTES) // bits
        if most < 1:
            raise BudgetError("bebr", code_bytes, layout.FACTOR_BYTES + 1)
        if dim_code is None:
            dim_code = min(most, dim * grid.axis_limit(bits))
        return cls(dim, metric, dim_code, loops, scoring, rounds, refine)

    @property
    def bits(self) -> int:
        return self.loops + 1

    @property
    def code_size(self) -> int:
        return layout.symbol_bytes(self.dim_code, self.bits) + layout.FACTOR_BYTES

    def parts(self) -> dict[str, np.ndarray]:
        return {"decoder": self.encoder_.decoder, "lead": self.encoder_.lead, "factor_range": self.factor_range_}

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        self.encoder_ = Encoder(parts["decoder"], parts["lead"], self.bits, self.refine)
        self._set_range(parts["factor_range"])

    def _set_range(self, bounds: np.ndarray) -> None:
        self.factor_range_ = bounds
        self._factors = layout.factor_table(bounds)

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        if len(vectors) > _TRAIN_ROWS:
            rows = np.random.default_rng(seed).choice(len(vectors), _TRAIN_ROWS, replace=False)
            vectors = vectors[np.sort(rows)]
        norms = np.linalg.norm(vectors, axis=1)
        unit = normalized(vectors)
        _, axes, variances = principal_axes(np.concatenate([unit, -unit]), self.dim)
        share = self.dim / (self.dim + len(unit))
        variances = (1 - share) * variances + share * max(float(variances.mean()), 1e-12)
        decoder, lead = grid.start(axes, variances, self.dim_code, self.bits, seed)
        encoder = Encoder(decoder, lead, self.bits, self.refine)
        self.encoder_ = alternate(encoder, unit, self.bits, self.rounds)
        decoded = self.encoder_.encode(unit)[1]
        self._set_range(layout.factor_range(_ratio(norms, decoded)))

    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        levels, decoded = self.encoder_.encode(normalized(vectors))
        factors = layout.factor_bytes(_ratio(np.linalg.norm(vectors, axis=1), decoded), self.factor_range_)
        return np.concatenate([layout.pack(layout.symbols_of(levels, self.bits), self.bits), factors[:, None]], axis=1)

    def _unpack(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        symbols = layout.unpack(codes[:, :-1], self.dim_code, self.bits)
        return layout.levels(symbols, self.bits), self._factors[codes[:, -1]]

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        levels, factors = self._unpack(codes)
        return (levels * factors[:, None]) @ self.encoder_.decoder

    def _weights(self, queries: np.ndarray) -> np.ndarray:
        if self.scoring == "adc":
            return queries @ self.encoder_.decoder.T
        levels, decoded = self.encoder_.encode(normalized(queries))
        return (levels @ self.encoder_.gram) * _ratio(np.linalg.norm(queries, axis=1), decoded)[:, None]

    def _searcher(self, codes: np.ndarray) -> Searcher:
        return LevelSearcher(self.dim, self.metric, codes, self._unpack, self._weights)

    def _check_shape(self) -> None:
        super()._check_shape()
        if self.scoring not in ("sdc", "adc"):
            raise MethodError(f"scoring={self.scoring!r} is unknown; use sdc or adc")


def _ratio(norms: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    """Factors (n,) that give the decoded levels the norms of the vectors; 0 where they decode to nothing."""
    return np.divide(norms, decoded, out=np.zeros_like(norms), where=decoded > 0)
