"""The measured read bandwidth is a plausible number, and the sum that it times is right."""

from __future__ import annotations

import numpy as np

from methods.kernels.bandwidth import _PART, _sum, _sum_parallel, read_bandwidth


def test_the_timed_loop_reads_every_word():
    words = np.arange(4 * _PART, dtype=np.uint64)
    assert _sum(words) == _sum_parallel(words) == int(words.sum())


def test_bandwidth_is_between_a_slow_bus_and_a_fast_cache():
    assert 1e8 < read_bandwidth(nbytes=1 << 24) < 1e13
