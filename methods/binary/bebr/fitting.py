"""Fitting the parts of a codec: the start, alternating minimization over codes and decoder, then gradient descent."""

from __future__ import annotations

import faiss
import numpy as np

from methods.base import Metric
from methods.binary.bebr import grid, layout, network, training
from methods.binary.bebr.encoder import LinearEncoder, alternate
from methods.binary.bebr.quantizer import Quantizer
from methods.binary.bebr.recipe import Recipe
from methods.binary.bebr.settings import Settings
from methods.encoding.factor_byte import factor_scale
from methods.encoding.offset import fitted_bounds, mean_direction, split
from methods.encoding.squared_length import half_squares, square_range
from methods.fitting.overlap import average_overlap
from methods.fitting.principal_axes import principal_axes, robust_mean
from methods.kernels.scanning.adc import quantize_queries
from methods.vectors import normalized

_ROWS = 100_000  # training vectors used: more no longer raises recall
_QUERIES, _BASE, _NEIGHBORS = 500, 8000, 10
_AGREEMENT = 0.9  # of the neighbors by exact weights, that those of int8 have to find
_STEP, _NETWORK_ERROR = 0.012, 0.5  # learning rate for each unit of relative error; that of a network's start


def fit(settings: Settings, vectors: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """The parts of a codec with these settings, learned from ``vectors`` (n, dim)."""
    if len(vectors) > _ROWS:
        rows = np.random.default_rng(seed).choice(len(vectors), _ROWS, replace=False)
        vectors = vectors[np.sort(rows)]
    mean, direction = np.zeros(settings.dim, np.float32), np.zeros(settings.dim, np.float32)
    keeps_offset = settings.keeps_offset(vectors, seed)
    centered = keeps_offset or settings.metric is Metric.L2 or settings.scoring == "hamming"
    if centered:  # elsewhere the origin serves as well
        mean = robust_mean(vectors)[0]
    if keeps_offset:
        direction = mean_direction(mean)
    offsets, rests = split(vectors, mean, direction)
    unit, norms = normalized(rests), np.linalg.norm(rests, axis=1)
    decoder, lead = _start(settings, unit, settings.symbol_count(keeps_offset), seed)
    if settings.scoring == "hamming":
        return {"mean": mean, "decoder": decoder, "factor_scale": factor_scale(norms.mean(keepdims=True))}
    parts = {"mean": mean, "lead": lead}
    if keeps_offset:
        parts |= {"direction": direction, "offset_range": fitted_bounds(offsets, settings.symbol_bytes)}
    if settings.blocks:
        parts |= _network(settings, unit, decoder, seed)
    else:
        parts |= _linear(settings, unit, decoder, lead, seed)
    quantizer = Quantizer(settings, parts)
    levels, decoded = quantizer.encoder.encode(unit)
    factors = layout.ratio(norms, decoded)
    parts["factor_scale"] = factor_scale(factors)
    if settings.metric is Metric.L2:
        parts["square_range"] = square_range(half_squares(levels @ quantizer.decoder))
    elif _needs_fine_weights(quantizer, rests, offsets, norms, seed):
        parts["fine_weights"] = np.ones(1, np.uint8)
    return parts


def _needs_fine_weights(
    quantizer: Quantizer, rests: np.ndarray, offsets: np.ndarray, norms: np.ndarray, seed: int
) -> bool:
    """Whether weights of int8 lose neighbors of training vectors: where few rows of the decoder outweigh the others."""
    order = np.random.default_rng(seed).permutation(len(rests))
    queries, base = order[:_QUERIES], order[:_BASE]
    _, weights = quantizer.compared(rests[queries])
    integers, units = quantize_queries(weights)
    levels, decoded = quantizer.encoder.encode(normalized(rests[base]))
    values = levels * layout.ratio(norms[base], decoded)[:, None]
    k = min(_NEIGHBORS, len(base))
    exact, rounded = (
        faiss.knn(np.ascontiguousarray(each, np.float32), values, k, metric=faiss.METRIC_INNER_PRODUCT)[1]
        for each in (weights, integers * units[:, None])
    )
    return average_overlap(exact, rounded) < _AGREEMENT


def _start(settings: Settings, unit: np.ndarray, symbols: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The rotated grid of so many symbols on the principal axes of unit vectors, around the origin."""
    _, axes, variances = principal_axes(np.concatenate([unit, -unit]), settings.dim)
    # With few vectors the variances are shrunk towards their mean: new vectors leave the span of those seen.
    share = np.float32(settings.dim / (settings.dim + len(unit)))
    variances = (1 - share) * variances + share * max(float(variances.mean()), 1e-12)
    single = settings.scoring == "hamming" or settings.blocks
    limit = 1 if single else settings.digits or grid.axis_limit(settings.bits)
    return grid.start(axes, variances, symbols, settings.bits, limit, seed)


def _recipe(settings: Settings, blocks: int, error: float) -> Recipe:
    """A learning rate in proportion to the relative ``error`` of the start: a good start is changed little."""
    return Recipe(
        learning_rate=_STEP * error,
        loss=settings.loss,
        symmetric=settings.scoring == "sdc",
        epochs=settings.epochs,
        queue=settings.queue,
        loops=settings.loops,
        blocks=blocks,
        normalize=settings.normalize,
        device=settings.device,
        checkpoint=settings.checkpoint,
    )


def _linear(
    settings: Settings, unit: np.ndarray, decoder: np.ndarray, lead: np.ndarray, seed: int
) -> dict[str, np.ndarray]:
    """``encoder`` by alternating minimization; then ``decoder``, which scores, by gradient descent for fixed codes."""
    encoder = alternate(LinearEncoder(decoder, lead, settings.bits, settings.refine), unit, settings.rounds)
    if not settings.epochs:
        return {"decoder": encoder.decoder}
    levels, norms = encoder.encode(unit)
    error = float(np.sqrt(max(1 - np.mean(norms**2), 0)))  # of a least-squares fit of unit vectors
    trained = training.train(unit, {"decoder": encoder.decoder}, _recipe(settings, -1, error), seed, levels, norms)
    same = np.array_equal(trained["decoder"], encoder.decoder)
    return trained if same else {"encoder": encoder.decoder, **trained}


def _network(settings: Settings, unit: np.ndarray, decoder: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """The network's weights (``net.`` before their names) and ``decoder``, trained together from the grid."""
    weights = network.start(decoder, settings.loops, settings.blocks, settings.hidden or 2 * settings.dim, seed)
    weights = training.train(
        unit, {"decoder": decoder, **weights}, _recipe(settings, settings.blocks, _NETWORK_ERROR), seed
    )
    return {name if name == "decoder" else f"net.{name}": array for name, array in weights.items()}
