"""Fitting the parts of a codec: the start, the turns of codes and decoder, then gradient descent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import faiss
import numpy as np

from methods.base import Metric
from methods.binary.bebr import grid, layout, network, training
from methods.binary.bebr.encoder import LinearEncoder, alternate
from methods.binary.bebr.recipe import Recipe
from methods.encoding.factor_byte import factor_scale
from methods.encoding.offset import fitted_bounds, mean_direction, split
from methods.encoding.squared_length import half_squares, square_range
from methods.fitting.principal_axes import principal_axes, robust_mean
from methods.kernels.scanning.adc import quantize_queries
from methods.vectors import normalized

if TYPE_CHECKING:
    from methods.binary.bebr.codec import BEBR

_ROWS = 100_000  # training vectors used: more no longer raises recall
_QUERIES, _BASE, _NEIGHBORS = 500, 8000, 10
_AGREEMENT = 0.9  # of the neighbors by exact weights, that those of int8 have to find
_STEP, _NETWORK_ERROR = 0.012, 0.5  # learning rate for each unit of relative error; that of a network's start


def fit(codec: BEBR, vectors: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """The parts of ``codec`` learned from ``vectors`` (n, dim)."""
    if len(vectors) > _ROWS:
        rows = np.random.default_rng(seed).choice(len(vectors), _ROWS, replace=False)
        vectors = vectors[np.sort(rows)]
    mean, direction = np.zeros(codec.dim, np.float32), np.zeros(codec.dim, np.float32)
    keeps_offset = codec.keeps_offset(vectors, seed)
    if keeps_offset or codec.metric is Metric.L2 or codec.scoring == "hamming":  # elsewhere the origin serves as well
        mean = robust_mean(vectors)[0]
    if keeps_offset:
        direction = mean_direction(mean)
    offsets, rests = split(vectors, mean, direction)
    unit, norms = normalized(rests), np.linalg.norm(rests, axis=1)
    decoder, lead = _start(codec, unit, codec.symbol_count(keeps_offset), seed)
    if codec.scoring == "hamming":
        return {"mean": mean, "decoder": decoder, "factor_scale": factor_scale(norms.mean(keepdims=True))}
    parts = {"mean": mean, "lead": lead}
    if keeps_offset:
        room = layout.symbol_bytes(codec.dim_code, codec.bits)
        parts |= {"direction": direction, "offset_range": fitted_bounds(offsets, room)}
    parts |= _network(codec, unit, decoder, seed) if codec.blocks else _linear(codec, unit, decoder, lead, seed)
    codec._load_parts({**parts, "factor_scale": np.ones(4, np.float32), "square_range": np.ones(2, np.float32)})
    levels, decoded = codec.encoder_.encode(unit)
    factors = layout.ratio(norms, decoded)
    parts["factor_scale"] = factor_scale(factors)
    if codec.metric is Metric.L2:
        parts["square_range"] = square_range(half_squares(levels @ codec.decoder_))
    elif _needs_fine_weights(codec, rests, offsets, norms, seed):
        parts["fine_weights"] = np.ones(1, np.uint8)
    return parts


def _needs_fine_weights(codec: BEBR, rests: np.ndarray, offsets: np.ndarray, norms: np.ndarray, seed: int) -> bool:
    """Whether weights of int8 lose neighbors of training vectors: where few rows of the decoder outweigh the others."""
    order = np.random.default_rng(seed).permutation(len(rests))
    queries, base = order[:_QUERIES], order[:_BASE]
    _, weights = codec.compared(rests[queries])
    integers, units = quantize_queries(weights)
    levels, decoded = codec.encoder_.encode(normalized(rests[base]))
    values = levels * layout.ratio(norms[base], decoded)[:, None]
    k = min(_NEIGHBORS, len(base))
    exact, rounded = (
        faiss.knn(np.ascontiguousarray(each, np.float32), values, k, metric=faiss.METRIC_INNER_PRODUCT)[1]
        for each in (weights, integers * units[:, None])
    )
    return float(np.mean([np.isin(a, b).mean() for a, b in zip(exact, rounded)])) < _AGREEMENT


def _start(codec: BEBR, unit: np.ndarray, symbols: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The rotated grid of so many symbols on the principal axes of unit vectors, around the origin."""
    _, axes, variances = principal_axes(np.concatenate([unit, -unit]), codec.dim)
    # With few vectors the variances are shrunk towards their mean: new vectors leave the span of those seen.
    share = np.float32(codec.dim / (codec.dim + len(unit)))
    variances = (1 - share) * variances + share * max(float(variances.mean()), 1e-12)
    single = codec.scoring == "hamming" or codec.blocks
    limit = 1 if single else codec.digits or grid.axis_limit(codec.bits)
    return grid.start(axes, variances, symbols, codec.bits, limit, seed)


def _recipe(codec: BEBR, blocks: int, error: float) -> Recipe:
    """Steps in proportion to the relative ``error`` of the start: what is nearly right is changed little."""
    return Recipe(
        learning_rate=_STEP * error,
        loss=codec.loss,
        symmetric=codec.scoring == "sdc",
        epochs=codec.epochs,
        queue=codec.queue,
        loops=codec.loops,
        blocks=blocks,
        normalize=codec.normalize,
        device=codec.device,
        checkpoint=codec.checkpoint,
    )


def _linear(codec: BEBR, unit: np.ndarray, decoder: np.ndarray, lead: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """``encoder`` by turns; ``decoder``, which scores, from there by gradient descent with the codes held."""
    encoder = alternate(LinearEncoder(decoder, lead, codec.bits, codec.refine), unit, codec.rounds)
    if not codec.epochs:
        return {"decoder": encoder.decoder}
    levels, norms = encoder.encode(unit)
    error = float(np.sqrt(max(1 - np.mean(norms**2), 0)))  # of a least-squares fit of unit vectors
    trained = training.train(unit, {"decoder": encoder.decoder}, _recipe(codec, -1, error), seed, levels, norms)
    same = np.array_equal(trained["decoder"], encoder.decoder)
    return trained if same else {"encoder": encoder.decoder, **trained}


def _network(codec: BEBR, unit: np.ndarray, decoder: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """The network's weights (``net.`` before their names) and ``decoder``, trained together from the grid."""
    weights = network.start(decoder, codec.loops, codec.blocks, codec.hidden or 2 * codec.dim, seed)
    weights = training.train(unit, {"decoder": decoder, **weights}, _recipe(codec, codec.blocks, _NETWORK_ERROR), seed)
    return {name if name == "decoder" else f"net.{name}": array for name, array in weights.items()}
