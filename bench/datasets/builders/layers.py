"""Vectors of every layer of an encoder in one pass, kept in shards so that a build can go on, and what each costs.

A text's vector at a layer is the mean of its tokens' states there, at unit norm: at the last layer what the encoder
itself gives.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bench.datasets.cache import cache_dir, written_whole
from bench.progress import watched
from methods.vectors import normalized

_SHARD, _BATCH = 4_096, 64
_ROUNDS = 3
_TIMED_TEXTS, _TIMED_QUERIES = 128, 50


class LayerEncoder(Protocol):
    """A text encoder that can stop early.

    Attributes
    ----------
    layers : int
        How many layers it has.
    dim : int
        Of a state, at every layer.
    """

    layers: int
    dim: int

    def means(self, texts: Sequence[str], depth: int) -> np.ndarray:
        """Means over the tokens (depth, n, dim) float32 of the first ``depth`` layers; the others are not run."""


def encode_in_shards(texts: Sequence[str], what: str, name: str, load: Callable[[], LayerEncoder]) -> np.ndarray:
    """Vectors (layers, n, dim) float16 of ``texts`` at every layer, of unit norm up to rounding.

    All texts are sorted by length first, so that a batch is hardly padded; every 4,096 of them are kept in the cache.

    Parameters
    ----------
    what : str
        Names the texts for the progress bar.
    name : str
        Of the encoder, with its version: part of the name in the cache.
    load : callable
        Makes the encoder, where a shard is missing.
    """
    order = np.argsort([len(text) for text in texts], kind="stable")
    folder = cache_dir() / "encoded" / f"layers-{_fingerprint(texts, name)}"
    encoder: LayerEncoder | None = None
    vectors: np.ndarray | None = None
    for start in watched(range(0, len(texts), _SHARD), f"encoding {what}", unit="text", scale=_SHARD):
        rows, path = order[start : start + _SHARD], folder / f"{start:09d}.npy"
        shard = _kept(path, len(rows))
        if shard is None:
            encoder = encoder or load()
            shard = encode([texts[row] for row in rows], encoder)
            with written_whole(path) as handle:
                np.save(handle, shard)
        if vectors is None:
            vectors = np.empty((shard.shape[0], len(texts), shard.shape[2]), np.float16)
        vectors[:, rows] = shard
    if vectors is None:
        raise ValueError("no texts to encode")
    return vectors


def encode(texts: Sequence[str], encoder: LayerEncoder) -> np.ndarray:
    """Vectors (layers, n, dim) float16 of ``texts``, in batches as they come."""
    batches = [texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH)]
    means = np.concatenate([encoder.means(batch, encoder.layers) for batch in batches], axis=1)
    return normalized(means.reshape(-1, encoder.dim)).reshape(means.shape).astype(np.float16)


def encode_times(encoder: LayerEncoder, texts: Sequence[str], queries: Sequence[str]) -> dict[str, Any]:
    """What encoding as far as each layer costs, tokenizing included, for a card.

    CPU time of this process, which other processes on the machine change little; layers take turns, and each has the
    median of its three rounds. The encoder must run on one thread.

    Parameters
    ----------
    texts, queries
        The first 128 and 50 of them are timed: texts in batches by length, queries one at a time.
    """
    texts = sorted(texts[:_TIMED_TEXTS], key=len)
    batches = [texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH)]
    single = [[query] for query in queries[:_TIMED_QUERIES]]
    depths = range(1, encoder.layers + 1)
    spent = {
        kind: np.array([[_seconds(encoder, pieces, depth) for depth in depths] for _ in range(_ROUNDS)])
        for kind, pieces in (("text", batches), ("query", single))
    }
    count = {"text": len(texts), "query": len(single)}
    return {
        **{
            f"ms_{kind}": [round(1e3 * float(each) / count[kind], 4) for each in np.median(rounds, axis=0)]
            for kind, rounds in spent.items()
        },
        "measured": f"CPU time of one thread a text at each layer, tokenizing included, median of {_ROUNDS} rounds: "
        f"{len(texts)} sentences in batches of {_BATCH}, {len(single)} questions one at a time",
    }


def _seconds(encoder: LayerEncoder, pieces: Sequence[Sequence[str]], depth: int) -> float:
    encoder.means(pieces[0], depth)
    start = time.process_time()
    for piece in pieces:
        encoder.means(piece, depth)
    return time.process_time() - start


def _kept(path: Path, rows: int) -> np.ndarray | None:
    try:
        vectors = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return vectors if vectors.ndim == 3 and vectors.shape[1] == rows and vectors.dtype == np.float16 else None


def _fingerprint(texts: Sequence[str], name: str) -> str:
    digest = hashlib.sha256(name.encode() + b"\0")
    for text in texts:
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()[:32]
