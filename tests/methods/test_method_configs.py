"""The command line takes every method with the parameters that its constructor has, and can say what each means."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_module
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType

import conf
from bench import composition
from methods import registry
from methods.__main__ import main
from methods.docstrings import meanings


@pytest.fixture
def hydra():
    GlobalHydra.instance().clear()
    composition.register_configs()
    with initialize_config_module("conf", version_base="1.3"):
        yield GlobalHydra.instance().hydra


def test_every_method_is_a_choice_and_found_by_a_pattern(hydra):
    options = hydra.config_loader.get_group_options("method", ObjectType.CONFIG)
    assert set(registry.names(None)) <= set(options)
    assert not (Path(conf.__file__).parent / "method").exists()  # or defaults would be written twice


@pytest.mark.parametrize("name", ["bebr", "int4", "muvera", "dhe", "float32"])
def test_a_method_is_composed_with_its_parameters(hydra, name):
    assert compose("config", [f"method={name}"]).method == {"name": name, **registry.parameters(name)}


def test_a_third_party_s_method_is_composed_too(hydra, monkeypatch):
    mine = type("Mine", (registry.get("pq"),), {"name": "mine"})
    monkeypatch.setitem(registry._METHODS, "mine", mine)
    monkeypatch.setitem(ConfigStore.instance().repo["method"], "mine.yaml", None)  # taken out again afterwards
    composition.register_configs()
    assert compose("config", ["method=mine", "method.bits=4"]).method.bits == 4


@pytest.mark.parametrize("name", registry.names(None))
def test_docstrings_say_what_a_parameter_means(name):
    said = meanings(registry.class_of(name, {"center": "offset"}, None)) | meanings(registry.get(name, None))
    assert set(registry.parameters(name)) <= set(said)


def test_a_parameter_is_told_with_its_default_choices_and_meaning(capsys):
    assert main(["sign"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("threshold=")]
    assert line.startswith('threshold="mean"                {"zero", "mean", "median"}: Per dimension, of the')
