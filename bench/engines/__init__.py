"""What real engines offer: a file of ``catalogue/`` for each, and what its schemes cost at a dimension.

python -m bench.engines show qdrant --dim 768
"""

from __future__ import annotations

from bench.engines.entries import CATALOGUE, entry, names
from bench.engines.fields import CatalogueError
from bench.engines.offers import Offer, Refusal, offers, refusals, schemes_within, where
from bench.engines.scheme import EngineEntry, Scheme
from bench.errors import UsageError

__all__ = [
    "CATALOGUE",
    "CatalogueError",
    "EngineEntry",
    "Offer",
    "Refusal",
    "Scheme",
    "UsageError",
    "entry",
    "names",
    "offers",
    "refusals",
    "schemes_within",
    "where",
]
