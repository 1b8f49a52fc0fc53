"""The pages in docs/ are true: their commands run or can be composed, their code runs, their links lead somewhere.

Commands in blocks marked ``sh`` and code in blocks marked ``python`` run, in the order in which they stand. Commands in
blocks marked ``text`` take long or name a reader's files: these are composed and parsed, up to where work begins.
"""

import argparse
import csv
import importlib
import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob

from bench import commands, composition, flags, named_files, records
from bench.arguments import in_order
from bench.config import RunConfig
from bench.records.frame import COLUMNS
from methods import registry
from methods.budget import Budget

ROOT = Path(__file__).resolve().parents[1]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *DOCS]
BLOCK = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
RUNNING = [page for page in DOCS if {"sh", "python"} & {kind for kind, _ in BLOCK.findall(page.read_text())}]

PACKED = ("squad-sentences-mini", "ml-100k")  # published records that the pages' commands find here; all take minutes


def name(page):
    return page.stem


# As many processes run the pages: every start of one costs seconds.
GROUPS = [RUNNING[first::4] for first in range(4)]

# Runs commands one after another as Python would run each, in one process.
ONE_AFTER_ANOTHER = """
import json, os, runpy, sys
import runs_here
from hydra.core.global_hydra import GlobalHydra
from bench.execution import sweep

runs_here.use()
for folder, kind, rest in json.loads(sys.argv[1]):
    os.chdir(folder)
    GlobalHydra.instance().clear()
    sweep.SWEEPS.clear()
    sys.argv = list(rest)
    try:
        if kind == "-m":
            runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
        else:
            exec(rest[0], {"__name__": "__main__"})
    except SystemExit as ended:
        if ended.code:
            sys.exit(f"{os.path.basename(folder)}: {' '.join(rest)}: exit status {ended.code}")
"""


def commands_of(kind, block):
    """What a block runs: ("-m", [module, argument, ...]) or ("-c", [code])."""
    if kind == "python":
        return [("-c", [block])]
    if kind != "sh":
        return []
    lines = [shlex.split(line, comments=True) for line in block.splitlines() if line]
    assert all(words[0] == "python" and words[1] in ("-m", "-c") for words in lines)
    return [(words[1], words[2:]) for words in lines]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache of data sets' exact neighbors that all pages share."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.thorough
