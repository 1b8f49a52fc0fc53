"""Names of tests can be read at a glance."""

import re
from pathlib import Path

LONGEST = 69


def test_names_of_tests_are_below_70_characters():
    files = sorted(Path(__file__).parent.rglob("test_*.py"))
    names = {name: path for path in files for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)}
    assert len(names) > 1000
    assert {path.name: name for name, path in names.items() if len(name) > LONGEST} == {}
