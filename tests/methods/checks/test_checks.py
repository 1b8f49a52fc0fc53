"""Every registered method passes every check, and every check can fail."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from methods import MethodError
from methods.checks import check_method, checks, parametrize


def load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


toys, toys_of_kinds = load("toys"), load("toys_of_kinds")
BROKEN = [*toys.BROKEN, *toys_of_kinds.BROKEN]
BY_NAME = {check.name: check for check in checks()}


@parametrize()
def test_method_passes(method, check):
    check(method)


@pytest.mark.thorough
@pytest.mark.parametrize("sound", [toys.Toy, toys_of_kinds.Steady])
def test_a_sound_codec_passes_all_checks(sound):
    outcome = check_method(sound)
    assert list(outcome) == list(BY_NAME)
    assert set(outcome.values()) == {"passed"}


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "broken"), [pytest.param(n, c, id=f"{c.__name__}-{n}") for n, c in BROKEN])
def test_a_broken_codec_fails_its_check(name, broken):
    with pytest.raises(AssertionError, match=rf"^{broken.__name__}: {name}: .+"):
        BY_NAME[name](broken)


def test_a_parameter_without_a_meaning_fails():
    class Unsaid(toys.Toy):
        @classmethod
        def for_budget(cls, dim, code_bytes, metric, *, depth=3):
            return super().for_budget(dim, code_bytes, metric)

    with pytest.raises(
        AssertionError, match="docstring does not say what depth means; say it in a section 'Parameters'"
    ):
        BY_NAME["describes_itself"](Unsaid)


def test_a_method_that_trains_and_has_no_fit_is_told_what_to_write():
    with pytest.raises(AssertionError, match=r"there is no _fit; write the one that learns .*, or trains = False"):
        BY_NAME["describes_itself"](toys.TrainsWithoutFit)


@pytest.mark.parametrize(
    ("module", "family"),
    [
        ("methods.binary.toy", "binary"),
        ("methods.reduction.toy", "dimension reduction"),
        ("methods.binary.toy", "identity"),
        ("their_methods.toy", "toy"),
        ("toy", "toy"),
    ],
)
def test_a_family_is_its_folder_or_of_another_package(module, family):
    BY_NAME["family_is_its_folder"](type("Other", (toys.Toy,), {"__module__": module, "family": family}))


def test_a_family_beside_its_folder_is_told_both():
    with pytest.raises(AssertionError, match=r"'family' is 'toy' and its folder methods/binary; move .* or say 'bin"):
        BY_NAME["family_is_its_folder"](toys.InAnotherFolder)


@pytest.mark.parametrize(
    ("metrics", "said"),
    [({"euclid"}, "'metrics' has none of ip, cosine, l2"), ({"ip", "euclid"}, "'metrics' has others than ip")],
)
def test_a_metric_that_there_is_not_is_named(metrics, said):
    with pytest.raises(AssertionError, match=said):
        BY_NAME["describes_itself"](type("Other", (toys.Toy,), {"metrics": frozenset(metrics)}))


def test_a_size_below_any_code_is_told_as_the_author_wrote_it():
    with pytest.raises(
        AssertionError, match=r"a budget of 0 bytes is accepted, with code_size=1; .* _sized has to choose"
    ):
        BY_NAME["batches_encode_as_one"](toys.TakesZeroBytes)


def test_every_check_has_a_codec_that_fails_it():
    assert {name for name, _ in BROKEN} == set(BY_NAME)


@pytest.mark.thorough
def test_check_method_stops_at_the_first_failure():
    with pytest.raises(AssertionError, match="DecodesToFloat64: decodes_to_finite_float32_or_says_not"):
        check_method(toys.DecodesToFloat64)


def test_a_declared_exception_is_reported_with_its_reason():
    class Declared(toys.DecodesToFloat64):
        check_exceptions = {"decodes_to_finite_float32_or_says_not": "doubles are the point"}  # noqa: RUF012

    outcome = check_method(Declared)
    assert outcome.pop("decodes_to_finite_float32_or_says_not") == "exempt: doubles are the point"
    assert set(outcome.values()) == {"passed"}


def test_an_exception_from_an_unknown_check_or_without_reason_is_refused():
    class Misspelt(toys.Toy):
        check_exceptions = {"decodes": "?"}  # noqa: RUF012

    class Unexplained(toys.Toy):
        check_exceptions = {"describes_itself": ""}  # noqa: RUF012

    with pytest.raises(MethodError, match="'decodes', which is no check"):
        check_method(Misspelt)
    with pytest.raises(MethodError, match="gives no reason"):
        check_method(Unexplained)


def test_parametrize_names_cases_by_method_and_check():
    def case(method, check): ...

    mark = parametrize("float32", toys.Toy)(case).pytestmark[0]
    ids = [param.id for param in mark.args[1]]
    assert "float32-refit_is_deterministic" in ids
    assert "Toy-refit_is_deterministic" in ids
    assert len(ids) == 2 * len(BY_NAME)


def test_checks_use_the_parameters_that_a_method_names_for_them():
    seen = []

    class Slow(toys.Toy):
        check_params = {"epochs": 2}  # noqa: RUF012

        @classmethod
        def for_budget(cls, dim, code_bytes, metric, *, epochs=1000):
            seen.append(epochs)
            return super().for_budget(dim, code_bytes, metric)

    BY_NAME["recall_is_far_above_chance"](Slow)
    assert set(seen) == {2}
