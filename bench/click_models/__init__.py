"""Click models in small standard forms: (batch, fields, dim) rows of an embedding table -> (batch,) logits."""

from __future__ import annotations

import importlib
from typing import Any

MODELS = ("dlrm", "wdl", "dcn_v2", "deepfm")


def new_model(name: str, fields: int, dim: int) -> Any:
    """A freshly initialized click model (``torch.nn.Module``) by one of :data:`MODELS`; torch is loaded here."""
    return importlib.import_module(f"{__name__}.{name}").Model(fields, dim)
