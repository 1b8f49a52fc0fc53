"""Axes of what is coded, and variances along them that hold for vectors outside training, too.

Principal axes of few vectors fit these: other vectors vary less along the first axes, and far more along the last (of
twice as many Gaussian vectors as dimensions, the smallest variance of a sample is a twelfth of the true one; Marchenko
& Pastur 1967). Levels made for the sample then suit the sample alone: codes of 4 bits a dimension, trained on four
vectors a dimension of lognormal lengths, had a recall@10 of .65 instead of .96. So the variances of few vectors are, by
three parts of four, those of held-out ones along the axes of the others.
"""

from __future__ import annotations

import numpy as np

from methods.encoding.offset import split
from methods.fitting.allocation import rotated_axes, without_rounding
from methods.fitting.principal_axes import check_not_vanishing, is_nothing, principal_axes, robust_mean

__all__ = ["coding_axes"]

_MANY = 8  # vectors a dimension from which the variances of a sample serve as they are
_UNEVEN = 0.3  # of the vectors: where fewer decide the covariance, all have equal weights (few Gaussian axes have .55)
_FOLDS = 4
_ENOUGH = 2000  # held-out vectors for variances; in many dimensions axes of every fold take long
_HELD_OUT = 0.75  # weight of held-out variances; the training vectors themselves, often part of a base, have less
_ROUNDING = 1e-10  # of the mean variance: values in float32 have no less
_CHECKED = 20_000  # vectors whose lengths are looked at, and whether axes are left along which they do not vary


def coding_axes(
    vectors: np.ndarray, direction: np.ndarray, seed: int, held_out: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The mean of vectors, principal axes rotated in runs of 16, and variances along them.

    Parameters
    ----------
    vectors : (n, dim) float32
    direction : (dim,) float32
        Of unit norm (or zero); vectors count as equal along it.
    seed : int
    held_out : bool
        Whether variances of few vectors are those of held-out ones, which takes several times as long.

    Returns
    -------
    mean : (dim,) float32
    matrix : (dim, groups * 8) float32
        Orthonormal columns, see :func:`methods.fitting.allocation.rotated_axes`.
    spread : (groups,) float32
        Mean variance of each group's axes; 0 where vectors do not vary.
    """
    check_not_vanishing(vectors)
    mean, weights = robust_mean(vectors)
    checked = slice(None, None, -(-len(vectors) // _CHECKED))
    rests = split(vectors[checked], mean, direction)[1]
    deciding = len(vectors) / len(rests) * _deciding(np.linalg.norm(rests, axis=1) * weights[checked])
    if not held_out or len(vectors) < 2 or not 0 < deciding < _MANY * vectors.shape[1]:
        _, axes, variances = principal_axes(vectors, vectors.shape[1], direction, (mean, weights))
        matrix, spread = rotated_axes(axes, variances, seed)
        return mean, matrix, without_rounding(spread, matrix, rests)
    rests = split(vectors, mean, direction)[1]
    rests = _of_one_length(rests) if deciding < _UNEVEN * len(vectors) else rests * weights[:, None]
    return mean, *rotated_axes(*_held_out_variances(rests, seed), seed)


def _deciding(lengths: np.ndarray) -> float:
    """How many vectors of one length have a covariance as certain as those of these lengths (Kish's effective size)."""
    squares = np.square(lengths, dtype=np.float64)
    squares /= max(squares.max(), np.finfo(np.float64).tiny)
    return float(squares.sum() ** 2 / max(np.square(squares).sum(), 1))


def _of_one_length(centered: np.ndarray) -> np.ndarray:
    """Centered vectors (n, dim) scaled to their median length; those that are zero stay so."""
    lengths = np.linalg.norm(centered, axis=1)
    telling = ~is_nothing(lengths)
    scale = np.where(telling, np.median(lengths[telling]) / np.where(telling, lengths, 1), 1)
    return centered * scale[:, None].astype(np.float32)


def _held_out_variances(centered: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Axes (dim, dim) of centered vectors, and the variances (dim,) of folds along the axes of the other folds."""
    folds = np.array_split(np.random.default_rng(seed).permutation(len(centered)), min(_FOLDS, len(centered)))
    scatters = [(centered[fold].T @ centered[fold]).astype(np.float64) for fold in folds]
    total = np.sum(scatters, axis=0)
    variances, count = np.zeros(centered.shape[1]), 0
    for fold, scatter in zip(folds, scatters):
        axes = np.linalg.eigh(total - scatter)[1][:, ::-1].astype(np.float32)
        variances += np.square(centered[fold] @ axes).sum(axis=0, dtype=np.float64)
        count += len(fold)
        if count >= _ENOUGH:
            break
    axes = np.ascontiguousarray(np.linalg.eigh(total)[1][:, ::-1], np.float32)
    own = np.square(centered @ axes).mean(axis=0, dtype=np.float64)
    variances = _HELD_OUT * variances / count + (1 - _HELD_OUT) * own
    variances[variances < _ROUNDING * variances.mean()] = 0
    return axes, variances.astype(np.float32)
