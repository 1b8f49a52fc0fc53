"""Kinds of vectors are what their names say, and the checks on them notice what loses recall on one."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from methods import registry
from methods.base import Metric
from methods.checks import recalls, robustness
from methods.checks.kinds import KINDS, unit
from methods.checks.recalls import PLAIN, recalls_of, vectors
from methods.checks.subject import Subject
from methods.vectors import as_vectors

_spec = importlib.util.spec_from_file_location("toys_of_kinds", Path(__file__).with_name("toys_of_kinds.py"))
toys = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(toys)


def plain(dim, n=300):
    rng = np.random.default_rng(dim)
    return unit(rng.standard_normal((n, dim))).astype(np.float32), unit(rng.standard_normal((20, dim))).astype(
        np.float32
    )


def declaring(codec, **reasons):
    """A copy of a toy that declares ``reasons``, their names with "_" for a space."""
    named = {name.replace("_", " "): reason for name, reason in reasons.items()}
    return Subject(type("Declared", (codec,), {"kind_exceptions": named}))


# --- the kinds ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [1, 7, 32, 96])
@pytest.mark.parametrize("name", KINDS)
def test_a_kind_is_finite_and_the_same_at_every_call(name, dim):
    base, queries = plain(dim)
    before = base.copy(), queries.copy()
    made, again = (KINDS[name].make(base, queries) for _ in range(2))
    for one, other, given, untouched in zip(made, again, (base, queries), before):
        assert one.shape == given.shape
        assert one.dtype == np.float32
        as_vectors(one, dim)
        assert np.array_equal(one, other)
        assert np.array_equal(given, untouched)


@pytest.mark.parametrize(
    ("name", "cosine"), [("average cosine .5", 0.5), ("average cosine .75", 0.75), ("average cosine .9", 0.9)]
)
@pytest.mark.parametrize("dim", [32, 384])
def test_average_cosine_is_what_the_name_says(name, cosine, dim):
    base, queries = KINDS[name].make(*plain(dim))
    assert np.allclose(np.linalg.norm(base, axis=1), 1, atol=1e-6)
    assert (queries @ base.T).mean() == pytest.approx(cosine, abs=0.02)


def test_kinds_have_the_properties_for_which_they_are_named():
    base, queries = plain(96)
    made = {name: kind.make(base, queries) for name, kind in KINDS.items()}
    lengths = {name: np.linalg.norm(each[0], axis=1) for name, each in made.items()}
    variances = {name: np.sort(np.linalg.eigvalsh(np.cov(each[0].T)))[::-1] for name, each in made.items()}
    cone = made["average cosine .75"]

    assert np.array_equal(made["queries apart"][0], cone[0])
    assert abs((made["queries apart"][1] @ cone[0].T).mean()) < 0.05
    for name, factor in {"queries x .01": 0.01, "queries x 100": 100}.items():
        assert np.array_equal(made[name][0], cone[0])
        assert np.allclose(made[name][1], factor * cone[1], rtol=1e-6)
    assert (made["constant dimension"][0] == made["constant dimension"][0][0]).all(axis=0).sum() == 1
    assert (lengths["zero rows"] == 0).mean() == 0.1
    assert np.log(lengths["lengths vary"]).std() == pytest.approx(0.7, abs=0.1)
    assert lengths["one row x 1000"].max() == pytest.approx(1000, rel=1e-5)
    assert np.median(lengths["one row x 1000"]) == pytest.approx(1, rel=1e-5)
    assert 0.3 < np.sort(made["rogue dimensions"][0].var(axis=0))[-2:].sum() < 0.6
    assert variances["low rank"][:24].sum() > 0.8 * variances["low rank"].sum()
    assert (made["dead dimensions"][0] == 0).all(axis=0).mean() == 0.25
    assert made["nonnegative"][0].min() == 0
    assert np.array_equal(made["integers"][0], made["integers"][0].astype(np.uint8))
    assert len(np.unique(made["duplicates"][0], axis=0)) == pytest.approx(150, abs=3)
    values = made["heavy tails"][0] / made["heavy tails"][0].std()
    assert (values**4).mean() > 6


def test_every_kind_says_which_metrics_show_it():
    for kind in KINDS.values():
        assert kind.shown_by
        assert set(kind.shown_by) <= set(kind.metrics)
        assert kind.what


# --- the checks -----------------------------------------------------------------------------------------------------


def test_a_codec_that_follows_the_vectors_loses_nothing_on_any_kind():
    subject = Subject(toys.Steady)
    robustness.check_kinds(subject, thorough=True)
    robustness.search_finds_what_its_codes_hold(subject)
    assert max(loss.lost for loss in robustness.losses_of(subject, thorough=True)) < 0.02


@pytest.mark.parametrize(("broken", "kind"), toys.LOSES_ON.items(), ids=lambda value: getattr(value, "__name__", value))
def test_a_codec_that_loses_on_a_kind_is_noticed(broken, kind):
    with pytest.raises(AssertionError, match=f"recall@10 falls: .*{kind}, (ip|cosine|l2), 64 B: "):
        robustness.keeps_its_recall_on_every_kind(Subject(broken))


def test_a_search_below_its_own_decoded_vectors_is_noticed():
    with pytest.raises(AssertionError, match=r"decoded vectors: offset, ip, 64 B: 0\.\d+, decoded 1\.000"):
        robustness.search_finds_what_its_codes_hold(Subject(toys.ComparesSigns))


def test_codes_that_do_not_decode_are_searched_only():
    subject = Subject("itq")
    assert not subject.cls.decodable
    robustness.search_finds_what_its_codes_hold(subject)  # raises AssertionError where it fails


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["all_x_1e-4", "all_x_1e-4,_ip", "lengths"])
def test_a_loss_may_be_declared_by_kind_metric_or_group(name):
    reasons = {name: "short vectors are not for it", "all_x_1e-4,_l2": "nor here"}
    with pytest.raises(AssertionError, match="falls: "):
        robustness.keeps_its_recall_on_every_kind(Subject(toys.HasAnAbsoluteEpsilon))
    robustness.keeps_its_recall_on_every_kind(declaring(toys.HasAnAbsoluteEpsilon, **reasons))


def test_a_loss_under_one_metric_does_not_excuse_another():
    subject = declaring(toys.HasAnAbsoluteEpsilon, **{"all x 1e-4, ip": "short vectors are not for it"})
    with pytest.raises(AssertionError, match="falls: all x 1e-4, l2, 64 B") as raised:
        robustness.keeps_its_recall_on_every_kind(subject)
    assert "1e-4, ip" not in str(raised.value)


@pytest.mark.parametrize(
    ("reasons", "message"),
    [
        ({"zero rows": "?"}, "'zero rows', where nothing is lost; take it out"),
        ({"zero row": "?"}, "'zero row'; use one of average cosine .5; "),
        ({"zero rows, cos": "?"}, "'zero rows, cos'; use one of"),
        ({"zero rows": " "}, "'zero rows'] gives no reason"),
    ],
)
def test_an_exception_that_is_needless_unknown_or_unexplained_fails(reasons, message):
    with pytest.raises(AssertionError) as raised:
        robustness.keeps_its_recall_on_every_kind(declaring(toys.Steady, **reasons))
    assert message in str(raised.value)


def test_a_loss_within_chance_does_not_count():
    rng = np.random.default_rng(0)
    assert not robustness.is_more_than_allowed(rng.normal(0.04, 0.5, 400))
    assert robustness.is_more_than_allowed(rng.normal(0.04, 0.1, 400))
    assert not robustness.is_more_than_allowed(np.full(400, 0.03))
    assert robustness.is_more_than_allowed(np.full(400, 0.031))


def test_kinds_of_the_same_base_share_a_codec():
    fits = []

    class Counts(toys.Steady):
        def _fit(self, vectors, seed):
            fits.append(len(vectors))
            super()._fit(vectors, seed)

    subject = Subject(Counts)
    for kind in ("queries x .01", "average cosine .75", "queries x 100"):
        recalls_of(subject).of(kind, Metric.IP, 64)
    recalls_of(subject).of(PLAIN, Metric.IP, 64)
    assert fits == [recalls.N_TRAIN] * 2


def test_ties_are_found_whichever_is_returned():
    base, queries = vectors("duplicates")
    subject = Subject("float32")
    found = recalls_of(subject).of("duplicates", Metric.L2, 128)
    assert found.search.mean() == pytest.approx(1, abs=1e-3)
    assert (len(base), len(queries)) == (recalls.N_BASE, recalls.N_QUERIES)


def test_a_method_lists_its_exceptions(capsys, monkeypatch):
    from methods.__main__ import describe, main

    monkeypatch.setattr(registry.get("sign"), "kind_exceptions", {"lengths vary, ip": "signs have no length"})
    assert describe("sign")["kind_exceptions"] == {"lengths vary, ip": "signs have no length"}
    assert "rogue dimensions" in describe("muvera")["kind_exceptions"]
    assert "kind_exceptions" not in describe("full")
    main(["sign"])
    assert "loses recall on lengths vary, ip: signs have no length" in capsys.readouterr().out
    main(["--check", "sign"])
    assert "exempt  recall on vectors of the kind 'lengths vary, ip': signs have no length" in capsys.readouterr().out


@pytest.mark.thorough
def test_a_loss_by_luck_of_one_draw_does_not_count():
    class Drawn(toys.Steady):
        unlucky = (0,)

        def _fit(self, vectors, seed):
            super()._fit(vectors, seed)
            if np.abs(vectors).max() < 0.01 and seed in self.unlucky:
                self.step_ = 45 * self.step_

    class Always(Drawn):
        unlucky = (0, 1, 2)

    for codec in (Drawn, Always):
        assert any(loss.counts for loss in robustness.losses_of(Subject(codec), thorough=False))
    robustness.keeps_its_recall_on_every_kind(Subject(Drawn))
    with pytest.raises(AssertionError, match="falls: all x 1e-4, ip, 64 B"):
        robustness.keeps_its_recall_on_every_kind(Subject(Always))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in registry.names() if not registry.missing_dependencies(name)])
def test_a_method_keeps_its_recall_under_every_metric(name):
    robustness.check_kinds(Subject(name), thorough=True)
