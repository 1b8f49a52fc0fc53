"""Every kind of sets has what it is named for, and methods that lose on one are noticed."""

from __future__ import annotations

import numpy as np
import pytest

from methods.checks.kinds import unit
from methods.errors import MethodError
from methods.multivector import Ragged, robustness
from methods.multivector.checks import Subject, base, check_method, sets
from methods.multivector.kinds import KINDS
from methods.multivector.token_codec import TokenCodec

BOTH = base(), sets("many queries", 200, 2, 8)


class Steady(TokenCodec):
    """Half precision of every vector."""

    name = ""

    @classmethod
    def for_budget(cls, dim, code_bytes, lengths):
        return TokenCodec.for_budget.__func__(cls, dim, code_bytes, lengths, codec="float16")


class LearnsPadding(Steady):
    """Takes the mean of all vectors, zeros among them, for the middle of the others."""

    def _encode(self, documents):
        zeros = documents.zeros()
        return super()._encode(Ragged(documents.vectors + np.float32(0.2) * zeros[:, None], documents.offsets))


class Rounds(Steady):
    """Values in one step for all data."""

    step = np.float32(0.05)

    def _encode(self, documents):
        rounded = np.clip(np.rint(documents.vectors / self.step), -20, 20) * self.step
        return super()._encode(Ragged(rounded.astype(np.float32), documents.offsets))


class SeesSigns(Steady):
    """Compares the signs of queries."""

    def _searcher(self, codes):
        searcher = super()._searcher(codes)
        search = searcher._search
        searcher._search = lambda queries, k: search(
            Ragged(np.where(np.abs(queries.vectors) > 1e-2, queries.vectors, 0), queries.offsets), k
        )
        return searcher


class LosesOneDirection(Steady):
    """Leaves out a part of what is along the mean, as a code of few levels does."""

    def _encode(self, documents):
        along = documents.vectors.sum(axis=1, keepdims=True)
        shares = np.random.default_rng(0).uniform(0, 0.5, along.shape) * (np.abs(along) > 1.5)
        return super()._encode(
            Ragged((documents.vectors - shares * along / documents.dim).astype(np.float32), documents.offsets)
        )


class NeedsUnitVectors(Steady):
    def _fit(self, documents, seed):
        lengths = np.linalg.norm(documents.vectors, axis=1)
        if lengths.max() > 1.5 * lengths.min():
            raise MethodError("vectors of one length only")
        super()._fit(documents, seed)


class RoundsByTheLargest(Steady):
    """One step for all dimensions, of which the largest value makes 12."""

    def _encode(self, documents):
        vectors = documents.vectors
        step = np.abs(vectors).max(axis=1, keepdims=True) / 6
        rounded = np.rint(vectors / np.where(step > 0, step, 1)) * step
        return super()._encode(Ragged(rounded.astype(np.float32), documents.offsets))


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_is_the_same_at_every_call_and_leaves_its_input_alone(name):
    before = [each.vectors.copy() for each in BOTH]
    made, again = KINDS[name].make(*BOTH), KINDS[name].make(*BOTH)
    for one, other, given, untouched in zip(made, again, BOTH, before):
        one.check(given.dim, "sets")
        assert one.vectors.dtype == np.float32
        assert np.array_equal(one.vectors, other.vectors)
        assert np.array_equal(given.vectors, untouched)
        assert len(one) == len(given)


def test_kinds_have_the_properties_for_which_they_are_named():
    made = {name: kind.make(*BOTH) for name, kind in KINDS.items()}
    padded = made["padded documents"][0]
    assert np.array_equal(padded.without_zeros().vectors, BOTH[0].vectors)
    assert 0.3 < padded.zeros().mean() < 0.4
    assert padded.zeros()[0] != padded.zeros()[padded.offsets[1]]
    assert made["padded documents"][1] is BOTH[1]
    assert np.array_equal(made["padded queries"][1].without_zeros().vectors, BOTH[1].vectors)
    for name, factors in {"all x 1e-3": (1e-3, 1e-3), "all x 100": (100, 100), "queries x .01": (1, 0.01)}.items():
        for sets_, given, factor in zip(made[name], BOTH, factors):
            np.testing.assert_allclose(sets_.vectors, given.vectors * factor, rtol=1e-6)
    lengths = np.linalg.norm(made["one vector x 100"][0].vectors, axis=1)
    assert np.sum(lengths > 99) == 1
    cone = made["average cosine .75"][0].vectors
    assert (cone @ cone.T).mean() == pytest.approx(0.75, abs=0.02)
    rogue = made["rogue dimensions"][0].vectors
    np.testing.assert_allclose(rogue, unit(rogue), atol=1e-6)
    assert np.sort(rogue.std(axis=0))[-2] > 8 * np.median(rogue.std(axis=0))


def test_a_method_that_follows_the_vectors_loses_nothing_on_any_kind():
    robustness.check_kinds(Subject(Steady), *BOTH)
    assert max(loss.lost for loss in robustness.losses_of(Subject(Steady), *BOTH)) < 0.01


LOSES_ON = [
    (LearnsPadding, "padded documents"),
    (Rounds, "all x 1e-3"),
    (Rounds, "all x 100"),
    (SeesSigns, "queries x .01"),
    (LosesOneDirection, "average cosine .75"),
    (RoundsByTheLargest, "rogue dimensions"),
    (NeedsUnitVectors, "one vector x 100"),
]


@pytest.mark.thorough
@pytest.mark.parametrize(("broken", "kind"), LOSES_ON)
def test_a_method_that_loses_on_a_kind_is_noticed(broken, kind):
    with pytest.raises(
        AssertionError, match=rf"recall@10 falls: .*{kind}, \d+ B: ([01]\.\d+ to 0|refused, vectors of)"
    ):
        robustness.check_kinds(Subject(broken), *BOTH)


def declaring(cls, reasons):
    return type("Declared", (cls,), {"kind_exceptions": reasons})


@pytest.mark.parametrize("key", ["one vector x 100", "lengths"])
def test_a_loss_is_declared_by_kind_or_group(key):
    cls = declaring(NeedsUnitVectors, {key: "made for unit vectors"})
    robustness.check_kinds(Subject(cls), *BOTH)


@pytest.mark.thorough
def test_a_third_party_is_held_to_every_kind():
    with pytest.raises(AssertionError, match=r"NeedsUnitVectors: keeps_its_recall_on_every_kind: recall@10 falls"):
        check_method(NeedsUnitVectors)
    assert check_method(declaring(NeedsUnitVectors, {"lengths": "made for unit vectors"}))


@pytest.mark.parametrize(
    ("reasons", "message"),
    [
        ({"padded queries": "?"}, "'padded queries', where nothing is lost; take it out"),
        ({"padded": "?"}, "'padded'; use one of padded documents; "),
        ({"padded queries, ip": "?"}, "'padded queries, ip'; use one of"),
        ({"padded queries": " "}, "'padded queries'] gives no reason"),
    ],
)
def test_an_exception_that_is_needless_unknown_or_unexplained_fails(reasons, message):
    with pytest.raises(AssertionError) as raised:
        robustness.check_kinds(Subject(declaring(Steady, reasons)), *BOTH)
    assert message in str(raised.value)
