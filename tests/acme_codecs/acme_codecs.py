"""Methods of a third party: one that works, and one for each way in which a run can end badly."""

import os
import pathlib
import signal
import sys
import time

import numpy as np

from methods import BudgetError, Codec, Metric


class Truncated(Codec):
    """The first bytes of the vector as int8."""

    family, summary, source, trains = "toy", "first dimensions as int8", "tests", False

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
        raise RuntimeError("the encoder\nbroke")


class Exits(Truncated):
    def _fit(self, vectors, seed):
        os._exit(7)


class Hangs(Truncated):
    def _fit(self, vectors, seed):
        print("fitting", file=sys.stderr, flush=True)
        time.sleep(600)


def wait(name):
    """Note that something begins, and go on once there is a file of its name."""
    folder = pathlib.Path(os.environ["ACME_FOLDER"])
    with (folder / "begun").open("a") as file:
        file.write(f"{name}\n")
    while not (folder / str(name)).exists():
        time.sleep(0.1)


class Waits(Truncated):
    """A run waits until it may go on, by its seed."""

    def _fit(self, vectors, seed):
        wait(seed)
        super()._fit(vectors, seed)


class WaitsEncoding(Truncated):
    def _encode(self, vectors):
        wait(100)
        return super()._encode(vectors)


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
