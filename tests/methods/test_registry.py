"""Names of methods: found by themselves, looked up with suggestions, extended by entry points."""

from __future__ import annotations

import re

import pytest

import methods
from methods import BudgetError, MethodError, Metric, registry
from methods.errors import UnknownMethod
from methods.scalar.float32 import Float32


@pytest.fixture
def own_registry(monkeypatch):
    """Registrations of a test are forgotten after it."""
    registry.names()
    monkeypatch.setattr(registry, "_METHODS", dict(registry._METHODS))
    monkeypatch.setattr(registry, "_LEFT_OUT", {})
    monkeypatch.setattr(registry, "_BROKEN", {})


def test_every_module_registers_without_being_named_anywhere():
    assert {"float32", "sign", "simhash", "itq", "spectral_hashing"} <= set(methods.names())
    assert methods.names() == sorted(methods.names())
    assert all(methods.get(name).name == name for name in methods.names())
    assert not registry._BROKEN


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownMethod, match=r"no method is called 'simhsh'; did you mean simhash"):
        methods.get("simhsh")
    with pytest.raises(UnknownMethod, match=r"`python -m methods` lists all"):
        methods.get("zzzzzz")


def test_an_unknown_parameter_suggests_the_nearest():
    with pytest.raises(MethodError, match=r"sign has no parameter 'treshold'; did you mean threshold\?"):
        methods.for_budget("sign", 32, 4, Metric.IP, treshold="mean")
    with pytest.raises(MethodError, match=r"float32 has no parameter 'bits'; it takes none"):
        methods.for_budget("float32", 32, 128, Metric.IP, bits=8)


def test_an_unknown_metric_names_the_three():
    with pytest.raises(MethodError, match=r"metric='dot' is unknown; use one of ip, cosine, l2"):
        methods.for_budget("float32", 32, 128, "dot")


def test_parameters_are_the_keywords_of_for_budget_with_their_defaults():
    assert registry.parameters("sign") == {"threshold": "mean", "scoring": "hamming"}
    assert registry.parameters("float32") == {}


def test_a_name_is_taken_once(own_registry):
    class Another(Float32):
        pass

    registry.register("another")(Another)
    assert registry.get("another") is Another
    assert registry.register("another")(Another) is Another
    with pytest.raises(MethodError, match=r"the name 'sign' is taken by methods\.binary\.sign\.Sign; choose another"):
        registry.register("sign")(Another)


def test_a_method_comes_in_by_entry_point(own_registry, monkeypatch):
    class Foreign(Float32):
        name = ""

    class Entry:
        name = "foreign"

        def load(self):
            return Foreign

    monkeypatch.setattr(registry.importlib.metadata, "entry_points", lambda group: [Entry()] if group else [])
    registry._discover.__wrapped__()
    assert registry.get("foreign") is Foreign
    assert Foreign.name == "foreign"


class Entry:
    """An entry point of a third party's package."""

    name, value = "mine", "my_package.mine"

    def __init__(self, load):
        self.load = load


@pytest.fixture
def entry_point(own_registry, monkeypatch):
    """``entry_point(load)`` installs one, ``mine = my_package.mine``, and looks for methods again."""

    def install(load):
        entry = Entry(load)
        found = lambda group, name=entry.name: [entry] if name == entry.name else []  # noqa: E731
        monkeypatch.setattr(registry.importlib.metadata, "entry_points", found)
        registry._discover.__wrapped__()

    return install


@pytest.mark.parametrize("error", [ModuleNotFoundError("No module named\n'my_package'"), SystemExit(3)])
def test_a_broken_entry_point_is_named_and_left_out(entry_point, error):
    """One broken package kept every command from starting."""

    def load():
        raise error

    entry_point(load)
    (line,) = registry.left_out()
    named = r"entry point mine of bench\.methods is left out: cannot import my_package\.mine \((Module|System).*un"
    assert re.search(named, line)
    assert "\n" not in line
    assert "sign" in registry.names()
    with pytest.raises(UnknownMethod, match=named):
        methods.get("mine")


def test_an_entry_point_with_a_name_that_is_taken_is_left_out(entry_point):
    class Mine(Float32):
        name = "mine"

    Mine.__module__ = "my_package.mine"

    def load():
        registry.register("sign")(Mine)

    entry_point(load)
    assert "the name 'sign' is taken by methods.binary.sign.Sign; choose another; mend" in registry.left_out()[0]
    assert registry.get("sign").__module__ == "methods.binary.sign"


def test_a_parameter_that_the_budget_decides_is_no_mistake_of_spelling():
    with pytest.raises(
        MethodError, match=r"subquantizers of pq follows from the data and the budget .*; it takes bits"
    ):
        methods.create("pq", 32, "8x", subquantizers=3)
    with pytest.raises(MethodError, match=r"pq has no parameter 'bist'; did you mean bits\?"):
        methods.create("pq", 32, "8x", bist=3)


def test_an_entry_point_without_its_class_says_how_to_register(entry_point):
    entry_point(lambda: methods)
    with pytest.raises(UnknownMethod, match=r"my_package\.mine registers no class .* with register\('mine'\)"):
        methods.get("mine")


def test_missing_optional_dependencies_are_named(own_registry):
    @registry.register("needy")
    class Needy(Float32):
        requires = ("numpy", "no_such_module")

    assert registry.missing_dependencies("needy") == ["no_such_module"]
    assert registry.missing_dependencies("float32") == []


def test_budget_errors_name_method_budget_and_smallest_code():
    with pytest.raises(BudgetError, match=r"float32 cannot go down to 3 bytes a vector; its smallest code is 128 B"):
        methods.for_budget("float32", 32, 3, Metric.IP)


def test_a_name_is_ours_if_a_module_or_its_source_has_it():
    asked = ["pq", "int8", "tt_svd", "scalar", "nothing"]
    assert [name for name in asked if registry.is_own(name)] == ["pq", "int8", "tt_svd"]


@pytest.fixture
def family(own_registry, tmp_path, monkeypatch):
    """``family(bad)``: a folder with ``good.py``, which registers ``good``, and ``bad.py`` with this text; imported."""
    good = "from methods.registry import register\nfrom methods.scalar.float32 import Float32\n"
    good += '@register("{}")\nclass Mine(Float32):\n    pass\n'

    def write(bad):
        name = f"family_{abs(hash(tmp_path))}"
        for file, text in {"__init__": "", "bad": good.format("bad") + bad, "good": good.format("good")}.items():
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / f"{file}.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr(registry, "_own_module", {"bad": f"{name}.bad", "good": f"{name}.good"}.get)
        registry._import_all(name)

    return write


@pytest.mark.parametrize(
    ("bad", "place"),
    [
        ("def f(:\n", r"bad\.py:6: SyntaxError: invalid syntax"),
        ("import no_such_module\n", r"bad\.py:6: ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise SystemExit(3)\n", r"bad\.py:6: SystemExit: 3"),
    ],
)
def test_a_broken_file_is_named_and_hides_no_other(family, bad, place):
    """A typing error in one method's file kept the checks of every other from starting."""
    family(bad)
    assert registry.get("good").name == "good"
    assert "bad" not in registry.names(None)
    (line,) = registry.left_out()
    assert re.search(rf"left out: \S+\.bad: .*{place}$", line)
    with pytest.raises(UnknownMethod, match=rf"the method 'bad' cannot be imported: .*{place}"):
        registry.get("bad")
