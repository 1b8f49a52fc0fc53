"""Plain words: American spelling, and no word of a private vocabulary where the field has a term."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXTS = {".css", ".html", ".ini", ".js", ".md", ".py", ".toml", ".yaml", ".yml"}
PENDING = ("results/published/",)  # generated from measurements
PROGRAMS = ("bench/", "methods/", "hydra_plugins/", "results/scripts/")

# Anywhere: in names, comments, documentation and messages.
BRITISH = re.compile(
    r"neighbour|colour|behaviour|favour(?!it)|centre|centring|labell(?!edby)|minimis|maximis|optimis[eai]|normalis|"
    r"initialis|quantis|specialis|regularis|summaris|generalis|parametris|serialis|tokenis|\bgrey\b"
)

# In comments, docstrings and pages: the phrase, and what the field says.
PRIVATE = {
    r"leaves? over|left over": "residual",
    r"given out": "allocated",
    r"turned (?:axes|quer(?:y|ies)|vectors?)|turned to(?:wards)? (?:the|their) (?:principal )?axes": "rotated",
    r"told apart|told from|tells? [\w' ]{1,40} apart": "distinguished",
    r"in the mean": "on average",
    r"about the (?:mean|usual|median|center|origin)": "around the mean",
    r"the usual (?:one|factor|square|length|scale)": "median",
    r"taken apart|takes? [\w' ]{1,40} apart": "unpacked",
    r"put together of": "the sum, written as a formula",
    r"turned down": "rejected",
    r"by turns": "alternating",
    r"at hand": "available, present",
    r"is worth|are worth|be worth|was worth|worth a|worth (?:its|their)": "gain",
    r"alike": "equal, similar, equally",
    r"asked for": "requested",
}
ANY_PRIVATE = re.compile(rf"\b(?:{'|'.join(f'({phrase})' for phrase in PRIVATE)})\b", re.IGNORECASE)

# Locals and parameters of programs that do not say what they hold.
EMPTY_NAMES = {"found", "asked", "held", "told", "worth", "alike", "whole"}
ANY_EMPTY = re.compile(rf"\b(?:{'|'.join(EMPTY_NAMES)})\b *(?:[,:)=]|[+|]=|in )")

# (file, word): why it stays.
EXCEPTIONS = {
    ("CHANGELOG.md", "centre"): "the earlier name of a saved part",
    ("bench/datasets/distances.py", "normalis"): "a name of the cosine in others' files",
    ("methods/multivector/single_vector_heuristic.py", "neighbour"): "a recorded parameter",
    ("bench/datasets/builders/fashion_mnist.py", "grey"): "the title in a data set's card, which records hold",
    ("bench/datasets/builders/photographs.py", "grey"): "the name of a file in another's package",
    ("docs/methods.md", "neighbour"): "a recorded parameter",
    ("methods/transform/rq_trellis/codec.py", "centre"): "the earlier name of a saved part",
    ("tests/methods/test_storage.py", "centre"): "the earlier name of a saved part",
    ("tests/methods/compose/test_centered.py", "centre"): "a misspelled parameter",
    ("tests/bench/test_bad_input.py", "centre"): "a misspelled parameter",
}


def files() -> dict[str, str]:
    """The text of every file whose words are ours, by its path."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = [name for name in listed.splitlines() if Path(name).suffix in TEXTS and not name.startswith(PENDING)]
    return {name: (ROOT / name).read_text() for name in names if name != "tests/test_words.py"}


def prose(name: str, text: str) -> Iterator[tuple[int, str]]:
    """Lines of comments and docstrings of a program, all lines of another file, each with its number."""
    if not name.endswith(".py"):
        yield from enumerate(text.splitlines(), 1)
        return
    before = tokenize.NEWLINE
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        alone = token.type == tokenize.STRING and before in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
        if token.type == tokenize.COMMENT or alone:
            yield from enumerate(token.string.splitlines(), token.start[0])
        if token.type not in (tokenize.COMMENT, tokenize.NL):
            before = token.type


def faults(name: str, text: str) -> list[str]:
    """One line for each banned word of a file, with what to write instead."""
    wrong = [
        f"{name}:{number}: {match.group()!r} is not American spelling"
        for number, line in enumerate(text.lower().splitlines() if BRITISH.search(text.lower()) else [], 1)
        for match in BRITISH.finditer(line)
        if (name, match.group()) not in EXCEPTIONS
    ]
    wrong += [
        f"{name}:{number}: {match.group()!r}; write {list(PRIVATE.values())[match.lastindex - 1]}"
        for number, line in (prose(name, text) if ANY_PRIVATE.search(text) else [])  # few files are taken to tokens
        for match in ANY_PRIVATE.finditer(line)
    ]
    if name.endswith(".py") and name.startswith(PROGRAMS) and ANY_EMPTY.search(text):
        wrong += [
            f"{name}:{node.lineno}: {label!r} does not say what it is"
            for node in ast.walk(ast.parse(text))
            if (label := _assigned(node)) in EMPTY_NAMES
        ]
    return wrong


def _assigned(node: ast.AST) -> str | None:
    if isinstance(node, ast.arg):
        return node.arg
    return node.id if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else None


def test_words_are_plain_and_spelling_is_american():
    wrong = [line for name, text in files().items() for line in faults(name, text)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("docs/made_up.md", "the nearest neighbours", "not American"),
        ("docs/made_up.md", "codes of what is left over", "write residual"),
        ("methods/made_up.py", "x = 1  # bits given out to axes", "write allocated"),
        ("bench/made_up.py", '"""Scores in the mean."""', "write on average"),
        ("methods/made_up.py", "found = search(queries)", "does not say what it is"),
        ("methods/made_up.py", "def scan(held): ...", "does not say what it is"),
        ("results/scripts/made_up.py", "found = [1]", "does not say what it is"),
    ],
)
def test_a_banned_word_is_named(name, line, message):
    assert [message in fault for fault in faults(name, line + "\n")] == [True]


@pytest.mark.parametrize("line", ['label = "left over"', "x = 1  # the residual", "whole_codes = codes", "y.found = 1"])
def test_other_words_pass(line):
    assert not faults("methods/made_up.py", line + "\n")


def test_exceptions_are_needed():
    texts = files()
    unused = [key for key in EXCEPTIONS if key[1] not in texts[key[0]].lower()]
    assert not unused
