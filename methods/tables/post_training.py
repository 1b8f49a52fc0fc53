"""Compressors of a finished table: the dense codecs of the registry."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from methods import registry
from methods.base import Codec, Metric
from methods.errors import BudgetError, MethodError
from methods.tables.base import Fields, Stage, State, TableBudgetError
from methods.tables.full import DenseTable

if TYPE_CHECKING:
    import torch

_BLOCK = 8192  # rows decoded at a time
_TRIED = 1024  # vectors on which a codec is fitted to see how large its parts are
_BEYOND = 4  # bytes beyond the longest code that a bisection finds
_STORED = "stored_"


class AfterTraining(DenseTable):
    """The table is trained whole and then compressed; the click model is not trained again."""

    family = "after training"

    def stages(self) -> tuple[Stage, ...]:
        return Stage("train"), Stage("compress", epochs=0)

    @abstractmethod
    def squeeze(self, table: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """The arrays to store, of a trained table (total, dim)."""

    def begin_stage(
        self, stage: Stage, state: State, fields: Fields, rng: np.random.Generator, judge: Callable[[State], float]
    ) -> State:
        if stage.name != "compress":
            return state
        stored = self.squeeze(state.weights["table"], rng)
        ready = self.ready(stored)
        numbers = np.arange(self.total)
        blocks = [self.gather(ready, numbers[start : start + _BLOCK]) for start in range(0, self.total, _BLOCK)]
        return State(
            {}, {f"{_STORED}{name}": array for name, array in stored.items()} | {"rows": np.concatenate(blocks)}
        )

    def embed(self, t: dict[str, torch.Tensor], rows: torch.Tensor, training: bool) -> torch.Tensor:
        return t["rows"][rows] if "rows" in t else super().embed(t, rows, training)

    def compress(self, state: State) -> dict[str, np.ndarray]:
        stored = state.constants.items()
        return {name.removeprefix(_STORED): array for name, array in stored if name.startswith(_STORED)}


@registry.register("post_training")
class PostTraining(AfterTraining):
    """A row is a code of any dense method whose codes decode.

    The code is the largest that fits together with the codec's parts.

    Parameters
    ----------
    rows, dim
        As for :class:`~methods.tables.base.TableMethod`.
    codec : str
        Any dense method whose codes decode.
    codec_params : dict, of ``for_budget``
        What a user of that method sets.
    codec_settings : dict
        Parameters of its constructor.
    part_bytes : int
        Bytes of its parts.
    """

    summary = "a finished table stored by any dense codec"
    source = "the dense methods of this project"

    def __init__(
        self, rows: Sequence[int], dim: int, codec: str, codec_settings: dict[str, Any], part_bytes: int
    ) -> None:
        super().__init__(rows, dim)
        self.codec, self.codec_settings, self.part_bytes = codec, codec_settings, part_bytes

    @classmethod
    def _sized(
        cls,
        fields: Fields,
        dim: int,
        table_bytes: int,
        *,
        codec: str = "pq",
        codec_params: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        if not registry.get(codec).decodable:
            raise MethodError(f"codes of {codec} do not decode to rows; use a codec whose codes do, such as pq")

        def made(code_bytes: int) -> tuple[Codec, int, int]:
            method = registry.for_budget(codec, dim, code_bytes, Metric.L2, **(codec_params or {}))
            part_bytes = _part_bytes(method)
            return method, part_bytes, method.code_size * fields.total + part_bytes

        low = _least_code(codec, dim, codec_params or {})
        best, part_bytes, size = made(low)
        if size > table_bytes:
            raise TableBudgetError(cls._label(), table_bytes, size)
        high = (table_bytes - part_bytes) // fields.total + 1  # for a bisection as if parts grew with the code
        guess = high - 1
        while low < guess:
            candidate, parts, size = made(guess)
            rest = (table_bytes - parts) // fields.total
            if size <= table_bytes:
                best, part_bytes, low, high = candidate, parts, guess, min(high, rest + 1)
                guess = (low + high) // 2
            else:
                high = min(guess, candidate.code_size)
                guess = rest if low < rest < high else (low + high) // 2
        # Parts may shrink as a code grows: a few longer ones may fit, too.
        longest = min(best.code_size + _BEYOND, table_bytes // fields.total)
        for code_bytes in range(longest, best.code_size, -1):
            candidate, parts, size = made(code_bytes)
            if size <= table_bytes and candidate.code_size > best.code_size:
                best, part_bytes = candidate, parts
                break
        return {"codec": codec, "codec_settings": best.params(), "part_bytes": part_bytes}

    @property
    def planned_bytes(self) -> int:
        return self._fresh_codec().code_size * self.total + self.part_bytes

    def _fresh_codec(self) -> Codec:
        return registry.get(self.codec)(**self.codec_settings)

    def squeeze(self, table: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        codec = self._fresh_codec().fit(table, int(rng.integers(2**31)))
        return {"codes": codec.encode(table)} | {f"part.{name}": array for name, array in codec.parts().items()}

    def ready(self, arrays: dict[str, np.ndarray]) -> Any:
        parts = {name[5:]: array for name, array in arrays.items() if name.startswith("part.")}
        return registry.get(self.codec).from_parts(self.codec_settings, parts), arrays["codes"]

    def gather(self, arrays: Any, rows: np.ndarray) -> np.ndarray:
        codec, codes = arrays
        return codec.decode(codes[rows.ravel()]).reshape(*rows.shape, self.dim)


def _least_code(codec: str, dim: int, params: dict[str, Any]) -> int:
    """Bytes of the smallest code."""
    try:
        return registry.for_budget(codec, dim, 0, Metric.L2, **params).code_size
    except BudgetError as error:
        return error.smallest


def _part_bytes(codec: Codec) -> int:
    """Bytes of the parts of ``codec`` once it is fitted."""
    sample = np.random.default_rng(0).standard_normal((_TRIED, codec.dim)).astype(np.float32)
    return sum(int(array.nbytes) for array in codec.fit(sample, 0).parts().values())
