"""What a record says of searches by several clients at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LoadPoint:
    """So many clients in a closed loop: each sends its next single query when the last one has returned.

    Attributes
    ----------
    clients : int
        Threads of the run's process; each search has the run's own ``threads`` besides.
    queries : int
        Answered, all clients together.
    queries_per_s : float
    latency_ms : dict
        p50, p95, p99 and mean of what a client waited.
    memory_bytes_per_s : float
        That as many threads as there are cores for the clients read from memory at once, measured just before.
    share_of_memory : float
        Bytes of codes that searches passed over in a second, over ``memory_bytes_per_s``; above 1 for codes that stay
        in a cache.
    shared : bool
        Other processes kept the machine busy.
    """

    clients: int
    queries: int
    queries_per_s: float
    latency_ms: dict[str, float]
    memory_bytes_per_s: float
    share_of_memory: float
    shared: bool