@pytest.mark.integration
@pytest.mark.parametrize("pages", GROUPS, ids=lambda pages: ",".join(map(name, pages)))
def test_commands_and_code_of_pages_run(pages, tmp_path, cache):
    """Blocks of a page in their order, in a folder of its own; all in one process, where runs are measured too."""
    commands = []
    for page in pages:
        published = tmp_path / name(page) / "results" / "published"
        published.mkdir(parents=True)
        for source in (ROOT / "results" / "published").glob("*"):
            if source.name.startswith(PACKED):
                (published / source.name).symlink_to(source)
        blocks = BLOCK.findall(page.read_text())
        commands += [(str(tmp_path / name(page)), *each) for kind, block in blocks for each in commands_of(kind, block)]
    path = os.pathsep.join(map(str, (ROOT, ROOT / "tests" / "support")))
    env = {**os.environ, "PYTHONPATH": path, "BENCH_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
    program = [sys.executable, "-c", ONE_AFTER_ANOTHER, json.dumps(commands)]
    done = subprocess.run(program, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"


def commands_to_check():
    """Lines of blocks that do not run, each once, but for the README's example, which test_readme.py runs."""
    known = {}
    for page in PAGES:
        for kind, block in BLOCK.findall(page.read_text()):
            if kind in ("", "text"):
                for line in block.splitlines():
                    words = shlex.split(line, comments=True)
                    if words and "sign_norm" not in line:
                        known.setdefault(tuple(words), f"{name(page)}: {' '.join(words)}"[:110])
    return [pytest.param(list(words), id=title) for words, title in known.items()]


@pytest.mark.thorough
@pytest.mark.parametrize("words", commands_to_check())
def test_a_command_that_does_not_run_here_is_right(words, monkeypatch):
    while re.fullmatch(r"[A-Z_]+=\S+", words[0]):
        words = words[1:]
    tool, *rest = words
    if tool == "make":
        makefile = (ROOT / "Makefile").read_text()
        for name, variable, _ in (word.partition("=") for word in rest):
            assert (f"$({name})" if variable else f"\n{name}:") in makefile
    elif tool == "pip":
        assert rest[:-1] == ["install"]
        extra = re.fullmatch(r"\.(?:\[(\w+)\])?", rest[-1])
        assert extra is not None
        assert extra[1] is None or f"\n{extra[1]} = [" in (ROOT / "pyproject.toml").read_text()
    elif rest[:2] == ["-m", "pytest"]:
        assert all((ROOT / word).exists() for word in rest[2:] if not word.startswith("-"))
    elif rest[:2] == ["-m", "bench"] and (command := commands.COMMANDS.get(rest[2])) and command.module:
        parse(command.module, rest[3:], monkeypatch)
    elif rest[:1] == ["-m"] and (tool, rest[1]) == ("python", "bench"):
        for config in composed(rest[2:]):
            check(config)
    elif rest[:1] == ["-m"]:
        assert tool == "python"
        parse(rest[1], rest[2:], monkeypatch)
    else:
        assert tool == "python"
        assert (ROOT / rest[0]).exists()


def composed(arguments):
    """The configurations of a run or sweep: each value of each option that is swept over, once."""
    if arguments[0] in ("run", "sweep"):
        arguments = ["-m"] * (arguments[0] == "sweep") + arguments[1:]
    flags.check(arguments, commands.COMMANDS)
    options = [word for word in in_order(named_files.named(arguments)) if not word.startswith("-")]
    composition.register_configs()
    choices = [values(override) for override in OverridesParser.create().parse_overrides(options)]
    GlobalHydra.instance().clear()
    with initialize_config_module("conf", version_base="1.3"):
        for run in range(max(map(len, choices))):
            config = compose("config", [each[run % len(each)] for each in choices])
            yield composition.run_config(config)


def values(override):
    """An override for each value of it."""
    if not override.is_sweep_override():
        return [override.input_line]
    if isinstance(override.value(), Glob):  # test_method_configs.py looks at every method
        return [f"{override.key_or_group}={registry.names()[0]}"]
    return [f"{override.key_or_group}={each}" for each in override.sweep_string_iterator()]


def check(config):
    """What a run looks at before it loads vectors."""
    RunConfig.from_dict({**config.to_dict(), "jobs": 1}).check()  # this machine may have fewer cores than a reader's
    Budget(config.budget)
    method = dict(config.method)
    known = registry.parameters(method.pop("name"))
    assert set(method) <= set(known)


class Parsed(BaseException):
    """The arguments are right; nothing is done with them."""


def parse(module, arguments, monkeypatch):
    """Go through the module's own parser, and stop there."""

    def stopping(known):
        def parse_args(self, *given, **options):
            known(self, *given, **options)
            raise Parsed

        return parse_args

    for name in ("parse_args", "parse_intermixed_args"):
        monkeypatch.setattr(argparse.ArgumentParser, name, stopping(getattr(argparse.ArgumentParser, name)))
    monkeypatch.setattr(sys, "argv", [module, *arguments])
    main = importlib.import_module(module if module == "bench.subsample" else f"{module}.__main__").main
    with pytest.raises(Parsed):
        main()


def anchors(page):
    """The fragments by which a page's headings and marked places are linked, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)">', text))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_of_a_page_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in link:
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not fragment or fragment in anchors(target), link


def test_the_index_links_every_page():
    index = (ROOT / "docs" / "README.md").read_text()
    assert all(f"]({page.name})" in index for page in DOCS if page.name != "README.md")
    published = (ROOT / "results" / "published").glob("*.md")
    assert all(f"](../results/published/{page.name})" in index for page in published)


def script(file):
    """A program of results/scripts as a module."""
    spec = importlib.util.spec_from_file_location(file, ROOT / "results" / "scripts" / f"{file}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_columns_of_a_frame_are_those_of_its_page():
    table = [f"| `{name}` | {meaning} |" for name, (meaning, _) in COLUMNS.items()]
    assert "| column | meaning |\n|---|---|\n" + "\n".join(table) in (ROOT / "docs" / "python.md").read_text()


def test_quoted_tables_are_those_of_the_published_records():
    quotes = script("quotes")
    common = quotes.best_table(quotes.COMMON_DIRECTION[0])
    for page, table in (
        ("README.md", quotes.best_table()),
        ("README.md", quotes.first_five()),
        ("docs/embeddings.md", common),
        ("docs/frontier.md", quotes.frontier_table()),
    ):
        assert len(table) > 2
        assert "\n".join(table) in (ROOT / page).read_text(), f"{page} is older than the records; run make publish"


def test_tables_of_trained_methods_are_those_of_what_was_measured():
    page = (ROOT / "docs" / "trained.md").read_text()
    for name, lines in script("trained").sections().items():
        assert len(lines) > 2
        assert "\n".join(lines) in page, f"the table {name} is older than results/trained; run make publish"


def test_the_table_of_adaptors_is_that_of_what_was_measured():
    adaptors = script("adaptors")
    with adaptors.TABLE.open(newline="") as file:
        table = adaptors.shown(list(csv.DictReader(file)))
    assert len(table) > 2
    assert "\n".join(table) in (ROOT / "docs" / "layers.md").read_text(), "run make publish"


def test_a_trained_run_stands_beside_the_one_with_its_options():
    trained = script("trained")
    measured = list(records.find([trained.TRAINED]))
    learned = next(record for record in measured if record.method.name == "distill_pq")
    plain = next(record for record in measured if record.method.name == "opq")
    other = replace(plain, method=replace(plain.method, requested={**plain.method.requested, "iterations": 5}))
    assert trained.without(learned, [other, plain]) is plain
    with pytest.raises(SystemExit, match="0 runs of opq"):
        trained.without(learned, [other])


def test_the_five_to_start_with_are_what_the_readme_says_of_them():
    groups = script("quotes").groups_of("squad-sentences")
    assert {row.label: row.told_from_best for row in groups["4x"]}["int8"] is False
    at_16x = groups["16x"]
    first = {row.label: row for row in at_16x[:10]}
    assert all(rows[0].label == "rq_trellis" for rows in groups.values() if len(rows) > 10)
    assert min(first, key=lambda name: first[name].cost("encode us")) == "transform_coding"
    assert min(first, key=lambda name: first[name].latency("p50")) == "transform_coding"
    keeping = {row.label: row.latency("p50") for row in at_16x if row.worth > 0.8}
    assert min(keeping, key=keeping.get) == "pq_fastscan"


def test_the_list_of_methods_is_the_registry_s():
    assert (ROOT / "docs" / "methods.md").read_text() == script("methods_page").page(), "run make docs"
