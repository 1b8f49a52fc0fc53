"""A gate for continuous integration: deterministic figures may not fall behind a recorded baseline."""

from bench.gate.case import Case
from bench.gate.verdict import Tolerance, Verdict, compare

__all__ = ["Case", "Tolerance", "Verdict", "compare"]
