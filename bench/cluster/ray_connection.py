"""The cluster of Ray that a process is connected to."""

from __future__ import annotations

import os
import sys
from typing import Any

from bench.cluster.extras import need
from bench.errors import UsageError


def connect(what: str, address: str | None = None) -> Any:
    """The package ``ray``, connected: to ``address``, to the cluster of this machine, or to a new one of it alone.

    Raises
    ------
    UsageError
        Ray is not installed, or nothing answers there.
    """
    ray = need("ray", "ray", what)
    path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)
    own = {name: value for name, value in os.environ.items() if name.startswith("BENCH_")}
    environment = {"env_vars": {**own, "PYTHONPATH": path}}
    try:
        ray.init(
            address=address,
            ignore_reinit_error=True,
            log_to_driver=False,
            logging_level="error",
            runtime_env=environment,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        raise UsageError(f"no Ray cluster answers ({first}); start one with `ray start --head`") from None
    return ray
