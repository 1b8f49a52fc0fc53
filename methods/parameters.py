"""Checks of constructor parameters that many methods share."""

from __future__ import annotations

from typing import Any

from methods.base import Metric
from methods.errors import MethodError, UnsupportedMetric


def check_integer(name: str, value: Any, low: int, high: int) -> int:
    """``value`` as an integer from ``low`` to ``high``, or a :class:`MethodError` that says so."""
    if isinstance(value, bool) or int(value) != value or not low <= value <= high:
        raise MethodError(f"{name}={value!r} is out of range; use an integer from {low} to {high}")
    return int(value)


def check_renormalize(renormalize: bool, metric: Metric) -> None:
    """Refuse ``renormalize`` under l2: it divides an inner product by the norm of the decoded vector."""
    if renormalize and metric is Metric.L2:
        raise UnsupportedMetric(
            "renormalize=true is for unit vectors under ip or cosine, not for l2; set renormalize=false"
        )


def check_device(device: str) -> str:
    """``device`` if torch would know it by name: ``auto``, ``cpu``, ``cuda``, ``cuda:0`` or ``mps``."""
    if device not in ("auto", "cpu", "cuda", "mps") and not str(device).startswith("cuda:"):
        raise MethodError(f"device={device!r} is unknown; use auto, cpu, cuda or mps")
    return device
