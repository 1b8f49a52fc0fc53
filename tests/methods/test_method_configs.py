"""``conf/method/NAME.yaml`` and ``for_budget`` tell the same parameters with the same defaults."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import conf
from methods import registry

FOLDER = Path(conf.__file__).parent / "method"


@pytest.mark.parametrize("name", registry.names(None))
def test_config_holds_the_parameters_of_the_method(name):
    path = FOLDER / f"{name}.yaml"
    assert path.exists(), f"add conf/method/{name}.yaml with name: {name} and its parameters"
    config = yaml.safe_load(path.read_text())
    assert config.pop("name") == name
    assert config == registry.parameters(name)


def test_no_config_is_without_a_method():
    assert {path.stem for path in FOLDER.glob("*.yaml")} <= set(registry.names(None))
