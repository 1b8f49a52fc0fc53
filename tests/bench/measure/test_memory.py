"""A base larger than memory: a run needs its training sample, its codes and a block, not the base."""

import numpy as np
import pytest

from bench import records

DIM, BLOCK, TRAIN = 384, 16_384, 20_000
PROGRAM = 250e6  # the interpreter with NumPy, Numba, faiss and their code: what a run of nothing would need


def write_base(path, n):
    """``n`` clustered vectors as ``.npy``, written in blocks."""
    rng = np.random.default_rng(0)
    centers, noise = (rng.standard_normal((rows, DIM), np.float32) for rows in (1000, BLOCK))
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (n, DIM)})
        for start in range(0, n, BLOCK):
            m = min(BLOCK, n - start)
            block = centers[rng.integers(1000, size=m)] + 0.5 * noise[:m]
            file.write(block.tobytes())


def run_on(bench, base, method, n, timeout):
    arguments = [f"method={method}", "budget=8x", "dataset=path", f"dataset.base={base}", "dataset.holdout=20"]
    done = bench(*arguments, f"train_size={TRAIN}", "latency_s=0.2", "dataset.metric=l2", timeout=timeout)
    assert done.returncode == 0, done.stderr
    (record,) = records.find([bench.results / "runs"])
    codes = n * record.bytes.code
    allowed = TRAIN * DIM * 4 + codes + BLOCK * DIM * 4 + PROGRAM
    # Fitting copies the sample once or twice; the sample is gone before the codes are complete.
    assert record.peak_memory_bytes < allowed + TRAIN * DIM * 4
    return record


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """300,000 vectors in a file, whose true neighbors are cached by the first test."""
    path = tmp_path_factory.mktemp("base") / "base.npy"
    write_base(path, 300_000)
    return path


@pytest.mark.thorough
@pytest.mark.parametrize("method", ["int4", pytest.param("rabitq", marks=pytest.mark.slow)])
def test_peak_memory_of_a_run_is_far_below_its_base(bench, base, method):
    record = run_on(bench, base, method, 300_000, 300)
    assert record.peak_memory_bytes < 300_000 * DIM * 4


@pytest.mark.slow
def test_two_million_vectors(bench, tmp_path):
    n = 2_000_000
    write_base(tmp_path / "base.npy", n)
    record = run_on(bench, tmp_path / "base.npy", "int4", n, 1200)
    print({"peak": record.peak_memory_bytes, "by phase": record.memory_bytes, "base": n * DIM * 4})
    assert record.peak_memory_bytes < 0.4 * n * DIM * 4
