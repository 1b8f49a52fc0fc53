"""The byte budget: the most bytes that one code may take."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from methods.errors import MethodError

_FORM = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>x|b|bytes?|bits?)", re.IGNORECASE | re.ASCII)
_HOW = "use a ratio to float32 (8x), bytes a vector (48B) or bits a dimension (2bit)"


@dataclass(frozen=True)
class Budget:
    """The most bytes a code may take, as the user says it.

    Attributes
    ----------
    requested : str
        ``"8x"`` (bytes of the float32 vector / 8), ``"48B"`` (bytes a vector) or ``"2bit"`` (bits a dimension).
    """

    requested: str

    def __post_init__(self) -> None:
        self._parse()

    def _parse(self) -> tuple[float, str]:
        match = _FORM.fullmatch(str(self.requested).strip())
        if match is None:
            raise MethodError(f"budget={self.requested} is not a budget; {_HOW}")
        number, unit = float(match["number"]), match["unit"].lower()
        if number <= 0:
            raise MethodError(f"budget={self.requested} leaves no bytes at all; {_HOW}")
        kind = "ratio" if unit == "x" else "bits" if unit.startswith("bit") else "bytes"
        if (kind == "ratio" and number < 1) or (kind == "bits" and number > 32):
            larger = f"{32 / number:g} bits a dimension, and float32 has 32" if kind == "ratio" else "float32 has 32"
            raise MethodError(f"budget={self.requested} is larger than float32 itself ({larger}); {_HOW}")
        if math.isinf(number):
            raise MethodError(f"budget={self.requested} is beyond any number; {_HOW}")
        if kind == "bytes" and number != int(number):
            raise MethodError(f"budget={self.requested} is not a whole number of bytes; use {math.floor(number) or 1}B")
        return number, kind

    def total_bytes(self, rows: int, dim: int) -> int:
        """Whole bytes that a table of ``rows`` vectors of ``dim`` values may take in all, rounded down."""
        number, kind = self._parse()
        if kind == "bytes":
            return math.floor(number) * rows
        return self.code_bytes(rows * dim)

    def code_bytes(self, dim: float) -> int:
        """Whole bytes that a code of ``dim`` values (a vector's, or a set's on average) may take, rounded down.

        Raises
        ------
        MethodError
            If that is less than one byte.
        """
        number, kind = self._parse()
        size = {"ratio": 4 * dim / number, "bytes": number, "bits": number * dim / 8}[kind]
        if math.floor(size) < 1:
            raise MethodError(
                f"budget={self.requested} is {size:.3g} bytes for a vector of {dim:g} dimensions; "
                f"the least is 1B ({4 * dim:g}x)"
            )
        return math.floor(size + 1e-9)
