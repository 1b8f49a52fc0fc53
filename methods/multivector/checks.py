"""Checks that every multi-vector method must pass; public for methods of other packages.

    from methods.multivector.checks import check_method, parametrize

As :mod:`methods.checks`, on small clustered sets of 16-dimensional unit vectors.
"""

from __future__ import annotations

import functools
import io
import json
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from methods import registry
from methods.checks.subject import expect, expect_description, expect_error
from methods.checks.suite import Suite
from methods.errors import BudgetError, MethodError, NotDecodable, NotFitted
from methods.kernels.sets.chamfer import chamfer_candidates, chamfer_search
from methods.multivector.base import Codes, MultiVectorCodec, SetSearcher
from methods.multivector.ragged import Ragged
from methods.multivector.robustness import check_kinds

__all__ = ["check_method", "checks", "parametrize"]

DIM, N, QUERIES, K = 16, 90, 25, 5
_LADDER = (16, 32, 64, 160, 320, 640, 1280)


@functools.cache
def sets(role: str, n: int, low: int, high: int, dim: int = DIM) -> Ragged:
    """``n`` sets of ``low`` to ``high - 1`` unit vectors about topics, each set about a few of them."""
    space, rng = np.random.default_rng(dim), np.random.default_rng([dim, *role.encode()])
    topics = space.standard_normal((40, dim))
    lengths = rng.integers(low, high, n)
    vectors = np.concatenate(
        [topics[rng.choice(rng.choice(40, 4, replace=False), length)] for length in lengths]
    ) + 0.4 * rng.standard_normal((lengths.sum(), dim))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    values = vectors.astype(np.float32)
    values.flags.writeable = False
    return Ragged(values, np.concatenate([[0], np.cumsum(lengths)]))


def base(dim: int = DIM) -> Ragged:
    return sets("base", N, 5, 30, dim)


def queries() -> Ragged:
    return sets("queries", QUERIES, 2, 8)


@functools.cache
def truth() -> np.ndarray:
    """(nq, K) ids of the documents of largest Chamfer score."""
    query_sets, documents = queries(), base()
    return chamfer_search(query_sets.vectors, query_sets.offsets, documents.vectors, documents.offsets, K)[1]


def recall(ids: np.ndarray) -> float:
    """Share of the true K among ``ids`` (nq, K)."""
    return float(np.mean([np.isin(true, returned).mean() for true, returned in zip(truth(), ids)]))


