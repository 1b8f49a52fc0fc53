"""The program that made ``codebooks.npz``: ``python -m methods.trellis.train``.

For 1 to 4 bits a step, the levels of the 256 states of a bitshift trellis are fitted to samples of a standard
Gaussian: best paths under the levels, and levels that are the means of what takes them, in turn.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from methods.kernels.viterbi import STATES, best_paths, decode_paths

FILE = Path(__file__).with_name("codebooks.npz")
_ROWS, _STEPS = 1000, 384
_ROUNDS = 40
_SEED = 1


def start(bits: int) -> np.ndarray:
    """Quantiles of the Gaussian, dealt to the states so that the successors of each state span it."""
    order = np.random.default_rng(bits).permutation(STATES >> bits)
    samples = np.sort(np.random.default_rng(0).standard_normal(STATES * 1000)).reshape(STATES, 1000).mean(axis=1)
    fresh = 1 << bits
    # The new bits choose a coarse interval, the old ones a place within it.
    places = order[:, None] + (STATES >> bits) * np.arange(fresh)
    return samples[places.ravel()].astype(np.float32)


def train(bits: int) -> tuple[np.ndarray, float]:
    """Levels (256,) float32 and their mean squared error on fresh samples."""
    rng = np.random.default_rng(_SEED)
    codebook = start(bits)
    states = np.empty((_ROWS, _STEPS), np.uint8)
    codes = np.empty((_ROWS, _STEPS * bits // 8), np.uint8)
    for _ in range(_ROUNDS):
        values = rng.standard_normal((_ROWS, _STEPS)).astype(np.float32)
        best_paths(values, bits, codebook, states, codes)
        count = np.bincount(states.ravel(), minlength=STATES)
        total = np.bincount(states.ravel(), values.ravel(), minlength=STATES)
        codebook = np.where(count > 0, total / np.maximum(count, 1), codebook).astype(np.float32)
    values = np.random.default_rng(_SEED + 1).standard_normal((_ROWS, _STEPS)).astype(np.float32)
    best_paths(values, bits, codebook, states, codes)
    decoded = np.empty_like(values)
    decode_paths(codes, bits, codebook, decoded)
    return codebook, float(((values - decoded) ** 2).mean())


def main() -> None:
    """Train all and write the file."""
    codebooks, errors = zip(*(train(bits) for bits in range(1, 5)))
    np.savez(FILE, codebooks=np.stack(codebooks), errors=np.array(errors, np.float32))
    print("bits 1..4: mean squared errors", ", ".join(f"{error:.4f}" for error in errors))


if __name__ == "__main__":
    main()
