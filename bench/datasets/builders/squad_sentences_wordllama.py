"""Builds ``squad-sentences-wordllama``: the texts of ``squad-sentences`` by another encoder, row for row.

WordLlama (256 dimensions) averages static vectors of word pieces: weaker and much faster than MiniLM. The pair of data
sets is a change of encoder, as ``scenario=upgrade`` measures it.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.base import DatasetError
from bench.datasets.builders import squad_sentences
from bench.progress import watched

WEIGHTS_SHA256 = "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5"
DIM = 256
ENCODER = "WordLlama l2_supercat, 256 dimensions (wordllama 0.4.0.post1, MIT), unit norm"
_BLOCK = 4_096


def load_encoder() -> Any:
    """The model out of the installed package; nothing is downloaded."""
    if importlib.util.find_spec("wordllama") is None:
        raise DatasetError("the text encoder needs wordllama; pip install 'vector-compression-bench[data]'")
    import wordllama

    package = Path(wordllama.__file__).parent
    weights = package / "weights" / f"l2_supercat_{DIM}.safetensors"
    if not weights.exists() or hashlib.sha256(weights.read_bytes()).hexdigest() != WEIGHTS_SHA256:
        raise DatasetError("this wordllama brings other weights; pip install wordllama==0.4.0.post1")
    # The package looks for its tokenizer in a folder that it does not have; as a cache, it finds its own files.
    return wordllama.WordLlama.load(dim=DIM, cache_dir=package, disable_download=True)


def encode(texts: Sequence[str], what: str) -> np.ndarray:
    """Unit vectors (n, 256) float32 of ``texts``."""
    model = load_encoder()
    blocks = watched(range(0, len(texts), _BLOCK), f"encoding {what}", unit="text", scale=_BLOCK)
    return np.concatenate([model.embed(list(texts[start : start + _BLOCK]), norm=True) for start in blocks])


def build(target: Path, source: Path | None = None) -> None:
    """Write the data set to ``target``; ``source`` is the sdist with the texts, fetched if None."""
    squad_sentences.build_with(encode, ENCODER, target, source)
