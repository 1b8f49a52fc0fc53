"""Errors of options: one line, with the option that was probably meant."""

import pytest

from bench.errors import UsageError
from bench.options import OneLineParser


@pytest.fixture
def parser():
    made = OneLineParser(prog="some command")
    made.add_argument("--budget")
    commands = made.add_subparsers(dest="command")
    commands.add_parser("check").add_argument("--min-recall")
    return made


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["check", "--budgt", "32x"], "there is no option --budgt; did you mean --budget?"),
        (["check", "--min-recoll", ".9"], "there is no option --min-recoll; did you mean --min-recall?"),
        (["check", "budget=32x"], "budget=32x is how parameters are written; write --budget 32x"),
        (["check", "--zzz"], "unrecognized arguments: --zzz; --help names the options"),
        (["chek"], "--help names the options"),
        (["--budget"], "argument --budget: expected one argument; --help names the options"),
    ],
)
def test_a_wrong_option_is_answered_with_the_right_one(parser, arguments, says):
    with pytest.raises(UsageError) as error:
        parser.parse_args(arguments)
    assert says in str(error.value)
    assert "\n" not in str(error.value)
