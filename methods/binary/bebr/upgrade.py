"""Backward-compatible upgrade: a new binarization whose codes live beside those of an old one.

A new encoder gives better vectors, but to re-encode all documents takes time. :func:`fit_compatible` fits the parts of
a codec for the new vectors whose codes are compared with the old codes directly, so that one index holds both while
documents are replaced one by one ("Binary Embedding-based Retrieval at Tencent", KDD 2023, section 3.4: L(new, new) +
L(new, old)).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from methods.binary.bebr.encoder import LinearEncoder
from methods.binary.bebr.settings import Settings
from methods.errors import MethodError
from methods.metric import Metric
from methods.vectors import normalized

_RIDGE = 1e-3


def successor_params(old: Settings, symbols: int, dim: int) -> dict[str, Any]:
    """Keywords of a codec for vectors of ``dim`` dimensions with the ``symbols`` of an old codec.

    Raises
    ------
    MethodError
        If the old codec cannot be upgraded.
    """
    if old.blocks or old.scoring == "hamming" or old.metric is Metric.L2:
        raise MethodError("only linear bebr codecs under ip or cosine, with scoring sdc or adc, can be upgraded")
    if symbols != old.dim_code:
        raise MethodError("codes with an offset along the mean cannot be upgraded; fit the old codec with offset=false")
    return {**vars(old), "dim": dim, "offset": False, "digits": -(-old.dim_code // max(dim, 1))}


def fit_compatible(
    old: Settings,
    levels_of: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    old_vectors: np.ndarray,
    new_vectors: np.ndarray,
    weight: float = 1.0,
    rounds: int = 8,
) -> dict[str, np.ndarray]:
    """Parts of a codec for new vectors that searches, and is searched by, the codes of an old one.

    Its decoder minimizes |x - D' l_new|^2 + weight |x - f D' l_old|^2 over the items, x being the item's new vector of
    unit norm, l_new its new levels, l_old and f its old ones with their factor; the new levels and the decoder are
    fitted in turn. Symbols, bits and the table of factors are the old codec's, so codes of both mix in one searcher
    of the new codec.

    Parameters
    ----------
    old : Settings
        Of the old codec, for which there are :func:`successor_params`.
    levels_of : callable
        Old vectors -> their old levels (n, m) float32 and factors (n,) float32.
    old_vectors : (n, old.dim) floating
    new_vectors : (n, new_dim) float32
        The same items by both encoders.
    weight : float
        Of compatibility: 0 forgets the old codes.
    rounds : int
        Turns of codes and decoder.

    Returns
    -------
    parts : dict of arrays
        All but ``factor_scale``, which is the old codec's.

    Raises
    ------
    MethodError
        If the items do not match, or the weight is negative.
    """
    if len(old_vectors) != len(new_vectors) or not len(new_vectors):
        raise MethodError(
            f"{len(old_vectors)} old and {len(new_vectors)} new vectors: give both encoders' vectors of the same items"
        )
    if weight < 0:
        raise MethodError(f"weight={weight} is negative; use 0 or more")
    unit = normalized(new_vectors)
    first, factors = levels_of(old_vectors)
    scaled = first * factors[:, None]
    decoder = _regress(scaled.T @ scaled, scaled.T @ unit)
    levels = first.copy()
    lead = np.ones(old.dim_code, np.bool_)
    for _ in range(rounds):
        levels, _ = LinearEncoder(decoder, lead, old.bits, old.refine).encode(unit, levels)
        scatter = levels.T @ levels + weight * (scaled.T @ scaled)
        decoder = _regress(scatter, (levels + weight * scaled).T @ unit)
    # Old codes tell less of the new vectors and so decode to shorter ones. New documents are scored as if they did
    # too: otherwise the few that are re-encoded first would push all others down.
    calibration = np.linalg.norm(scaled @ decoder, axis=1).mean(keepdims=True, dtype=np.float32)
    mean = np.zeros(new_vectors.shape[1], np.float32)
    return {"mean": mean, "lead": lead, "decoder": decoder, "calibration": calibration}


def _regress(scatter: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The least-squares decoder (m, dim) float32, slightly regularized."""
    scatter = scatter.astype(np.float64)
    scatter[np.diag_indices_from(scatter)] += _RIDGE * np.trace(scatter) / len(scatter)
    return np.ascontiguousarray(np.linalg.solve(scatter, target.astype(np.float64)), np.float32)
