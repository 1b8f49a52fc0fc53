"""Best paths are, to the bit, those of a Viterbi algorithm in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from methods.kernels.encoding.trellis import best_paths
from methods.transform.trellis.quantizer import trained

BEFORE, BEFORE_IF_SHORT, AFTER = 32, 64, 32  # steps about the seam from which states there are guessed


def forward(values, bits, weights, codebooks, costs):
    """Costs (states,) after the last value, and choices of each step."""
    choices = []
    for step, width in enumerate(bits.tolist()):
        if step:
            costs = costs * (weights[step - 1] / weights[step])
        marked = (costs.view(np.int32) >> width << width).reshape(1 << width, -1)
        least = (marked | np.arange(1 << width, dtype=np.int32)[:, None]).min(axis=0)
        choices.append(least & ((1 << width) - 1))
        paths = (least >> width << width).view(np.float32)
        costs = np.repeat(paths, 1 << width) + (values[step] - codebooks[width]) ** 2
    return costs, choices


def backward(state, bits, choices, state_bits):
    states = []
    for width, choice in zip(bits.tolist()[::-1], choices[::-1]):
        states.append(state)
        low = state >> width
        state = int(choice[low]) << (state_bits - width) | low
    return states[::-1]


def reference(values, bits, weights, state_bits):
    codebooks, number = trained(state_bits).codebooks, 1 << state_bits
    wanted = min(max(400 // len(bits), 1), 20)
    before = BEFORE if wanted == 1 else BEFORE_IF_SHORT
    around = (np.arange(before + AFTER) - before) % len(bits)
    costs, choices = forward(values[around], bits[around], weights[around], codebooks, np.zeros(number, np.float32))
    crossings = []
    for end in np.argsort(costs, kind="stable")[: 4 * wanted].tolist():
        crossing = backward(end, bits[around], choices, state_bits)[before - 1] % (number >> bits[0])
        crossings += [crossing] if crossing not in crossings else []
    least, best = np.inf, []
    for crossing in crossings[:wanted]:
        costs = np.full(number, 1e30, np.float32)
        costs[crossing] = 0
        costs, choices = forward(values, bits, weights, codebooks, costs)
        ends = (np.arange(1 << bits[0]) << (state_bits - bits[0])) | crossing
        first = ends[costs[ends].argmin()]
        end = int(first if costs[first] < costs[crossing] else crossing)
        if costs[end] < least:
            least, best = costs[end], backward(end, bits, choices, state_bits)
    return best


@pytest.mark.parametrize("state_bits", [10, 12])
@pytest.mark.parametrize(
    "bits", [[1] * 2, [1] * 6, [1] * 26, [2] * 5, [3] * 4, [4, 4], [5, 5], [6, 6], [6, 5, 4, 3, 2, 1, 1]], ids=str
)
def test_paths_are_those_of_the_reference(bits, state_bits, gaussian):
    steps = np.repeat(bits, 8)
    values, known = gaussian(4, len(steps), 11), trained(state_bits)
    weights = np.repeat(np.linspace(1, 0.1, len(bits)), 8).astype(np.float32)
    weights[-3:] *= np.float32(0.7)
    states, codes = np.empty(values.shape, np.uint16), np.empty((len(values), steps.sum() // 8), np.uint8)
    best_paths(values, steps, weights, known.levels, known.shifts, state_bits, states, codes)
    assert states.tolist() == [reference(each, steps, weights, state_bits) for each in values]
