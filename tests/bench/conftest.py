"""The command line as a user runs it, and a third party's package of methods that end in every possible way."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

THIRD_PARTY = '''
"""Methods of a third party: one that works, and one for each way in which a run can end badly."""

import os, signal, sys, time
import numpy as np
from methods import BudgetError, Codec, Metric


class Truncated(Codec):
    """The first bytes of the vector as int8."""

    family, summary, source, trains = "toy", "first dimensions as int8", "this test", False

    def __init__(self, dim, metric=Metric.IP, kept=1):
        self.kept = kept
        super().__init__(dim, metric)

    @classmethod
    def for_budget(cls, dim, code_bytes, metric, *, kept=None):
        return cls(dim, metric, min(dim, code_bytes, kept or dim))

    @property
    def code_size(self):
        return self.kept

    def parts(self):
        return {"scale": self.scale_}

    def _fit(self, vectors, seed):
        self.scale_ = np.float32(np.abs(vectors).max() / 127)[None]

    def _load_parts(self, parts):
        self.scale_ = parts["scale"]

    def _encode(self, vectors):
        return np.round(vectors[:, : self.kept] / self.scale_).astype(np.int8).view(np.uint8)

    def _decode(self, codes):
        out = np.zeros((len(codes), self.dim), np.float32)
        out[:, : self.kept] = codes.view(np.int8) * self.scale_
        return out


class Crashes(Truncated):
    def _fit(self, vectors, seed):
        os.kill(os.getpid(), signal.SIGSEGV)


class Raises(Truncated):
    def _encode(self, vectors):
        raise RuntimeError("the encoder\\nbroke")


class Exits(Truncated):
    def _fit(self, vectors, seed):
        os._exit(7)


class Hangs(Truncated):
    def _fit(self, vectors, seed):
        print("fitting", file=sys.stderr, flush=True)
        time.sleep(600)


class Greedy(Truncated):
    def _fit(self, vectors, seed):
        super()._fit(vectors, seed)
        self.hoard_ = [np.ones(2**25) for _ in range(40)]  # 10 GB, touched


class Liar(Truncated):
    """Keeps a norm per vector beside the codes."""

    def _searcher(self, codes):
        searcher = super()._searcher(codes)

        class Heavier(type(searcher)):
            @property
            def nbytes(self):
                return super().nbytes + 4 * self.size

        searcher.__class__ = Heavier
        return searcher


class TooLarge(Truncated):
    @property
    def code_size(self):
        return self.kept + 1


class Demanding(Truncated):
    @classmethod
    def for_budget(cls, dim, code_bytes, metric):
        raise BudgetError("demanding", code_bytes, 4 * dim)


class Dependent(Truncated):
    requires = ("a_module_that_nobody_has",)
'''
NAMES = ("Truncated", "Crashes", "Raises", "Exits", "Hangs", "Greedy", "Liar", "TooLarge", "Demanding", "Dependent")


@pytest.fixture(scope="session")
def third_party(tmp_path_factory):
    """A folder that holds an installed distribution whose entry points bring methods; put it on PYTHONPATH."""
    site = tmp_path_factory.mktemp("site")
    (site / "acme_codecs.py").write_text(textwrap.dedent(THIRD_PARTY))
    info = site / "acme_codecs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-codecs\nVersion: 1.0\n")
    entries = "\n".join(f"acme_{name.lower()} = acme_codecs:{name}" for name in NAMES)
    (info / "entry_points.txt").write_text(f"[bench.methods]\n{entries}\n")
    return site


@pytest.fixture(scope="session")
def vectors(tmp_path_factory):
    """A small base file: 600 x 16, clustered."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((20, 16), np.float32)
    base = centres[rng.integers(20, size=600)] + 0.3 * rng.standard_normal((600, 16), np.float32)
    path = tmp_path_factory.mktemp("vectors") / "tiny.npy"
    np.save(path, base)
    return path


@pytest.fixture(scope="session")
def bench_env(third_party, tmp_path_factory):
    """Environment of a command: the third party's package, a cache of its own."""
    path = os.pathsep.join(filter(None, [str(third_party), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, "BENCH_CACHE": str(tmp_path_factory.mktemp("cache"))}


@pytest.fixture
def bench(bench_env, tmp_path):
    """``bench("method=pq", ...)`` runs ``python -m bench`` in an empty folder and returns the finished process."""

    def run(*arguments: str, module: str = "bench", **options) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=tmp_path,
            env={**bench_env, "COLUMNS": "200", **options.pop("env", {})},
            capture_output=True,
            text=True,
            timeout=options.pop("timeout", 120),
        )

    run.results = Path(tmp_path) / "results"
    run.env = bench_env
    return run
