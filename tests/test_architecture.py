"""Imports run one way, in no circle, and past no family's contract; heavy packages stay out of start-up."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from methods.registry import SHARED

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("bench", "methods", "hydra_plugins", "results/scripts")
LAYERS = ("methods.kernels", "methods", "bench")  # each may import itself and what stands before it
TRACKS = ("multivector", "tables")  # families whose contracts the harness knows beside that of dense methods

Graph = Mapping[str, set[str]]


def sources() -> dict[str, str]:
    """The text of every file of the project, by its module's name."""
    return {_name(path): path.read_text() for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))}


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[0] == "results":
        return parts[-1]  # programs, which import each other so
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def graph_of(texts: Mapping[str, str]) -> Graph:
    """Which of these modules each imports: at the top, in functions, or for type checkers only."""
    return {name: {other for other in _imports(name, text, texts) if other != name} for name, text in texts.items()}


def _imports(name: str, text: str, known: Mapping[str, str]) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively; write the whole name"
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                yield from [other for other in (inside, node.module) if other in known][:1]


def circle(graph: Graph) -> str:
    """A circle of imports, from its first module in the alphabet; nothing if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        around = error.args[1][:0:-1]  # from importer to imported, without the end that is the beginning
        first = around.index(min(around))
        return " -> ".join([*around[first:], *around[:first], around[first]])
    return ""


def against_the_direction(graph: Graph) -> list[str]:
    """Imports other than bench -> methods -> methods.kernels."""
    return [f"{a} -> {b}" for a in sorted(graph) for b in sorted(graph[a]) if _layer(a) < _layer(b)]


def _layer(name: str) -> int:
    return next((at for at, layer in enumerate(LAYERS) if _is_in(name, layer)), len(LAYERS))


def _is_in(name: str, package: str) -> bool:
    return f"{name}.".startswith(f"{package}.")


def past_the_contract(graph: Graph, families: set[str]) -> list[str]:
    """Imports of a family's file by any other file of methods/, or by a file of the harness."""
    return [
        f"{a} -> {b}"
        for a in sorted(graph)
        for b in sorted(graph[a])
        if (family := _room(b, "methods")) in families and not _may_see(a, family)
    ]


def _may_see(name: str, family: str) -> bool:
    if _is_in(name, "bench"):
        return family in TRACKS
    return not _is_in(name, "methods") or _room(name, "methods") == family


def _room(name: str, package: str) -> str:
    """The file or folder of ``package`` that a module is, or is in."""
    parts = name.split(".")
    return parts[1] if parts[0] == package and len(parts) > 1 else ""


def families() -> set[str]:
    """Folders of methods/ that hold methods."""
    return {path.parent.name for path in (ROOT / "methods").glob("*/__init__.py")} - SHARED


def named_methods(graph: Graph, texts: Mapping[str, str]) -> list[str]:
    """Imports by the harness of files that register a method."""
    return [
        f"{a} -> {b}"
        for a in sorted(graph)
        for b in sorted(graph[a])
        if _is_in(a, "bench") and "@register(" in texts[b]
    ]


def test_no_files_import_each_other_in_a_circle():
    graph = graph_of(sources())
    assert {"bench.cli", "methods.product.pq", "hydra_plugins.isolated_launcher", "quotes"} <= set(graph)
    assert circle(graph) == ""


def test_imports_run_from_bench_to_methods_to_kernels():
    assert against_the_direction(graph_of(sources())) == []


def test_a_family_is_known_by_its_contract_alone():
    assert {"product", "tables"} <= families()
    assert past_the_contract(graph_of(sources()), families()) == []


def test_the_harness_names_no_method():
    texts = sources()
    assert named_methods(graph_of(texts), texts) == []


@pytest.mark.parametrize(
    "hidden",
    [
        "from bench import a",
        "def f():\n    from bench.a import x",
        "if TYPE_CHECKING:\n    import bench.a",
    ],
)
def test_a_circle_is_named_wherever_its_imports_stand(hidden):
    texts = {"bench.c": hidden, "bench.b": "from bench import c", "bench.a": "import bench.b, os"}
    assert circle(graph_of(texts)) == "bench.a -> bench.b -> bench.c -> bench.a"
    assert circle(graph_of(texts | {"bench.c": "import os"})) == ""


def test_imports_against_the_direction_are_named():
    texts = {
        "methods.kernels.topk": "from methods import base",
        "methods.base": "from methods.kernels import topk\nimport bench",
        "bench": "from hydra_plugins import launcher",
        "hydra_plugins.launcher": "import bench, methods.base",
    }
    wrong = ["bench -> hydra_plugins.launcher", "methods.base -> bench", "methods.kernels.topk -> methods.base"]
    assert against_the_direction(graph_of(texts)) == wrong


def test_imports_past_a_contract_are_named():
    texts = {
        "methods.binary.sign": "from methods.binary import _base\n@register('sign')\nclass Sign: ...",
        "methods.binary._base": "from methods.product.pq import PQ",
        "methods.product.pq": "from methods.registry import register",
        "methods.fitting.choice": "def f():\n    from methods.binary._base import bits",
        "methods.registry": "",
        "bench.tracks.dense": "from methods import registry\nfrom methods.binary.sign import Sign",
        "bench": "import methods.product.pq",
    }
    graph = graph_of(texts)
    assert past_the_contract(graph, {"binary", "product"}) == [
        "bench -> methods.product.pq",
        "bench.tracks.dense -> methods.binary.sign",
        "methods.binary._base -> methods.product.pq",
        "methods.fitting.choice -> methods.binary._base",
    ]
    assert named_methods(graph, texts) == ["bench.tracks.dense -> methods.binary.sign"]


@pytest.fixture(scope="module")
def imported_at_start():
    """Modules that a run of ``pq`` has imported before it begins."""
    code = "import sys, bench.cli, bench.tracks.dense, methods.product.pq; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.split()


@pytest.mark.integration
@pytest.mark.parametrize("heavy", ["torch", "pandas", "matplotlib", "scipy.stats", "pyarrow", "h5py"])
def test_start_up_does_not_import(heavy, imported_at_start):
    """A run of a method that does not need them never pays for them."""
    assert "methods.product.pq" in imported_at_start
    assert heavy not in imported_at_start
