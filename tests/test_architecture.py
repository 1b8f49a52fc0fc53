"""Imports run one way: bench -> methods -> methods.kernels; no cycles; heavy packages stay out of start-up."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("bench", "methods")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(p): p for package in PACKAGES for p in sorted((ROOT / package).rglob("*.py"))}


def imports(path: Path, top_level_only: bool) -> set[str]:
    """Modules of this project that a file imports."""
    tree = ast.parse(path.read_text())
    nodes = _outside_functions(tree) if top_level_only else ast.walk(tree)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively; write the whole name"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in MODULES else node.module)
    return {name for name in found if name in MODULES}


def _outside_functions(node: ast.AST):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) or _is_type_checking(child):
            continue
        yield child
        yield from _outside_functions(child)


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def test_the_project_is_found():
    assert {"bench.cli", "methods.base", "methods.registry", "methods.product.pq"} <= set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_imports_run_one_way(name):
    inside = imports(MODULES[name], top_level_only=False)
    if name.startswith("methods.kernels"):
        assert all(other.startswith("methods.kernels") for other in inside), f"{name} imports {inside}"
    elif name.startswith("methods"):
        assert not [other for other in inside if other.startswith("bench")], f"{name} imports {inside}"


def test_no_module_of_the_harness_names_a_method():
    """What the harness knows of methods is their contract: it imports no method's file."""
    shared = {"base", "errors", "registry", "vectors", "checks", "compose", "kernels", "parameters", "budget"}
    shared |= {"multivector.base", "multivector.ragged", "multivector.rescore"}
    shared |= {"tables.base", "tables.training", "tables._training"}
    allowed = {f"methods.{name}" for name in shared} | {"methods", "methods.multivector"}
    for name, path in MODULES.items():
        if name.startswith("bench"):
            for other in imports(path, top_level_only=False):
                rooms = other.split(".")
                parents = {".".join(rooms[: end + 1]) for end in range(1, len(rooms))} | {other}
                assert not other.startswith("methods") or parents & allowed, f"{name} imports {other}"


def test_no_import_cycle():
    graph = {name: imports(path, top_level_only=True) for name, path in MODULES.items()}
    state: dict[str, str] = {}

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if state.get(name) == "done":
            return
        assert state.get(name) != "open", " -> ".join((*trail[trail.index(name) :], name))
        state[name] = "open"
        for other in sorted(graph[name] - {name}):
            visit(other, (*trail, name))
        state[name] = "done"

    for name in graph:
        visit(name, ())


@pytest.mark.integration
@pytest.mark.parametrize("heavy", ["torch", "pandas", "matplotlib", "scipy.stats", "pyarrow", "h5py"])
def test_start_up_does_not_import(heavy):
    """A run of a method that does not need them never pays for them."""
    code = f"import sys, bench.cli, bench.tracks.dense, methods.product.pq; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0
