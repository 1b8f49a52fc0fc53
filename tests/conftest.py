"""What holds for all tests: random vectors, Ctrl-C, marks of what starts a Python, threads that do not spin."""

from __future__ import annotations

import gc
import os
import signal
import sys

import numpy as np
import pytest

# A shell that starts a job in the background makes it ignore Ctrl-C, and so would every process that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Read when OpenMP is loaded, which is later. Numba's threads and torch share one OpenMP, so that a search in parallel
# leaves torch with a thread a core whatever OMP_NUM_THREADS says; those of several test processes would spin.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or every Python that is started would compile 300 sources anew

# Most of the time of tests goes into compiling, some of that into looking for cycles among what the compiler has made.
gc.set_threshold(50_000, 20, 50)

STARTS_PROCESSES = {"bench", "bench_env", "browser"}  # fixtures
THOROUGH_CHECKS = {  # for every method a second or two, most of what the checks take
    "keeps_its_recall_on_every_kind",
    "an_index_finds_what_a_scan_finds",
    "an_index_of_residuals_adds_what_centroids_score",
    "search_finds_what_its_codes_hold",
}
THOROUGH_METHODS = {  # slow to fit, or to compile: all their checks take long
    "anisotropic_pq",
    "bidr",
    "distill_pq",
    "lsq",
    "mrq",
    "nvq",
    "prq",
    "qinco2",
    "query_adapted",
    "query_weighted",
}
_running: list[pytest.Item] = []


def pytest_configure(config: pytest.Config) -> None:
    if "not integration" in config.option.markexpr:
        sys.addaudithook(_refuse_unmarked)


@pytest.hookimpl(tryfirst=True)  # before -m chooses among the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that has a fixture which starts processes, and the checks and paths of kernels that take long."""
    from methods.kernels.machine.cpu import PATHS, best_path

    other_paths = set(PATHS) - {best_path()}  # every kernel compiles anew for each
    for item in items:
        if STARTS_PROCESSES & set(getattr(item, "fixturenames", ())):
            item.add_marker("integration")
        given = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if (
            getattr(given.get("check"), "name", "") in THOROUGH_CHECKS
            or ("check" in given and given.get("method") in THOROUGH_METHODS)
            or str(given.get("path")) in other_paths
            or "browser" in getattr(item, "fixturenames", ())
        ):
            item.add_marker("thorough")


def pytest_collection_finish() -> None:
    """Thousands of collected tests stay to the end: no garbage collection has to look at them."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup() -> None:
    """One thread for torch, whatever a search in parallel has set meanwhile."""
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(1)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item):
    """Remember which test runs, its fixtures included."""
    _running.append(item)
    try:
        return (yield)
    finally:
        _running.pop()


def _refuse_unmarked(event: str, arguments: tuple) -> None:
    """Keep ``make test-fast`` fast: a test without the mark ``integration`` (or ``slow``) cannot start a Python."""
    if event != "subprocess.Popen" or not _running or {"integration", "slow"} & _marks(_running[-1]):
        return
    program, command = arguments[0], arguments[1]
    if sys.executable in (program, command, *command[:1]):
        raise RuntimeError(f"{_running[-1].nodeid} starts a process: mark it with @pytest.mark.integration")


def _marks(item: pytest.Item) -> set[str]:
    return {mark.name for mark in item.iter_markers()}


@pytest.fixture(scope="session")
def gaussian():
    """``gaussian(n, dim, seed=0)``: (n, dim) float32, every component standard normal."""

    def draw(n, dim, seed=0):
        return np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)

    return draw


@pytest.fixture(scope="session")
def unit(gaussian):
    """``unit(n, dim, seed=0)``: (n, dim) float32, directions drawn evenly, every row of length 1."""

    def draw(n, dim, seed=0):
        vectors = gaussian(n, dim, seed)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    return draw


@pytest.fixture(scope="session")
def clustered():
    """``clustered(n, dim, seed=0, clusters=40)``: (n, dim) float32, standard normal about centers of deviation 2.

    The centers are the same for every seed, so that a base, queries and a training set can be drawn with three.
    """

    def draw(n, dim, seed=0, clusters=40):
        centers = 2 * np.random.default_rng(99).standard_normal((clusters, dim))
        rng = np.random.default_rng(seed)
        return (centers[rng.integers(0, clusters, n)] + rng.standard_normal((n, dim))).astype(np.float32)

    return draw
