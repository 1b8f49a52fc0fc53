"""Errors of options: one line, with the option that was probably meant."""

import pytest

from bench.errors import UsageError
from bench.options import OneLineParser


@pytest.fixture
def parser():
    made = OneLineParser(prog="some command")
    made.add_argument("--budget")
    made.add_argument("--json", action="store_true")
    commands = made.add_subparsers(dest="command")
    commands.add_parser("check").add_argument("--min-recall")
    return made


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["check", "--budgt", "32x"], "there is no option --budgt; did you mean --budget?"),
        (["check", "--min-recoll", ".9"], "there is no option --min-recoll; did you mean --min-recall?"),
        (["check", "budget=32x"], "budget=32x is how parameters are written; write --budget 32x"),
        (["check", "--nonsense"], "unrecognized arguments: --nonsense; --help names the options"),
        (["check", "min_recall=.9"], "write --min-recall .9"),
        (["check", "budget="], "write --budget VALUE"),
        (["check", "json=true"], "json=true is how parameters are written; write --json"),
        (["check", "other", "--budgt", "32x"], "did you mean --budget?"),
        (["chek"], "--help names the options"),
        (["--budget"], "argument --budget: expected one argument; --help names the options"),
    ],
)
def test_a_wrong_option_is_answered_with_the_right_one(parser, arguments, says):
    with pytest.raises(UsageError) as error:
        parser.parse_args(arguments)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["budget=32x"], "write --budget 32x"),
        (["--budgt", "32x"], "there is no option --budgt; did you mean --budget?"),
        (["--bud", "32x"], "the following arguments are required: --data; --help names the options"),
    ],
)
def test_an_option_that_is_missing_was_perhaps_written_otherwise(arguments, says):
    parser = OneLineParser(prog="some command")
    parser.add_argument("--budget")
    parser.add_argument("--data", required=True)
    with pytest.raises(UsageError, match=says):
        parser.parse_args(arguments)
