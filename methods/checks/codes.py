"""Checks on codes: their bytes, what determines them, what they decode to, what rebuilds the codec."""

from __future__ import annotations

import io
import json
import random
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from methods import registry
from methods.base import Codec
from methods.checks import data
from methods.checks.subject import Subject, check, expect, expect_error, expect_same_codes
from methods.errors import BudgetError, NotDecodable
from methods.vectors import normalized


@check
def code_bytes_equal_code_size_and_fit_the_budget(subject: Subject) -> None:
    """Codes are uint8 of (n, code_size), and code_size is known before fit and within the budget."""
    for code_bytes in subject.budgets():
        size = subject.configure(code_bytes).code_size
        codes = subject.codes(code_bytes)
        expect(codes.dtype == np.uint8, f"codes are {codes.dtype}, not uint8")
        expect(codes.shape == (data.N_BASE, size), f"codes are {codes.shape}, code_size before fit said {size}")
        expect(subject.fitted(code_bytes).code_size == size, "code_size changes with fit")
        expect(1 <= size <= code_bytes, f"a code of {size} bytes at a budget of {code_bytes}")


@check
def budget_error_names_the_smallest_code(subject: Subject) -> None:
    """``BudgetError.smallest`` bytes are accepted and one byte less is not, at dimensions 32 and 7."""
    for dim in (data.DIM, 7):
        smallest = subject.smallest(dim)
        expect(smallest >= 1, f"smallest={smallest} at d={dim}")
        size = subject.configure(smallest, dim=dim).code_size
        expect(size <= smallest, f"a code of {size} bytes at the smallest budget {smallest}, d={dim}")
        expect_error(
            BudgetError,
            lambda dim=dim, less=smallest - 1: subject.configure(less, dim=dim),  # type: ignore[misc]
            f"one byte less than the smallest code ({smallest} at d={dim})",
            str(smallest),
        )


@check
def batches_encode_as_one(subject: Subject) -> None:
    """A code depends on its vector alone, not on what is encoded beside it; no vectors give no codes."""
    codec, codes = subject.fitted(), subject.codes()
    parts = [codec.encode(data.base()[start : start + 77]) for start in range(0, data.N_BASE, 77)]
    expect_same_codes(codec, codes, np.concatenate(parts), "encode in batches of 77")
    single = [codec.encode(data.base()[i : i + 1]) for i in range(100)]
    expect_same_codes(codec, codes[:100], np.concatenate(single), "encode one by one")
    expect(codec.encode(data.base()[:0]).shape == (0, codec.code_size), "encode of no vectors")


@check
def duplicates_get_equal_codes_and_scores(subject: Subject) -> None:
    """Equal vectors get equal codes and are found with equal scores."""
    codec = subject.fitted()
    vectors = np.concatenate([data.base()[:50], data.base()[:50]])
    codes = codec.encode(vectors)
    expect_same_codes(codec, codes[:50], codes[50:], "a vector and its duplicate")
    scores, ids = codec.searcher(np.concatenate([codes[:50], codes[:50]])).search(data.queries(), 100)
    by_id = np.full(scores.shape, np.nan, np.float64)
    np.put_along_axis(by_id, ids, scores, axis=1)
    tolerance = 1e-3 * float(np.abs(scores).max())
    expect(np.allclose(by_id[:, :50], by_id[:, 50:], rtol=0, atol=tolerance), "equal codes have different scores")


@check
def refit_is_deterministic(subject: Subject) -> None:
    """Two fits with one seed give the same parts and codes, whatever the global random state."""
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    codec = subject.fit(subject.configure(subject.budget), data.train(), seed=0)
    expect(np.array_equal(subject.codes(), codec.encode(data.base())), "two fits with seed=0 give different codes")
    _expect_same_parts(subject.fitted(), codec, "two fits with seed=0")


@check
def refit_forgets_the_earlier_fit(subject: Subject) -> None:
    """A codec fitted before on something else equals a fresh one."""
    codec = subject.fit(subject.configure(subject.budget), data.base()[:300] * 3 + 1, seed=5)
    codec.encode(data.base()[:10])
    subject.fit(codec, data.train())
    expect(np.array_equal(subject.codes(), codec.encode(data.base())), "codes depend on an earlier fit")
    _expect_same_parts(subject.fitted(), codec, "a fit after another")


@check
def leaves_global_random_state_alone(subject: Subject) -> None:
    """fit, encode and search draw from their own generators."""

    def state() -> dict[str, Any]:
        name, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002
        states = {"random": random.getstate(), "numpy.random": (name, keys.tobytes(), *rest)}  # type: ignore[union-attr]
        if "torch" in sys.modules:
            states["torch"] = sys.modules["torch"].get_rng_state().numpy().tobytes()
        return states

    subject.fitted()  # imports torch where the method needs it, which may seed it
    before = state()
    codec = subject.fit(subject.configure(subject.budget), data.train()[:300], seed=3)
    codec.searcher(codec.encode(data.base())).search(data.queries(), data.K)
    after = state()
    changed = [library for library in before if before[library] != after[library]]
    expect(not changed, f"the global random state of {', '.join(changed)} has moved; use a generator of your own")


