"""Differentiable product quantization, and its variant with fewer centroids for rare rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from methods.errors import MethodError
from methods.registry import register
from methods.tables.base import Fields, Stage, State, TableBudgetError, TableMethod, uniform
from methods.tables.bits import bitmap, bitmap_bytes, pack, packed_bytes, ranks, unpack

if TYPE_CHECKING:
    import torch

_PARTS = (8, 4, 2, 1)
_BLOCK = 8192


class Quantized(TableMethod):
    """Rows are trained as float32 and read as the nearest centroid of each of their ``parts``.

    The gradient passes straight through to the row and, for the chosen centroid, to the codebook, which the penalty
    mean((centroid - row)^2) also pulls towards the rows. Codes and codebooks are stored.
    """

    family = "quantization"
    sparse = frozenset({"rows"})

    def __init__(self, rows: Sequence[int], dim: int, parts: int, bits: int) -> None:
        super().__init__(rows, dim)
        if dim % parts:
            raise MethodError(f"parts={parts} does not divide dim={dim}; use a divisor")
        self.parts, self.bits = parts, bits
        self._pull: torch.Tensor | None = None

    @property
    def _codebook_bytes(self) -> int:
        return 4 * self.dim << self.bits

    def stages(self) -> tuple[Stage, ...]:
        return Stage("train"), Stage("assign", epochs=0)

    def initialize(self, fields: Fields, rng: np.random.Generator) -> State:
        rows = uniform(rng, self.total, self.dim)
        codebooks = uniform(rng, self.parts, 1 << self.bits, self.dim // self.parts)
        return State({"rows": rows, "codebooks": codebooks}, self._constants(fields))

    def _constants(self, fields: Fields) -> dict[str, np.ndarray]:
        return {}

    def begin_stage(
        self, stage: Stage, state: State, fields: Fields, rng: np.random.Generator, judge: Callable[[State], float]
    ) -> State:
        if stage.name != "assign":
            return state
        import torch

        t = {name: torch.from_numpy(array) for name, array in (state.weights | state.constants).items()}
        codes = np.empty((self.total, self.parts), np.uint8)
        for start in range(0, self.total, _BLOCK):
            rows = torch.arange(start, min(start + _BLOCK, self.total))
            codes[start : start + _BLOCK] = self._codes(t, rows, t["rows"][rows]).numpy()
        return State({"codebooks": state.weights["codebooks"]}, {**state.constants, "codes": codes})

    def _codes(self, t: dict[str, torch.Tensor], rows: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Nearest allowed centroids (n, parts) of ``values`` (n, dim), the rows numbered ``rows`` (n,)."""
        from methods.tables._nearest import nearest_centroids

        return nearest_centroids(values, t["codebooks"].detach())

    def embed(self, t: dict[str, torch.Tensor], rows: torch.Tensor, training: bool) -> torch.Tensor:
        import torch
        from torch.nn.functional import embedding

        part = torch.arange(self.parts, device=rows.device)
        if "codes" in t:
            return t["codebooks"][part, t["codes"][rows.flatten()].long()].view(*rows.shape, self.dim)
        distinct, which = torch.unique(
            rows, return_inverse=True
        )  # a row that occurs several times in a batch is coded once
        values = embedding(distinct, t["rows"], sparse=True)
        chosen = t["codebooks"][part, self._codes(t, distinct, values.detach())].reshape(values.shape)
        which = which.flatten()
        # Kept for penalty(): codes cost most of a step.
        self._pull = (chosen - values.detach()).square().sum(1).index_select(0, which).mean()
        passed = chosen + (values - values.detach())
        return passed.index_select(0, which).view(*rows.shape, self.dim)

    def penalty(self, t: dict[str, torch.Tensor], rows: torch.Tensor) -> torch.Tensor | None:
        pull, self._pull = self._pull, None
        return pull

    def _decoded(self, codebooks: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """(n, dim) of codes (n, parts)."""
        return codebooks[np.arange(self.parts), codes].reshape(len(codes), self.dim)


@register("dpq")
class DPQ(Quantized):
    """``parts`` codes of ``bits`` bits each a row, as many bits as fit. Chen et al., ICML 2020 (DPQ-VQ)."""

    summary = "differentiable product quantization, straight-through"
    source = "Chen et al., ICML 2020"
    version = "2"  # 1: gradients were summed in another order, and near ties decide where training goes

    @classmethod
    def _sized(cls, fields: Fields, dim: int, table_bytes: int) -> dict[str, Any]:
        tried = [cls(fields.rows, dim, parts, bits) for parts in _PARTS if dim % parts == 0 for bits in range(8, 0, -1)]
        fitting = [method for method in tried if method.planned_bytes <= table_bytes]
        if not fitting:
            raise TableBudgetError(cls._label(), table_bytes, min(method.planned_bytes for method in tried))
        best = max(fitting, key=lambda method: (method.parts * method.bits, method.bits))
        return {"parts": best.parts, "bits": best.bits}

    @property
    def planned_bytes(self) -> int:
        return packed_bytes(self.total * self.parts, self.bits) + self._codebook_bytes

    def compress(self, state: State) -> dict[str, np.ndarray]:
        return {"codes": pack(state.constants["codes"], self.bits), "codebooks": state.weights["codebooks"]}

    def gather(self, arrays: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
        places = rows.reshape(-1, 1) * self.parts + np.arange(self.parts)
        decoded = self._decoded(arrays["codebooks"], unpack(arrays["codes"], places, self.bits))
        return decoded.reshape(*rows.shape, self.dim)


@register("mgqe")
class MGQE(Quantized):
    """The most frequent tenth of the rows has 256 centroids a part, the others the first 64 of them.

    Kang et al., Learning Multi-granular Quantized Embeddings for Large-Vocab Categorical Features, WWW 2020. The flag
    of a row (with its rank among the flagged) is stored and counted, and so are both lengths of codes.
    """

    summary = "product quantization with more centroids for frequent rows"
    source = "Kang et al., WWW 2020"
    version = "2"  # 1: gradients were summed in another order, and near ties decide where training goes

    def __init__(self, rows: Sequence[int], dim: int, parts: int, bits: int = 8, rare_bits: int = 6) -> None:
        super().__init__(rows, dim, parts, bits)
        self.rare_bits = rare_bits

    @classmethod
    def _sized(cls, fields: Fields, dim: int, table_bytes: int) -> dict[str, Any]:
        tried = [cls(fields.rows, dim, parts) for parts in _PARTS if dim % parts == 0]
        for method in tried:
            if method.planned_bytes <= table_bytes:
                return {"parts": method.parts}
        raise TableBudgetError(cls._label(), table_bytes, tried[-1].planned_bytes)

    @property
    def _hot(self) -> int:
        return max(1, self.total // 10)

    @property
    def planned_bytes(self) -> int:
        codes = packed_bytes(self._hot * self.parts, self.bits)
        codes += packed_bytes((self.total - self._hot) * self.parts, self.rare_bits)
        return codes + bitmap_bytes(self.total) + self._codebook_bytes

    def _constants(self, fields: Fields) -> dict[str, np.ndarray]:
        hot = np.zeros(self.total, bool)
        hot[np.argsort(-fields.frequencies, kind="stable")[: self._hot]] = True
        return {"hot": hot}

    def _codes(self, t: dict[str, torch.Tensor], rows: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        import torch

        from methods.tables._nearest import nearest_centroids

        hot, codebooks = t["hot"][rows], t["codebooks"].detach()
        codes = torch.empty((len(rows), self.parts), dtype=torch.int64, device=rows.device)
        for chosen, allowed in ((hot, codebooks), (~hot, codebooks[:, : 1 << self.rare_bits])):
            codes[chosen] = nearest_centroids(values[chosen], allowed)
        return codes

    def compress(self, state: State) -> dict[str, np.ndarray]:
        hot, codes = state.constants["hot"], state.constants["codes"]
        words, before = bitmap(hot)
        return {
            "hot_codes": pack(codes[hot], self.bits),
            "rare_codes": pack(codes[~hot], self.rare_bits),
            "hot": words,
            "hot_before": before,
            "codebooks": state.weights["codebooks"],
        }

    def gather(self, arrays: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
        flat = rows.ravel()
        hot, before = ranks(arrays["hot"], arrays["hot_before"], flat)
        codes = np.empty((len(flat), self.parts), np.uint8)
        part = np.arange(self.parts)
        codes[hot] = unpack(arrays["hot_codes"], before[hot, None] * self.parts + part, self.bits)
        rare = (flat - before)[~hot, None] * self.parts + part
        codes[~hot] = unpack(arrays["rare_codes"], rare, self.rare_bits)
        return self._decoded(arrays["codebooks"], codes).reshape(*rows.shape, self.dim)
