"""The process of one run, which reads a job and writes a result.

It is started as ``python -m bench.execution.worker FOLDER PARENT_PID LINK``.
"""

from __future__ import annotations

import dataclasses
import faulthandler
import importlib
import json
import sys
import traceback
from pathlib import Path
from typing import Any

from bench.processes import die_with

TRACEBACK_FILE = "traceback.txt"


def work(folder: Path) -> dict[str, Any]:
    """Run the job in ``folder``; every way in which a method can fail becomes a status and a reason."""
    import numpy as np

    from bench.execution.isolate import JOB_FILE

    job = json.loads((folder / JOB_FILE).read_text())
    try:
        from bench.config import RunConfig
        from bench.execution.data import load_dataset
        from bench.measure.environment import thread_settings
        from bench.measure.memory import peak_memory
        from bench.tracks import measure

        _set_threads(job["config"]["threads"])
        for module in job["modules"]:
            importlib.import_module(module)
        config = RunConfig.from_dict(job["config"])
        measurement = measure(config, load_dataset(config), job["code_bytes"], folder)
        arrays = measurement.arrays
        measurement.arrays = {}
        np.savez(folder / "queries.npz", **arrays)  # type: ignore[arg-type]
        return {
            "status": "ok",
            "reason": "",
            "measurement": dataclasses.asdict(measurement),
            "threads": thread_settings(),
            "peak": peak_memory(),
        }
    except MemoryError as error:
        return {"status": "out_of_memory", "reason": f"could not allocate memory: {error}"}
    except Exception as error:
        (folder / TRACEBACK_FILE).write_text(traceback.format_exc())
        status = "over_budget" if type(error).__name__ == "OverBudget" else "failed"
        reason = str(error) if status == "over_budget" else f"{type(error).__name__}: {error}"
        return {"status": status, "reason": " ".join(reason.split())[:500]}


def _set_threads(threads: int) -> None:
    """faiss reads its own setting; the others took theirs from the environment at import."""
    import faiss

    faiss.omp_set_num_threads(threads)


def main() -> None:
    """Entry of the child process."""
    folder, parent, link = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    die_with(parent)  # first: a run that stands still would outlive its parent for ever

    from bench.execution import stage, turns
    from bench.execution.isolate import RESULT_FILE

    turns.connect(link, folder)
    stage.connect(folder)
    stage.enter("start")
    faulthandler.enable()
    result = work(folder)
    (folder / RESULT_FILE).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
