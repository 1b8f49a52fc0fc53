"""Where no browser is, continuous integration installs one, or says why the tests of the page are skipped."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / ".ci" / "browser"
BASH = shutil.which("bash")


@pytest.fixture
def program(tmp_path):
    """Put a program of one line of shell onto a path that has nothing else; run the script there."""
    os.symlink(shutil.which("timeout"), tmp_path / "timeout")

    def put(name, line):
        (tmp_path / name).write_text(f"#!{BASH}\n{line}\n")
        (tmp_path / name).chmod(0o755)

    def run():
        return subprocess.run([BASH, SCRIPT], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=True)

    put.run = run
    return put


def test_a_browser_that_is_there_is_enough(program):
    program("chromium", "exit 1")
    assert program.run().stderr == ""


def test_root_gets_a_browser_from_debian(program, tmp_path):
    program("id", "echo 0")
    program("apt-get", f"echo $@ >> {tmp_path}/asked")
    assert program.run().stderr == ""
    assert (tmp_path / "asked").read_text() == "install -y -qq --no-install-recommends chromium\n"


def test_lists_of_packages_are_fetched_when_the_first_attempt_fails(program, tmp_path):
    program("id", "echo 0")
    program("apt-get", f"[ $1 = update ] && : > {tmp_path}/updated; [ -e {tmp_path}/updated ]")
    assert program.run().stderr == ""


@pytest.mark.parametrize(
    ("programs", "reason"),
    [
        ({"id": "echo 1000"}, "only root can install one"),
        ({"id": "echo 0"}, "no apt-get to install one"),
        ({"id": "echo 0", "apt-get": "exit 100"}, "apt-get install chromium failed"),
    ],
)
def test_where_no_browser_can_be_installed_the_reason_is_printed(program, programs, reason):
    for name, line in programs.items():
        program(name, line)
    assert "tests of the page in a browser are skipped: " in program.run().stderr
    assert reason in program.run().stderr
