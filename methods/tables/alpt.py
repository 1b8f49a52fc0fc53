"""ALPT: integers with a learned step for every row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from methods.errors import MethodError
from methods.registry import register
from methods.tables.base import Fields, Stage, State, TableMethod, uniform
from methods.tables.bits import pack, packed_bytes, unpack

if TYPE_CHECKING:
    import torch

_REACH = 0.2  # of a row before training


@register("alpt")
class ALPT(TableMethod):
    """``bits``-bit integers times a float32 step of the row, both trained.

    Li et al., Adaptive Low-Precision Training for Embeddings in Click-Through Rate Prediction, AAAI 2023. The forward
    pass reads rounded rows; the step's gradient is that of LSQ. Both are updated in one step rather than in the
    paper's two phases; the step is trained as its logarithm, and touched rows are rounded stochastically.

    Parameters
    ----------
    rows, dim
        As for :class:`~methods.tables.base.TableMethod`.
    bits : {2, 4, 8}
        Of a value; a row has 4 bytes more for its step.
    """

    family = "quantization"
    summary = "integers with a learned step for every row"
    source = "Li et al., AAAI 2023"
    sparse = frozenset({"table", "log_steps"})

    def __init__(self, rows: Sequence[int], dim: int, *, bits: int = 8) -> None:
        super().__init__(rows, dim)
        if bits not in (2, 4, 8):
            raise MethodError(f"bits={bits} is not possible; use 2, 4 or 8")
        self.bits = bits

    @property
    def _largest(self) -> int:
        return (1 << (self.bits - 1)) - 1

    @property
    def planned_bytes(self) -> int:
        return packed_bytes(self.total * self.dim, self.bits) + 4 * self.total

    def initialize(self, fields: Fields, rng: np.random.Generator) -> State:
        step = np.float32(_REACH / self._largest)
        table = np.round(uniform(rng, self.total, self.dim) / step) * step
        logs = np.full((self.total, 1), np.log(step), np.float32)
        return State({"table": table.astype(np.float32), "log_steps": logs})

    def embed(self, t: dict[str, torch.Tensor], rows: torch.Tensor, training: bool) -> torch.Tensor:
        from torch.nn.functional import embedding

        steps = embedding(rows, t["log_steps"], sparse=True).exp()
        values = (embedding(rows, t["table"], sparse=True) / steps).clamp(-self._largest, self._largest)
        return (values + (values.round() - values).detach()) * steps

    def after_step(self, t: dict[str, torch.Tensor], rows: torch.Tensor, step: int, stage: Stage) -> None:
        import torch

        touched = torch.unique(rows)
        steps = t["log_steps"].index_select(0, touched).exp()
        values = t["table"].index_select(0, touched) / steps
        rounded = torch.floor(values + torch.rand_like(values)).clamp_(-self._largest, self._largest)
        t["table"].index_copy_(0, touched, rounded * steps)

    def compress(self, state: State) -> dict[str, np.ndarray]:
        steps = np.exp(state.weights["log_steps"])
        codes = np.clip(np.round(state.weights["table"] / steps), -self._largest, self._largest)
        return {"codes": pack(codes + self._largest, self.bits), "steps": steps[:, 0]}

    def gather(self, arrays: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
        places = rows[..., None] * self.dim + np.arange(self.dim)
        codes = unpack(arrays["codes"], places, self.bits).astype(np.float32) - np.float32(self._largest)
        return codes * arrays["steps"][rows][..., None]
