"""Trellis-coded quantization: the best circular path through a bitshift trellis of 256 states.

A state is the last eight bits of the stream; a step shifts ``bits`` new ones in. Marcellin & Fischer 1990; the
bitshift trellis and its tail-biting are those of QTIP (Tseng et al. 2024, section 3).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from methods.kernels.viterbi_step import cheapest, enter

__all__ = ["STATES", "best_paths", "decode_paths"]

STATES = 256
_STATE_BITS = 8
_AROUND = 32  # steps on each side of the seam from which the state there is guessed
_FAR = np.float32(1e30)


@njit(cache=True, nogil=True)
def _forward(
    values: np.ndarray, bits: int, codebook: np.ndarray, cost: np.ndarray, best: np.ndarray, choices: np.ndarray
) -> None:
    """Costs (256,) of the best paths into each state after the last value; ``best`` holds those before the first.

    ``best`` (256 >> bits,) float32 is the cost of the paths by the bits that stay in the state; ``choices`` (n, 256 >>
    bits) int32 are written: the bits that leave it.
    """
    for step in range(len(values)):
        value = values[step]
        if bits == 1:
            if step:
                cheapest(1, cost, best, choices, step)
            enter(1, value, codebook, best, cost)
        elif bits == 2:
            if step:
                cheapest(2, cost, best, choices, step)
            enter(2, value, codebook, best, cost)
        elif bits == 3:
            if step:
                cheapest(3, cost, best, choices, step)
            enter(3, value, codebook, best, cost)
        else:
            if step:
                cheapest(4, cost, best, choices, step)
            enter(4, value, codebook, best, cost)


@njit(cache=True, nogil=True)
def _backward(state: Any, bits: int, choices: np.ndarray, states: np.ndarray) -> None:
    """States (n,) uint8 of the best path that ends in ``state``."""
    for step in range(len(states) - 1, -1, -1):
        states[step] = state
        if step:
            low = state >> bits
            state = (np.int64(choices[step, low]) << (_STATE_BITS - bits)) | low


@njit(cache=True, nogil=True)
def best_paths(values: np.ndarray, bits: int, codebook: np.ndarray, states: np.ndarray, codes: np.ndarray) -> None:
    """Circular paths whose levels are near to rows of values.

    The bits that cross the seam are taken from the best path through the steps around it; with them fixed, the path
    is the best.

    Parameters
    ----------
    values : (n, steps) float32
        ``steps * bits`` is a multiple of 8, and at least 8.
    bits : int
        1..4 a step.
    codebook : (256,) float32
        Levels of the states.
    states : (n, steps) uint8
        Written.
    codes : (n, >= steps * bits / 8) uint8
        Written: the stream of bits.
    """
    steps = values.shape[1]
    rest = STATES >> bits
    cost, best = np.empty(STATES, np.float32), np.empty(rest, np.float32)
    choices = np.empty((max(steps, 2 * _AROUND), rest), np.int32)
    seam, seam_states = np.empty(2 * _AROUND, np.float32), np.empty(2 * _AROUND, np.uint8)
    for i in range(len(values)):
        for place in range(2 * _AROUND):
            seam[place] = values[i, (place - _AROUND) % steps]
        best[:] = 0
        _forward(seam, bits, codebook, cost, best, choices)
        _backward(np.int64(np.argmin(cost)), bits, choices, seam_states)
        crossing: Any = np.int64(seam_states[_AROUND - 1]) & (rest - 1)
        best[:] = _FAR
        best[crossing] = 0
        _forward(values[i], bits, codebook, cost, best, choices)
        last: Any = crossing
        for top in range(1 << bits):
            state = (top << (_STATE_BITS - bits)) | crossing
            if top == 0 or cost[state] < cost[last]:
                last = state
        _backward(last, bits, choices, states[i])
        held: Any = 0
        pending = byte = 0
        for step in range(steps):
            held = (held << bits) | (np.int64(states[i, step]) & ((1 << bits) - 1))
            pending += bits
            while pending >= 8:
                pending -= 8
                codes[i, byte] = np.uint8((held >> pending) & 255)
                byte += 1
            held &= (1 << pending) - 1


@njit(cache=True, nogil=True)
def decode_paths(codes: np.ndarray, bits: int, codebook: np.ndarray, values: np.ndarray) -> None:
    """Levels (n, steps) float32 of paths (n, >= steps * bits / 8) uint8; the inverse of :func:`best_paths`."""
    steps = values.shape[1]
    size = steps * bits // 8
    for i in range(len(codes)):
        state: Any = np.int64(codes[i, size - 1])
        byte = 0
        held: Any = 0
        left = 0
        for step in range(steps):
            while left < bits:
                held = ((held << 8) | np.int64(codes[i, byte])) & 0xFFFF
                left += 8
                byte += 1
            left -= bits
            state = ((state << bits) | ((held >> left) & ((1 << bits) - 1))) & (STATES - 1)
            values[i, step] = codebook[state]
