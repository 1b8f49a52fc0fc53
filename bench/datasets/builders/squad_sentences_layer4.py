"""Builds ``squad-sentences-layer4``: the texts of ``squad-sentences`` as states of the encoder's fourth layer of six.

The mean of a text's states, at unit norm. Before the last layers the states share a direction (the mean of all vectors
is .73 long), as those of many text encoders in service do: what breaks a code that does not expect it.

The model runs in float64 and the vectors are kept as float16: float32 states differ in their last bits from processor
to processor, and with them the checksum of what was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.builders import encoder, squad_sentences

LAYERS = 4


def load_encoder() -> Any:
    """The encoder of ``squad-sentences`` without the layers behind the fourth, in float64."""
    model = encoder.load_encoder()
    bert = model[0].auto_model
    bert.encoder.layer = bert.encoder.layer[:LAYERS]
    return model.double()


def encode(texts: Sequence[str], what: str) -> np.ndarray:
    """Vectors (n, 384) float16 of ``texts``, of unit norm up to rounding; kept in shards."""
    return encoder.encode_in_shards(texts, what, f" layer {LAYERS} in float64", load_encoder, np.float16)


def build(target: Path, source: Path | None = None) -> None:
    """Write the data set to ``target``; ``source`` is the sdist with the texts, fetched if None."""
    named = (
        f"states of layer {LAYERS} of all-MiniLM-L6-v2 ({encoder.DISTRIBUTION} {encoder.VERSION}, Apache-2.0), "
        "mean over the tokens, unit norm, computed in float64 and rounded to float16"
    )
    squad_sentences.build_with(encode, named, target, source)
