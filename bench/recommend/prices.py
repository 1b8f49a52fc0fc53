"""What bytes cost: the user's own prices of memory and disk, from a small YAML file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.errors import UsageError

_FIELDS = ("currency", "memory", "disk")
_HOW = "write `currency: EUR`, `memory: 3.5` and `disk: 0.1`, prices of a GB (10^9 bytes) a month"
_GB = 1e9


@dataclass(frozen=True)
class Prices:
    """Prices of a GB (10^9 bytes) a month.

    Attributes
    ----------
    currency : str
        As it is printed: ``EUR``.
    memory, disk : float
    """

    currency: str
    memory: float
    disk: float


@dataclass(frozen=True)
class Monthly:
    """What bytes cost a month, memory and disk apart."""

    currency: str
    memory: float
    disk: float

    @property
    def total(self) -> float:
        return self.memory + self.disk

    def __str__(self) -> str:
        """``EUR 3.40 a month (3.26 for memory, 0.14 for disk)``."""
        parts = f"{_amount(self.memory)} for memory, {_amount(self.disk)} for disk"
        return f"{self.currency} {_amount(self.total)} a month ({parts})"


def monthly(prices: Prices | None, memory_bytes: int, disk_bytes: int) -> Monthly | None:
    """What so many bytes cost; None without prices."""
    if prices is None:
        return None
    return Monthly(prices.currency, prices.memory * memory_bytes / _GB, prices.disk * disk_bytes / _GB)


def read_prices(path: str) -> Prices:
    """The prices of a file.

    Raises
    ------
    UsageError
        It does not exist, is no YAML, or a field is missing, unknown or no price; the message says what is right.
    """
    try:
        data = yaml.safe_load(Path(path).expanduser().read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--prices {path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except yaml.YAMLError as error:
        raise UsageError(f"--prices {path} is not YAML ({' '.join(str(error).split())}); {_HOW}") from None
    if not isinstance(data, dict):
        raise UsageError(f"--prices {path} has no fields; {_HOW}")
    for key in data:
        if key not in _FIELDS:
            raise UsageError(f"--prices {path} has the field {key!r}, which means nothing; {_HOW}")
    for key in _FIELDS:
        if key not in data:
            raise UsageError(f"--prices {path} lacks {key}; {_HOW}")
    currency = data["currency"]
    if not isinstance(currency, str) or not currency.strip() or "\n" in currency.strip():
        raise UsageError(f"--prices {path}: currency {currency!r} is no name of a currency; {_HOW}")
    return Prices(currency.strip(), _price(path, "memory", data["memory"]), _price(path, "disk", data["disk"]))


def _price(path: str, key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not (value >= 0 and math.isfinite(value)):
        raise UsageError(f"--prices {path}: {key} {value!r} is no price; {_HOW}")
    return float(value)


def _amount(value: float) -> str:
    """Two decimals; three digits where these would show too little."""
    return f"{value:,.2f}" if value >= 1 or value == 0 else f"{value:.3g}"
