"""``docs/engines.md`` is the catalogue's, and what it says of adding an engine works."""

import importlib.util
import re
from pathlib import Path

import methods
from bench import engines
from bench.engines.reading import read_entry

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "engines.md"


def test_the_page_is_the_catalogue_s():
    spec = importlib.util.spec_from_file_location("engines_page", ROOT / "results" / "scripts" / "engines_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert PAGE.read_text() == module.page(), "run make docs"


def test_every_scheme_is_on_the_page():
    text = PAGE.read_text()
    for name in engines.names():
        section = text[text.index(f'<a id="{name}">') :].partition("\n### ")[0]
        assert all(f"| `{scheme.name}` |" in section for scheme in engines.entry(name).schemes), name


def test_the_example_of_an_engine_is_right():
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (scheme,) = read_entry("acme", example).schemes
    for dim, bits in ((384, 1), (100, 2)):
        variables = {"d": dim, "bits": bits, "l2": 0, "ip": 0}
        size = scheme.code.value(variables) + scheme.factors.value(variables)
        like = size - scheme.over_method.value(variables)
        assert methods.create(scheme.method, dim, like, "cosine", bits=bits).code_size == like
