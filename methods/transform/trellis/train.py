"""The program that made ``codebooks.npz``: ``python -m methods.transform.trellis.train``.

For trellises of 10 and 12 state bits and 1 to 6 bits a step, 256 levels are fitted to samples of a standard Gaussian:
best paths under the levels, and levels that are the means of what takes them, in turn. Which level a state has is
fixed: its eight newest bits, shifted round by a number that its older bits choose.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from methods.encoding.gaussian_levels import levels as scalar_levels
from methods.kernels.encoding.trellis import best_paths
from methods.kernels.simd.unpack_trellis import level_numbers

FILE = Path(__file__).with_name("codebooks.npz")
LEVELS = 256
STATE_BITS, MOST_BITS = (10, 12), 6
_ROWS, _STEPS = 1000, 384
_ROUNDS, _TRIED_ROUNDS, _TRIES = 40, 4, 16
_SEED = 1
_SPREAD = {4: 0.3, 5: 0.4, 6: 0.6}  # of bits a step; of 0, .3, .6 and 1 about the best


def start(bits: int, seed: int) -> np.ndarray:
    """Quantiles of the Gaussian, dealt to the newest eight bits so that the successors of each state span it."""
    order = np.random.default_rng(seed).permutation(LEVELS >> bits)
    samples = np.sort(np.random.default_rng(0).standard_normal(LEVELS * 1000)).reshape(LEVELS, 1000).mean(axis=1)
    # With many bits a step rare values matter more: nearer to the levels of the best scalar quantizer.
    samples += _SPREAD.get(bits, 0.0) * (scalar_levels(8) - samples)
    # The new bits choose a coarse interval, the old ones a place within it.
    return samples[(order[:, None] + (LEVELS >> bits) * np.arange(1 << bits)).ravel()].astype(np.float32)


def shifts_of(state_bits: int, seed: int) -> np.ndarray:
    """Random shifts (16,) uint8; with less than 12 state bits, the older bits reach only the first ones."""
    older = 1 << (state_bits - 8)
    return np.resize(np.random.default_rng(seed).permutation(LEVELS)[:older], 16).astype(np.uint8)


def train(bits: int, state_bits: int, seed: int, rounds: int) -> tuple[np.ndarray, float]:
    """Levels (256,) float32 and their mean squared error on fresh samples; ``seed`` is of the shifts and the start."""
    rng = np.random.default_rng(_SEED)
    levels, shifts = start(bits, seed), shifts_of(state_bits, seed)
    place = level_numbers(shifts, state_bits)
    for _ in range(rounds):
        values = rng.standard_normal((_ROWS, _STEPS)).astype(np.float32)
        taken = place[_states(values, bits, levels, shifts, state_bits)].ravel()
        count = np.bincount(taken, minlength=LEVELS)
        total = np.bincount(taken, values.ravel(), minlength=LEVELS)
        levels = np.where(count > 0, total / np.maximum(count, 1), levels).astype(np.float32)
    values = np.random.default_rng(_SEED + 1).standard_normal((_ROWS, _STEPS)).astype(np.float32)
    decoded = levels[place][_states(values, bits, levels, shifts, state_bits)]
    return levels, float(((values - decoded) ** 2).mean())


def _states(values: np.ndarray, bits: int, levels: np.ndarray, shifts: np.ndarray, state_bits: int) -> np.ndarray:
    states, codes = np.empty(values.shape, np.uint16), np.empty((len(values), _STEPS * bits // 8), np.uint8)
    steps, weights = np.full(_STEPS, bits), np.ones(_STEPS, np.float32)
    every_levels, every_shifts = (np.tile(each, (MOST_BITS + 1, 1)) for each in (levels, shifts))
    best_paths(values, steps, weights, every_levels, every_shifts, state_bits, states, codes)
    return states


def main() -> None:
    """Train all and write the file."""
    arrays: dict[str, np.ndarray] = {}
    for state_bits in STATE_BITS:
        chosen, levels, errors = [], [], []
        for bits in range(1, MOST_BITS + 1):
            tried = {seed: train(bits, state_bits, seed, _TRIED_ROUNDS)[1] for seed in range(_TRIES)}
            seed = min(tried, key=lambda each: tried[each])
            trained, error = train(bits, state_bits, seed, _ROUNDS)
            chosen.append(shifts_of(state_bits, seed))
            levels.append(trained)
            errors.append(error)
        arrays[f"shifts_{state_bits}"], arrays[f"levels_{state_bits}"] = np.stack(chosen), np.stack(levels)
        arrays[f"errors_{state_bits}"] = np.array(errors, np.float32)
        print(f"{state_bits} state bits, 1..6 a step: mean squared errors", ", ".join(f"{e:.4f}" for e in errors))
    np.savez(FILE, allow_pickle=False, **arrays)


if __name__ == "__main__":
    main()
