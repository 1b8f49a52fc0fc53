"""``--save DIR``: the fitted codec of the winner, and the codes of the user's vectors where that is quick.

A run's process ends with its codec. It is fitted again here, on the vectors of the finalists with the same seed, in a
process with as many threads: a finalist's codec is the one that was measured.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.config import RunConfig
from bench.errors import UsageError
from bench.execution.plan import prepare
from bench.measure.environment import thread_environment
from bench.progress import Progress
from bench.recommend.offer import Offer
from bench.recommend.question import Question
from bench.recommend.sample import Sample

CODES, _JOB = "codes.npy", "job.json"
_QUICK_S = 60.0  # encoding may take so long in any case


@dataclass(frozen=True)
class Saved:
    """What is in the folder now.

    Attributes
    ----------
    folder : str
    files : dict of str to int
        Names and bytes; empty if nothing was saved.
    encoding_s : float or None
        What encoding the user's vectors would have taken, where there are no codes for that.
    trained_on : int
        Vectors that the codec was fitted on.
    seconds : float
        Saving took.
    problem : str
        Why nothing was saved.
    """

    folder: str
    files: dict[str, int] = field(default_factory=dict)
    encoding_s: float | None = None
    trained_on: int = 0
    seconds: float = 0.0
    problem: str = ""


def check(folder: str | None) -> None:
    """:class:`UsageError` if nothing can be saved in ``folder``: before long work, whose result goes there."""
    if folder is None:
        return
    path = _absolute(folder)
    try:
        taken = path.exists() and (not path.is_dir() or any(path.iterdir()))
    except OSError as error:
        raise UsageError(f"--save {folder} cannot be read: {error.strerror or error}; name a new folder") from None
    if path.exists() and Path.cwd().is_relative_to(path.resolve()):
        raise UsageError(f"--save {folder} is the folder that this runs in, or above it; name a new one")
    if taken:
        raise UsageError(f"--save {folder} exists and is not an empty folder; nothing is overwritten, name a new one")
    with _whole(path, keep=False):
        pass


def save(question: Question, offer: Offer, final: Sample, in_file: int, left_s: float) -> Saved:
    """Fit the codec of ``offer`` again and write it into the folder of the question, whole or not at all.

    Parameters
    ----------
    question : Question
    offer : Offer
    final : Sample
        Of the finalists: its training vectors are fitted on.
    in_file : int
        Vectors in the user's file.
    left_s : float
        Codes of them are written too if that takes less, or a minute.
    """
    assert question.save is not None
    assert offer.record.throughput is not None
    start, path = time.monotonic(), _absolute(question.save)
    config = RunConfig.from_dict({**offer.record.config, "dataset": dict(final.config), "train_size": final.train_size})
    encoding_s = in_file / offer.record.throughput["encode_vectors_per_s"]
    encoded = encoding_s <= max(_QUICK_S, left_s)
    job = {
        "config": config.to_dict(),
        "code_bytes": offer.record.budget.bytes,
        "modules": prepare(config).modules,
        "data": question.data,
        "column": question.column,
        "encode": encoded,
    }
    try:
        with _whole(path) as work, Progress(f"fitting {offer.method} to save it", lines=False, leave=False):
            _write(job, work, config.threads)
    except UsageError as error:
        return Saved(question.save, problem=str(error))
    files = {file.name: file.stat().st_size for file in sorted(path.iterdir())}
    return Saved(question.save, files, None if encoded else encoding_s, final.train_size, time.monotonic() - start)


def _absolute(folder: str) -> Path:
    """With a name of its own, which ``.`` has not."""
    return Path(os.path.abspath(Path(folder).expanduser()))


@contextmanager
def _whole(path: Path, keep: bool = True) -> Iterator[Path]:
    """A folder that becomes ``path`` if nothing is raised; :class:`UsageError` where it cannot be."""
    work = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        work.mkdir(parents=True)
        yield work
        if keep:
            if path.exists():
                path.rmdir()  # empty
            os.rename(work, path)
    except OSError as error:
        raise UsageError(f"--save {path} cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write(job: dict[str, Any], work: Path, threads: int) -> None:
    (work / _JOB).write_text(json.dumps(job))
    path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)
    done = subprocess.run(
        [sys.executable, "-m", "bench.recommend.keep", str(work), str(os.getpid())],
        env={**os.environ, "PYTHONPATH": path, **thread_environment(threads)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = next(reversed(done.stderr.strip().splitlines()), "") or f"its process ended with {done.returncode}"
        raise UsageError(f"--save: fitting it again failed: {reason}")
    (work / _JOB).unlink()


def main() -> None:
    """Entry of the process that fits: does the job in the folder, and writes there."""
    import importlib

    import faiss

    from bench.processes import die_with

    work, parent = Path(sys.argv[1]), int(sys.argv[2])
    die_with(parent)
    job = json.loads((work / _JOB).read_text())
    faiss.omp_set_num_threads(job["config"]["threads"])
    for module in job["modules"]:
        importlib.import_module(module)
    _fit_and_write(job, work)


def _fit_and_write(job: dict[str, Any], work: Path) -> None:
    from bench.datasets import Dataset
    from bench.datasets.formats import has_names, open_vectors
    from bench.execution.data import load_dataset
    from bench.tracks import dense

    config = RunConfig.from_dict(job["config"])
    dataset = load_dataset(config)
    assert isinstance(dataset, Dataset)
    codec, store, _ = dense.configure(config, dataset, job["code_bytes"])
    train = dense.training_vectors(dataset, config.train_size, config.seed)
    file = open_vectors(job["data"], column=job["column"] if has_names(job["data"]) else None)
    for one, before in ((codec, ""), (store, "rescore_")):
        if one is not None:
            dense.fit(config, one, train, dataset).save(work / f"{before}{one.name}.codec")
            if job["encode"]:
                _encode(one, file, work / f"{before}{CODES}")


def _encode(codec: Any, file: Any, path: Path) -> None:
    """Codes of all vectors of a file, in their order."""
    import numpy as np

    n, block = file.shape[0], 16_384
    codes = np.lib.format.open_memmap(path, "w+", np.uint8, (n, codec.code_size))
    for start in range(0, n, block):
        codes[start : start + block] = codec.encode(file.read(start, start + block))
    codes.flush()


if __name__ == "__main__":
    main()
