"""The pages in docs/ are true: their commands run, in the order in which they stand, and so does their code."""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.records.frame import COLUMNS

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("adding", "embeddings", "measuring", "python", "reading-a-report")


@pytest.mark.integration
@pytest.mark.parametrize("page", PAGES)
def test_commands_and_code_of_a_page_run(page, tmp_path):
    shutil.copytree(ROOT / "results" / "published", tmp_path / "results" / "published")
    env = {**os.environ, "PYTHONPATH": str(ROOT), "BENCH_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    text = (ROOT / "docs" / f"{page}.md").read_text()
    ran = 0
    for kind, block in re.findall(r"```(sh|python)\n(.*?)```", text, re.DOTALL):
        if kind == "python":
            commands = [[sys.executable, "-c", block]]
        else:
            commands = [[sys.executable, *shlex.split(line)[1:]] for line in block.splitlines() if line]
            assert all(line.startswith("python ") for line in block.splitlines() if line)
        for command in commands:
            done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{shlex.join(command[1:])}\n{done.stdout}\n{done.stderr}"
            ran += 1
    assert ran >= 3


@pytest.mark.parametrize("page", PAGES)
def test_links_of_a_page_lead_somewhere(page):
    text = (ROOT / "docs" / f"{page}.md").read_text()
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / "docs" / link).exists(), link


def test_the_columns_of_a_frame_are_those_of_its_page():
    table = [f"| `{name}` | {meaning} |" for name, (meaning, _) in COLUMNS.items()]
    assert "| column | meaning |\n|---|---|\n" + "\n".join(table) in (ROOT / "docs" / "python.md").read_text()


def test_quoted_tables_are_those_of_the_published_records():
    spec = importlib.util.spec_from_file_location("quotes", ROOT / "results" / "scripts" / "quotes.py")
    quotes = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(quotes)
    for page, table in (("README.md", quotes.best_table()), ("docs/frontier.md", quotes.frontier_table())):
        assert len(table) > 2
        assert "\n".join(table) in (ROOT / page).read_text(), f"{page} is older than the records; run make publish"
