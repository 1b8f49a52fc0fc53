"""What an engine offers, in plain values."""

from __future__ import annotations

import dataclasses
from typing import Any

from bench.engines.offers import Offer


def offer_data(offer: Offer, n: int | None = None) -> dict[str, Any]:
    """An offer as JSON has it; totals in bytes for ``n`` vectors."""
    scheme, memory = offer.scheme, offer.memory_bytes
    total = {"codes": offer.bytes, "memory": memory, "disk": offer.disk_bytes}
    return {
        "engine": offer.engine.name,
        "scheme": scheme.name,
        "dim": offer.dim,
        "metric": offer.metric,
        "settings": dict(offer.settings),
        "typed": offer.typed,
        "method": scheme.method,
        "equals": scheme.equals,
        "params": {
            key: str(value) if not isinstance(value, (int, bool)) else value for key, value in offer.params.items()
        },
        "differs": scheme.differs,
        "bytes": offer.bytes,
        "code": offer.code,
        "factors": offer.factors,
        "method_bytes": offer.method_bytes,
        "ids": offer.ids,
        "links": offer.links,
        "originals": {"place": scheme.originals.place, "bytes": offer.originals, "note": scheme.originals.note},
        "rescoring": dataclasses.asdict(scheme.rescoring) | {"typed": offer.rescoring},
        "limits": str(scheme.limits),
        "metrics": list(scheme.metrics),
        "since": scheme.since,
        "checked": scheme.checked,
        "sources": [offer.engine.sources[key] for key in scheme.sources],
        **({"totals": {key: value and n * value for key, value in total.items()}} if n is not None else {}),
    }
