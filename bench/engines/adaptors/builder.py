"""The process that builds an engine's folder: ``python -m bench.engines.adaptors.builder JOB PARENT_PID``.

It ends before the folder is opened for searching, so that nothing of the build is counted as resident there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

from bench.engines.adaptors.base import BuildError, Engine
from bench.engines.adaptors.choosing import choose
from bench.engines.adaptors.finding import adaptor
from bench.processes import die_with

_LINES = 12  # of the last words of a process that failed


def engine_of(job: dict[str, Any]) -> Engine:
    """The engine that a job describes: the same in the process that builds and in the one that searches."""
    offer = choose(job["engine"], job["scheme"], job["dim"], job["code_bytes"], job["metric"])
    return adaptor(job["engine"])(offer, Path(job["folder"]), **job["options"])


def build_apart(job: dict[str, Any], work: Path) -> None:
    """Build ``job["folder"]`` in a process of its own, which ends when this one does.

    Raises
    ------
    BuildError
        With the last words of that process.
    """
    path = work / "build.json"
    path.write_text(json.dumps(job))
    Path(job["folder"]).mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "bench.engines.adaptors.builder", str(path), str(os.getpid())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode != 0:
        words = [line for line in done.stdout.strip().splitlines() if line.strip()][-_LINES:]
        last = words[-1] if words else f"exit status {done.returncode}"
        (work / "build.txt").write_text("\n".join(words))
        raise BuildError(last.removeprefix("BuildError: "))


def main() -> None:
    """Entry of the process."""
    path, parent = Path(sys.argv[1]), int(sys.argv[2])
    die_with(parent)
    job = json.loads(path.read_text())
    from bench.config import RunConfig
    from bench.datasets.base import Dataset
    from bench.execution.data import load_dataset

    try:
        dataset = load_dataset(RunConfig.from_dict(job["config"]))
        assert isinstance(dataset, Dataset)  # was checked before the run started
        engine_of(job).build(dataset.base)
    except Exception as error:
        traceback.print_exc(file=sys.stdout)
        print(f"{type(error).__name__}: {' '.join(str(error).split())}", flush=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
