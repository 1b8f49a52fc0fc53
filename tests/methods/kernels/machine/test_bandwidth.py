"""The measured read bandwidth is a plausible number."""

from __future__ import annotations

from methods.kernels.machine.bandwidth import read_bandwidth


def test_bandwidth_is_between_a_slow_bus_and_a_fast_cache():
    assert 1e8 < read_bandwidth(nbytes=1 << 24) < 1e13