@check
def parts_rebuild_the_codec(subject: Subject) -> None:
    """params() through JSON and parts() through .npz (no pickle) give the same codes, vectors and results; so does the
    file of save()."""
    for metric in subject.metrics:
        codec, codes = subject.fitted(metric=metric), subject.codes(metric=metric)
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, **codec.parts())  # type: ignore[arg-type]
        file.seek(0)
        with np.load(file, allow_pickle=False) as stored:
            parts = dict(stored)
        again = subject.cls.from_parts(json.loads(json.dumps(codec.params())), parts)
        expect(again.params() == codec.params(), f"params are {again.params()} after from_parts, not {codec.params()}")
        expect(np.array_equal(again.encode(data.base()), codes), f"codes differ after from_parts, metric={metric}")
        if codec.decodable:
            expect(np.array_equal(again.decode(codes), codec.decode(codes)), "decoded vectors differ after from_parts")
        first = codec.searcher(codes).search(data.queries(), data.K)
        second = again.searcher(codes).search(data.queries(), data.K)
        for what, a, b in zip(("scores", "ids"), first, second):
            expect(np.array_equal(a, b), f"{what} of a search differ after from_parts, metric={metric}")
        _expect_same_parts(codec, again, "a codec and its restored copy")
        if subject.registered:  # what is not cannot be found by its name
            _expect_same_when_loaded(codec, codes)


def _expect_same_when_loaded(codec: Codec, codes: np.ndarray) -> None:
    """The file of save() gives the same codes and results."""
    with tempfile.TemporaryDirectory() as folder:
        again = registry.load(codec.save(Path(folder) / "saved.codec"))
    expect(again.params() == codec.params(), f"params are {again.params()} when loaded, not {codec.params()}")
    expect(np.array_equal(again.encode(data.base()), codes), "codes differ when loaded")
    first, second = (one.searcher(codes).search(data.queries(), data.K) for one in (codec, again))
    expect(np.array_equal(first[1], second[1]), "results differ when loaded")


@check
def decodes_to_finite_float32_or_says_not(subject: Subject) -> None:
    """decode gives finite float32 (n, dim), or raises NotDecodable where ``decodable`` is False."""
    for code_bytes in subject.budgets():
        codec, codes = subject.fitted(code_bytes), subject.codes(code_bytes)
        if not subject.cls.decodable:
            expect_error(NotDecodable, lambda: codec.decode(codes), "decode with decodable = False")  # noqa: B023
            continue
        decoded = codec.decode(codes)
        expect(decoded.dtype == np.float32, f"decoded vectors are {decoded.dtype}, not float32")
        expect(decoded.shape == data.base().shape, f"decoded vectors have shape {decoded.shape}")
        expect(np.isfinite(decoded).all(), "decoded vectors are not finite")
        expect(codec.decode(codes[:0]).shape == (0, data.DIM), "decode of no codes")


@check
def reconstruction_error_falls_with_bytes(subject: Subject) -> None:
    """More bytes never decode worse (2% aside), and decoding is better than answering the mean direction's zero."""
    if not subject.cls.decodable:
        return
    for metric in subject.metrics:
        base = normalized(data.base()) if metric == "cosine" else data.base()
        budgets, power = subject.budgets(), float((base**2).sum())
        errors = [
            float(((subject.fitted(b, metric).decode(subject.codes(b, metric)) - base) ** 2).sum()) / power
            for b in budgets
        ]
        listed = ", ".join(f"{error:.4f} at {b} B" for b, error in zip(budgets, errors))
        expect(errors[-1] < 0.9, f"relative error is no better than decoding to zero, metric={metric}: {listed}")
        for worse, better in pairwise(errors):
            expect(better <= 1.02 * worse + 1e-6, f"reconstruction error rises with bytes, metric={metric}: {listed}")


@check
def saturates_beyond_the_training_range(subject: Subject) -> None:
    """Vectors five times as long as any in training are clipped, not wrapped around."""
    if not subject.cls.decodable:
        return
    codec = subject.fitted()
    far = 5 * data.base()
    decoded = codec.decode(codec.encode(far))
    expect(np.isfinite(decoded).all(), "vectors beyond the training range decode to values that are not finite")
    cosine = float((normalized(decoded) * normalized(far)).sum(axis=1).mean())
    expect(cosine > 0.3, f"they decode to another direction (mean cosine {cosine:.2f}): do integers wrap around?")


def _expect_same_parts(first: Codec, second: Codec, what: str) -> None:
    a, b = first.parts(), second.parts()
    expect(a.keys() == b.keys(), f"{what}: parts are named {sorted(a)} and {sorted(b)}")
    for name, array in a.items():
        expect(isinstance(array, np.ndarray), f"part {name!r} is {type(array).__name__}, not numpy.ndarray")
        expect(array.dtype != object, f"part {name!r} holds Python objects")
        expect(np.array_equal(array, b[name]), f"{what}: part {name!r} differs")