class Subject:
    """A method under check: configured at several budgets, each fitted once."""

    def __init__(self, method: str | type[MultiVectorCodec]) -> None:
        cls = registry.get(method, MultiVectorCodec.track) if isinstance(method, str) else method
        self.cls: type[MultiVectorCodec] = cls
        self.name = self.cls.name or self.cls.__name__
        self._fitted: dict[int, MultiVectorCodec] = {}

    def configure(self, code_bytes: int, lengths: np.ndarray | None = None, dim: int = DIM) -> MultiVectorCodec:
        lengths = base().lengths if lengths is None else lengths
        if self.cls.name in registry.names(MultiVectorCodec.track):
            return registry.configured(self.cls, dim, code_bytes, lengths, **self.cls.check_params)
        return self.cls.for_budget(dim, code_bytes, lengths, **self.cls.check_params)

    @functools.cached_property
    def smallest(self) -> int:
        try:
            self.configure(0)
        except BudgetError as error:
            return error.smallest
        raise AssertionError("for_budget accepts 0 bytes; it has to raise BudgetError(label, 0, smallest)")

    @functools.cached_property
    def budgets(self) -> list[int]:
        """The smallest budget, one between, and the largest of a ladder."""
        larger = [step for step in _LADDER if step > self.smallest] or [2 * self.smallest]
        return sorted({self.smallest, larger[len(larger) // 2], larger[-1]})

    @property
    def budget(self) -> int:
        return self.budgets[len(self.budgets) // 2]

    def fitted(self, code_bytes: int | None = None) -> MultiVectorCodec:
        size = self.budget if code_bytes is None else code_bytes
        if size not in self._fitted:
            self._fitted[size] = self.configure(size).fit(base(), seed=0)
        return self._fitted[size]

    @functools.cached_property
    def codes(self) -> Codes:
        return self.fitted().encode(base())

    def search(self, searcher: SetSearcher | None = None, k: int = K) -> tuple[np.ndarray, np.ndarray]:
        return (searcher or self.fitted().searcher(self.codes)).search(queries(), k)


SUITE = Suite(MultiVectorCodec.track, Subject)
_check = SUITE.add


@_check
def describes_itself(subject: Subject) -> None:
    """Family, summary, source and version are there for lists, tables and records."""
    expect_description(subject.cls)


@_check
def codes_fit_the_budget_and_are_of_the_sizes_told(subject: Subject) -> None:
    """Codes are uint8, of the sizes that ``code_sizes`` tells before fit, within the budget on average."""
    for code_bytes in subject.budgets:
        expected = subject.configure(code_bytes).code_sizes(base().lengths)
        codes = subject.fitted(code_bytes).encode(base())
        expect(codes.data.dtype == np.uint8, f"codes are {codes.data.dtype}, not uint8")
        expect(
            np.array_equal(codes.sizes, expected), "sizes of codes are not those that code_sizes promised before fit"
        )
        expect(
            expected.mean() <= code_bytes,
            f"codes of {expected.mean():.1f} bytes on average at a budget of {code_bytes}",
        )
        expect(not subject.cls.fixed or len(set(expected)) == 1, "fixed is True, but codes differ in size")


@_check
def budget_error_names_the_smallest_code(subject: Subject) -> None:
    """``BudgetError.smallest`` bytes are accepted and one byte less is not."""
    size = float(subject.configure(subject.smallest).code_sizes(base().lengths).mean())
    expect(size <= subject.smallest, f"codes of {size:.1f} bytes at the smallest budget {subject.smallest}")
    less = subject.smallest - 1
    expect_error(BudgetError, lambda: subject.configure(less), f"{less} bytes", str(subject.smallest))


@_check
def a_code_depends_on_its_document_alone(subject: Subject) -> None:
    """Documents encoded in parts or one by one get the same codes."""
    codec, codes = subject.fitted(), subject.codes
    for step in (1, 37):
        parts = [codec.encode(base()[start : start + step]) for start in range(0, N, step)]
        data = np.concatenate([part.data for part in parts])
        differing = np.mean(data != codes.data) if data.shape == codes.data.shape else 1.0
        expect(differing <= 0.01, f"{differing:.1%} of the bytes differ when {step} documents are encoded at a time")
    expect(len(codec.encode(base()[:0])) == 0, "encode of no documents")


@_check
def refit_is_deterministic_and_forgets(subject: Subject) -> None:
    """One seed gives one codec, whatever the global random state and an earlier fit."""
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    codec = subject.configure(subject.budget).fit(sets("other", 40, 5, 30), seed=5)
    codec.fit(base(), seed=0)
    expect(np.array_equal(codec.encode(base()).data, subject.codes.data), "a second fit gives other codes")
    _expect_same_parts(codec, subject.fitted())


@_check
def leaves_global_random_state_alone(subject: Subject) -> None:
    """fit, encode and search draw from their own generators."""
    subject.fitted()
    before = _random_state()
    codec = subject.configure(subject.budget).fit(base(), seed=3)
    codec.searcher(codec.encode(base())).search(queries(), K)
    expect(before == _random_state(), "the global random state has moved; use a generator of your own")


def _random_state() -> tuple[Any, ...]:
    state = np.random.get_state(legacy=False)  # noqa: NPY002
    assert isinstance(state, dict)
    return random.getstate(), state["state"]["key"].tobytes(), state["state"]["pos"]


@_check
def parts_rebuild_the_codec(subject: Subject) -> None:
    """params() through JSON and parts() through .npz (no pickle) give the same codes and results."""
    codec = subject.fitted()
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **codec.parts())  # type: ignore[arg-type]
    file.seek(0)
    with np.load(file, allow_pickle=False) as stored:
        again = subject.cls.from_parts(json.loads(json.dumps(codec.params())), dict(stored))
    expect(again.params() == codec.params(), f"params are {again.params()} after from_parts, not {codec.params()}")
    expect(np.array_equal(again.encode(base()).data, subject.codes.data), "codes differ after from_parts")
    first, second = subject.search(), subject.search(again.searcher(subject.codes))
    expect(np.array_equal(first[1], second[1]), "results differ after from_parts")
    _expect_same_parts(codec, again)
    if subject.cls.name in registry.names(MultiVectorCodec.track):  # what is not registered cannot be found
        _expect_same_when_loaded(subject, codec)


def _expect_same_when_loaded(subject: Subject, codec: MultiVectorCodec) -> None:
    """The file of save() gives the same codes and results."""
    with tempfile.TemporaryDirectory() as folder:
        again = registry.load(codec.save(Path(folder) / "saved.codec"))
    expect(again.params() == codec.params(), f"params are {again.params()} when loaded, not {codec.params()}")
    expect(np.array_equal(again.encode(base()).data, subject.codes.data), "codes differ when loaded")
    first, second = subject.search(), subject.search(again.searcher(subject.codes))
    expect(np.array_equal(first[1], second[1]), "results differ when loaded")


@_check
def never_writes_to_its_input(subject: Subject) -> None:
    """Documents, queries and codes are as they were."""
    documents = Ragged(base().vectors.copy(), base().offsets)
    query_sets = Ragged(queries().vectors.copy(), queries().offsets)
    codec = subject.configure(subject.budget).fit(documents, seed=0)
    codes = codec.encode(documents)
    before = codes.data.copy()
    codec.searcher(codes).search(query_sets, K)
    expect(np.array_equal(documents.vectors, base().vectors), "documents were written to")
    expect(np.array_equal(query_sets.vectors, queries().vectors), "queries were written to")
    expect(np.array_equal(codes.data, before), "codes were written to")


@_check
def accepts_float16(subject: Subject) -> None:
    """float16 documents give the codes of the same values in float32."""
    halves = Ragged(base().vectors.astype(np.float16), base().offsets)
    floats = Ragged(halves.vectors.astype(np.float32), base().offsets)
    codec = subject.fitted()
    expect(np.array_equal(codec.encode(halves).data, codec.encode(floats).data), "float16 documents get other codes")
    scores, _ = codec.searcher(subject.codes).search(Ragged(queries().vectors.astype(np.float16), queries().offsets), K)
    expect(scores.dtype == np.float32, f"scores are {scores.dtype}, not float32")


@_check
def refuses_what_it_cannot_work_with(subject: Subject) -> None:
    """Another dimension, NaN, an array for sets, use before fit: one line each."""
    codec = subject.fitted()
    searcher = codec.searcher(subject.codes)
    wide = sets("wide", 3, 2, 4, DIM + 1)
    broken = Ragged(
        np.where(np.arange(5)[:, None] == 3, np.nan, np.ones((5, DIM))).astype(np.float32), np.array([0, 5])
    )
    expect_error(MethodError, lambda: codec.encode(wide), "documents of another dimension", str(DIM))
    expect_error(MethodError, lambda: searcher.search(wide, K), "queries of another dimension", str(DIM))
    expect_error(MethodError, lambda: codec.encode(broken), "NaN in a document", "NaN")
    expect_error(MethodError, lambda: codec.fit(broken), "NaN in a training document", "NaN")
    expect_error(MethodError, lambda: searcher.search(broken, K), "NaN in a query", "NaN")
    expect_error(MethodError, lambda: searcher.search(queries(), 0), "k=0", "k=0")
    expect_error(MethodError, lambda: codec.encode(base().vectors), "an array", "Ragged")  # type: ignore[arg-type]
    expect_error(MethodError, lambda: searcher.search(base().vectors, K), "an array", "Ragged")  # type: ignore[arg-type]
    fresh = subject.configure(subject.budget)
    expect_error(NotFitted, lambda: fresh.encode(base()), "encode before fit")
    expect_error(NotFitted, lambda: fresh.searcher(subject.codes), "searcher before fit")


@_check
def returns_valid_ids_best_first(subject: Subject) -> None:
    """(nq, k) float32 scores in order, int64 ids in range without repetition; padded beyond the documents."""
    for k in (1, K, N + 3):
        scores, ids = subject.search(k=k)
        expect(scores.shape == ids.shape == (QUERIES, k), f"a search for k={k} gives {scores.shape}, {ids.shape}")
        expect(scores.dtype == np.float32 and ids.dtype == np.int64, f"results are {scores.dtype}, {ids.dtype}")
        expect(not np.isnan(scores).any(), "scores hold NaN")
        expect(bool((scores[:, 1:] <= scores[:, :-1]).all()), "scores are not in order, best first")
        expect(bool((ids < N).all() and (ids >= -1).all()), "ids are out of range")
        expect(bool((np.isneginf(scores) == (ids < 0)).all()), "padding is -inf with id -1, and nothing else is")
        for row in ids:
            known = row[row >= 0]
            expect(len(set(known.tolist())) == len(known), "an id is returned twice")
    expect(np.array_equal(subject.search()[1], subject.search()[1]), "a repeated search gives other documents")


@_check
def single_queries_agree_with_a_batch(subject: Subject) -> None:
    """Scores do not depend on how many queries are searched at once."""
    searcher = subject.fitted().searcher(subject.codes)
    batch, _ = searcher.search(queries(), K)
    single = np.concatenate([searcher.search(queries()[i : i + 1], K)[0] for i in range(QUERIES)])
    worst = float(np.abs(batch - single).max())
    expect(worst <= 1e-3 * float(np.abs(batch).max()), f"scores of single queries differ by {worst:.3g}")


@_check
def finds_documents_and_more_bytes_find_no_fewer(subject: Subject) -> None:
    """Recall is well above chance at the largest budget, and not clearly below that of the smallest."""
    recalls = []
    for code_bytes in (subject.budgets[0], subject.budgets[-1]):
        codec = subject.fitted(code_bytes)
        recalls.append(recall(subject.search(codec.searcher(codec.encode(base())))[1]))
    chance = K / N
    expect(
        recalls[-1] > 3 * chance, f"recall {recalls[-1]:.3f} at {subject.budgets[-1]} B is near chance ({chance:.3f})"
    )
    expect(recalls[-1] >= recalls[0] - 0.08, f"recall falls from {recalls[0]:.3f} to {recalls[-1]:.3f} with more bytes")


@_check
def keeps_its_recall_on_every_kind(subject: Subject) -> None:
    """No kind of sets costs more than 0.03 of recall@10 (smallest code: a third), but for ``kind_exceptions``."""
    check_kinds(subject, base(), sets("many queries", 200, 2, 8))


@_check
def the_searcher_keeps_no_more_than_the_codes(subject: Subject) -> None:
    """Resident bytes, the padding of a last block aside, are those of the codes at most."""
    for code_bytes in subject.budgets:
        codec = subject.fitted(code_bytes)
        codes = codec.encode(base())
        searcher = codec.searcher(codes)
        kept = searcher.nbytes - searcher.padding
        expect(kept <= codes.nbytes, f"the searcher keeps {kept} bytes for {codes.nbytes} bytes of codes")


@_check
def decodes_to_sets_or_says_not(subject: Subject) -> None:
    """decode gives finite float32 sets, by whose Chamfer scores the searcher orders; or raises NotDecodable."""
    codec = subject.fitted()
    if not subject.cls.decodable:
        expect_error(NotDecodable, lambda: codec.decode(subject.codes), "decode with decodable = False")
        return
    decoded = codec.decode(subject.codes).check(DIM, "decoded documents")
    expect(len(decoded) == N and decoded.vectors.dtype == np.float32, f"codes decode to {decoded}")
    searcher = codec.searcher(subject.codes)
    if not searcher.estimates_metric:
        return
    scores, ids = subject.search(searcher)
    query_sets = queries()
    exact = chamfer_candidates(query_sets.vectors, query_sets.offsets, decoded.vectors, decoded.offsets, ids)
    worst = float(np.abs(exact - scores).max())
    expect(worst <= 1e-3 * float(np.abs(scores).max()), f"scores are off Chamfer on decoded sets by {worst:.3g}")


@_check
def takes_documents_of_one_vector_and_zero_vectors(subject: Subject) -> None:
    """The smallest documents and queries, and vectors without a direction, are handled."""
    vectors = np.concatenate([base().vectors[:8], np.zeros((2, DIM), np.float32)])
    ones = Ragged(vectors, np.arange(11))
    codec = subject.configure(max(subject.budget, 4 * DIM + 16), ones.lengths).fit(base(), seed=0)
    scores, ids = codec.searcher(codec.encode(ones)).search(ones, 3)
    expect(bool(np.isfinite(scores).all()) and bool((ids >= 0).all()), "documents of one vector are not all found")


def _expect_same_parts(first: MultiVectorCodec, second: MultiVectorCodec) -> None:
    a, b = first.parts(), second.parts()
    expect(a.keys() == b.keys(), f"parts are named {sorted(a)} and {sorted(b)}")
    for name, array in a.items():
        expect(isinstance(array, np.ndarray) and array.dtype != object, f"part {name!r} is no plain array")
        expect(np.array_equal(array, b[name]), f"part {name!r} differs")


checks = SUITE.checks
check_method = SUITE.check_method
parametrize = SUITE.parametrize
