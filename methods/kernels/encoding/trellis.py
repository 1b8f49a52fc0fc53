"""Trellis-coded quantization: the best circular path through a bitshift trellis.

A state is the last bits of a stream (10 or 12 of them, say); a step shifts 1 to 6 new ones in, and the state that it
leads to names a level. Marcellin & Fischer 1990; the bitshift trellis and its tail-biting are those of QTIP (Tseng et
al. 2024, section 3). Here the steps of one path may take different numbers of bits, and of short paths, to which the
seam matters most, several states there are tried.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from methods.kernels.simd.viterbi_step import BITS_IN_REGISTERS, ERRORS, advance, leave, reach, take_errors

__all__ = ["best_paths", "decode_paths"]

_BEFORE, _BEFORE_IF_SHORT, _AFTER = 32, 64, 32  # steps about the seam from which the states there are guessed
_TRIED_STEPS = 400  # of all paths that are tried; longer ones are tried once
_MOST_TRIED = 20
_ENDS_A_TRY = 4  # ends of paths about the seam that are followed back to it: many cross it in the same state
_FAR = np.float32(1e30)


# Functions of their own: where LLVM has all of them in one loop, registers do not suffice.
@njit(cache=True, nogil=True)
def _leave(bits: int, costs: np.ndarray, paths: np.ndarray, choices: np.ndarray, row: int) -> None:
    leave(bits, costs, paths, choices, row)


@njit(cache=True, nogil=True)
def _advance(
    bits: int,
    errors: np.ndarray,
    shifts: np.ndarray,
    ratio: Any,
    before: np.ndarray,
    paths: np.ndarray,
    choices: np.ndarray,
    row: int,
) -> None:
    advance(bits, len(paths) // 2, errors, shifts, ratio, before, paths, choices, row)


@njit(cache=True, nogil=True)
def _reach(bits: int, errors: np.ndarray, shifts: np.ndarray, paths: np.ndarray, costs: np.ndarray) -> None:
    reach(bits, errors, shifts, paths, costs)


@njit(cache=True, nogil=True)
def _forward(
    values: np.ndarray,
    bits: np.ndarray,
    weights: np.ndarray,
    levels: np.ndarray,
    shifts: np.ndarray,
    costs: np.ndarray,
    errors: np.ndarray,
    paths: np.ndarray,
    choices: np.ndarray,
) -> None:
    """Costs of the best paths into each state after the last value, in units of its weight.

    ``costs`` (states,) float32 begins with those before the first value, and is overwritten; ``choices``
    (n, states / 2) uint8 are written. ``errors`` (ERRORS,) and ``paths`` (2, 2 * states) float32 are scratch.
    """
    last: Any = np.int64(0)
    for step in range(len(values)):
        width = bits[step]
        ratio = weights[step - 1] / weights[step] if step else np.float32(1)
        if width == last and width <= BITS_IN_REGISTERS:
            _advance(width, errors, shifts[width], ratio, paths[(step - 1) & 1], paths[step & 1], choices, step)
        else:
            if step:
                _reach(last, errors, shifts[last], paths[(step - 1) & 1], costs)
                costs *= ratio
            _leave(width, costs, paths[step & 1], choices, step)
        take_errors(values[step], levels[width], errors)
        last = width
    _reach(last, errors, shifts[last], paths[(len(values) - 1) & 1], costs)


@njit(cache=True, nogil=True)
def _backward(state: Any, state_bits: int, bits: np.ndarray, choices: np.ndarray, states: np.ndarray) -> None:
    """States (n,) uint16 of the best path that ends in ``state``."""
    for step in range(len(states) - 1, -1, -1):
        states[step] = state
        low = state >> bits[step]
        state = (np.int64(choices[step, low]) << (state_bits - bits[step])) | low


@njit(cache=True, nogil=True)
def _write(states: np.ndarray, bits: np.ndarray, code: np.ndarray) -> None:
    """The stream of bits that enter the states."""
    buffer: Any = 0
    pending = byte = 0
    for step in range(len(states)):
        buffer = (buffer << bits[step]) | (np.int64(states[step]) & ((1 << bits[step]) - 1))
        pending += bits[step]
        while pending >= 8:
            pending -= 8
            code[byte] = np.uint8((buffer >> pending) & 255)
            byte += 1
        buffer &= (1 << pending) - 1


@njit(cache=True, nogil=True)
def _take_least(costs: np.ndarray, ends: np.ndarray) -> None:
    """The states with the least ``costs``, least first, of equals the lower, into ``ends``."""
    kept = 0
    for state in range(len(costs)):
        cost = costs[state]
        if kept == len(ends) and not cost < costs[ends[kept - 1]]:
            continue
        kept = min(kept + 1, len(ends))
        place = kept - 1
        while place > 0 and cost < costs[ends[place - 1]]:
            ends[place] = ends[place - 1]
            place -= 1
        ends[place] = state


@njit(cache=True, nogil=True)
def best_paths(
    values: np.ndarray,
    bits: np.ndarray,
    weights: np.ndarray,
    levels: np.ndarray,
    shifts: np.ndarray,
    state_bits: int,
    states: np.ndarray,
    codes: Any,
) -> None:
    """Circular paths whose levels are near to rows of values.

    States at the seam are taken from the best paths through the steps around it, as many as together have about 400
    steps; with each fixed, a path is the best, and of all these that with the least error is taken.

    Parameters
    ----------
    values : (n, steps) float32
        Of moderate size: their squares must stay far below 1e30.
    bits : (steps,) int64
        1..6 of each step; their sum is a multiple of 8, and at least 16.
    weights : (steps,) float32
        What the squared error of each step counts, above 0.
    levels : (7, 256) float32, C-contiguous
        Row b: the levels where a step takes b bits.
    shifts : (7, 16) uint8, C-contiguous
        Row b: what the older bits of a state, those beyond the newest eight, add to the number that these are; round at
        256, it is that of the state's level.
    state_bits : int
        10 or 12.
    states : (n, steps) uint16
        Written.
    codes : (n, >= sum of bits / 8) uint8
        Written: the stream of bits.
    """
    steps, number = values.shape[1], 1 << state_bits
    wanted = min(max(_TRIED_STEPS // steps, 1), _MOST_TRIED)
    before = _BEFORE if wanted == 1 else _BEFORE_IF_SHORT
    window = before + _AFTER
    around = (np.arange(window) - before) % steps
    seam_bits, seam_weights = bits[around], weights[around]
    seam, path = np.empty(window, np.float32), np.empty(window, np.uint16)
    crossings, ends = np.empty(wanted, np.int64), np.empty(_ENDS_A_TRY * wanted, np.int64)
    costs, paths, errors = (
        np.empty(number, np.float32),
        np.empty((2, 2 * number), np.float32),
        np.empty(ERRORS, np.float32),
    )
    choices = np.empty((max(steps, window), number // 2), np.uint8)
    stays = (number >> bits[0]) - 1
    for i in range(len(values)):
        for place in range(window):
            seam[place] = values[i, around[place]]
        costs[:] = 0
        _forward(seam, seam_bits, seam_weights, levels, shifts, costs, errors, paths, choices)
        _take_least(costs, ends)
        tried = 0
        for end in ends:
            _backward(end, state_bits, seam_bits, choices, path)
            crossing: Any = np.int64(path[before - 1]) & stays
            if not (crossings[:tried] == crossing).any():
                crossings[tried] = crossing
                tried += 1
            if tried == wanted:
                break
        least: Any = np.float32(np.inf)
        for crossing in crossings[:tried]:
            costs[:] = _FAR
            costs[crossing] = 0
            _forward(values[i], bits, weights, levels, shifts, costs, errors, paths, choices)
            last: Any = crossing
            for top in range(1 << bits[0]):
                state = (top << (state_bits - bits[0])) | crossing
                if costs[state] < costs[last]:
                    last = state
            if costs[last] < least:
                least = costs[last]
                _backward(last, state_bits, bits, choices, states[i])
        _write(states[i], bits, codes[i])


@njit(cache=True, nogil=True)
def decode_paths(codes: np.ndarray, bits: np.ndarray, codebooks: np.ndarray, values: np.ndarray) -> None:
    """Levels (n, steps) float32 of paths (n, >= sum of bits / 8) uint8; the inverse of :func:`best_paths`."""
    size = bits.sum() // 8
    mask = codebooks.shape[1] - 1
    for i in range(len(codes)):
        state: Any = (np.int64(codes[i, size - 2]) << 8) | np.int64(codes[i, size - 1])
        byte = 0
        buffer: Any = 0
        left = 0
        for step in range(len(bits)):
            width = bits[step]
            while left < width:
                buffer = ((buffer << 8) | np.int64(codes[i, byte])) & 0xFFFF
                left += 8
                byte += 1
            left -= width
            state = ((state << width) | ((buffer >> left) & ((1 << width) - 1))) & mask
            values[i, step] = codebooks[width, state]
