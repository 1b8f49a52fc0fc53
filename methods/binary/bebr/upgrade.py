"""Backward-compatible upgrade: a new binarization whose codes live beside those of an old one.

A new encoder gives better vectors, but to re-encode all documents takes time. :func:`fit_compatible` fits a codec for
the new vectors whose codes are compared with the old codes directly, so that one index holds both while documents are
replaced one by one ("Binary Embedding-based Retrieval at Tencent", KDD 2023, section 3.4: L(new, new) + L(new, old)).
"""

from __future__ import annotations

import numpy as np

from methods.base import Metric
from methods.binary.bebr.codec import BEBR
from methods.binary.bebr.encoder import LinearEncoder
from methods.errors import MethodError
from methods.vectors import as_vectors, normalized

_RIDGE = 1e-3


def fit_compatible(
    old: BEBR, old_vectors: np.ndarray, new_vectors: np.ndarray, weight: float = 1.0, rounds: int = 8
) -> BEBR:
    """A codec for new vectors that searches, and is searched by, the codes of ``old``.

    Its decoder minimises |x - D' l_new|^2 + weight |x - f D' l_old|^2 over the items, x being the item's new vector of
    unit norm, l_new its new levels, l_old and f its old ones with their factor; the new levels and the decoder are
    fitted in turn. Symbols, bits and the table of factors are the old codec's, so codes of both mix in one searcher
    of the returned codec.

    Parameters
    ----------
    old : BEBR
        Fitted, with linear maps, for ``ip`` or ``cosine``, not for Hamming search.
    old_vectors, new_vectors : (n, old.dim) and (n, new_dim) floating
        The same items by both encoders.
    weight : float
        Of compatibility: 0 forgets the old codes.
    rounds : int
        Turns of codes and decoder.

    Raises
    ------
    MethodError
        If ``old`` cannot be upgraded, or the items do not match.
    """
    new = _successor(old, np.shape(new_vectors)[1] if np.ndim(new_vectors) == 2 else 0)
    new_vectors = as_vectors(new_vectors, new.dim, "new vectors")
    if len(old_vectors) != len(new_vectors) or not len(new_vectors):
        raise MethodError(
            f"{len(old_vectors)} old and {len(new_vectors)} new vectors: give both encoders' vectors of the same items"
        )
    if weight < 0:
        raise MethodError(f"weight={weight} is negative; use 0 or more")
    unit = normalized(new_vectors)
    first, factors = old.levels(old.encode(old_vectors))
    scaled = first * factors[:, None]
    decoder = _regress(scaled.T @ scaled, scaled.T @ unit)
    levels = first.copy()
    lead = np.ones(old.dim_code, np.bool_)
    for _ in range(rounds):
        levels, _ = LinearEncoder(decoder, lead, old.bits, old.refine).encode(unit, levels)
        scatter = levels.T @ levels + weight * (scaled.T @ scaled)
        decoder = _regress(scatter, (levels + weight * scaled).T @ unit)
    parts = {"mean": np.zeros(new.dim, np.float32), "lead": lead, "decoder": decoder}
    parts["factor_scale"] = old.parts()["factor_scale"]
    # Old codes tell less of the new vectors and so decode to shorter ones. New documents are scored as if they did
    # too: otherwise the few that are re-encoded first would push all others down.
    parts["calibration"] = np.linalg.norm(scaled @ decoder, axis=1).mean(keepdims=True, dtype=np.float32)
    return BEBR.from_parts(new.params(), parts)


def _successor(old: BEBR, dim: int) -> BEBR:
    """An unfitted codec for ``dim`` dimensions with the symbols of ``old``."""
    old._check_fitted()
    if old.blocks or old.scoring == "hamming" or old.metric is Metric.L2:
        raise MethodError("only linear bebr codecs under ip or cosine, with scoring sdc or adc, can be upgraded")
    if len(old.decoder_) != old.dim_code:
        raise MethodError("codes with an offset along the mean cannot be upgraded; fit the old codec with offset=false")
    params = {**old.params(), "dim": dim, "offset": False, "digits": -(-old.dim_code // max(dim, 1))}
    return BEBR(**params)


def _regress(scatter: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The least-squares decoder (m, dim) float32, slightly regularised."""
    scatter = scatter.astype(np.float64)
    scatter[np.diag_indices_from(scatter)] += _RIDGE * np.trace(scatter) / len(scatter)
    return np.ascontiguousarray(np.linalg.solve(scatter, target.astype(np.float64)), np.float32)
