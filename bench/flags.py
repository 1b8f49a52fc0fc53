"""Words of the command line that Hydra would not understand, answered with the form that it does: ``key=value``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Sequence

from bench.config import NO_ENGINE, RAY, RunConfig
from bench.errors import UsageError

_CFG = ("job", "hydra", "all")
_INFO = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
_TAKES: dict[str, Collection[str]] = {  # Hydra's flags that a value follows, and which values there are (empty: any)
    "--cfg": _CFG,
    "-c": _CFG,
    "--package": (),
    "-p": (),
    "--config-dir": (),
    "-cd": (),
    "--config-name": (),
    "-cn": (),
    "--config-path": (),
    "-cp": (),
    "--experimental-rerun": (),
}
_ALONE = ("-m", "--multirun", "-r", "--run", "--resolve", "--hydra-help", "-sc", "--shell-completion")
_MAY_TAKE = {"--info": _INFO, "-i": _INFO}
_OF_CHOOSING = ("data", "n", "min-recall", "max-p50-ms", "time", "memory", "sample", "save", "json", "methods")
_FORM = "options are key=value, as in method=opq budget=8x; `python -m bench --help` lists them"
_BUDGET = re.compile(r"\d+(\.\d+)?(x|B|bits?)", re.IGNORECASE)
_KEY = re.compile(r"[\w.]+")


def check(arguments: Sequence[str], commands: Collection[str]) -> None:
    """Refuse flags that are none of Hydra's, and words that are no ``key=value``.

    Parameters
    ----------
    arguments : sequence of str
        Behind the command, if there is one.
    commands : collection of str
        Names of commands, which stand first.

    Raises
    ------
    UsageError
        One line with what would be right.
    """
    given: dict[str, str] = {}
    for place, argument in enumerate(arguments):
        before = arguments[place - 1] if place else ""
        if argument.startswith("-") and not _is_number(argument):
            _check_flag(place, arguments)
        elif before in _TAKES and "=" not in argument:
            _check_value(before, argument, _TAKES[before])
        elif before in _MAY_TAKE and "=" not in argument:
            _check_value(before, argument, _MAY_TAKE[before])
        elif ("=" not in argument and not argument.startswith("~")) or argument.startswith("="):
            raise UsageError(_about_word(place, arguments, commands))
        key, equals, value = argument.partition("=")
        if key in ("method.name", "dataset.name"):
            raise UsageError(f"{argument} is not how one is chosen; write {key.partition('.')[0]}={value or 'NAME'}")
        following = arguments[place + 1] if place + 1 < len(arguments) else "="
        if ",," in value or (value.endswith(",") and "=" in following):
            raise UsageError(f"{argument} has an empty value beside a comma; write {key}={_without_empty(value)}")
        if equals and _KEY.fullmatch(key) and given.setdefault(key, value) != value:
            several = f"{key}={given[key]},{value}"
            raise UsageError(f"{key} is given twice; choose one, or measure both with `python -m bench -m {several}`")
    if given.get("engine", NO_ENGINE) not in (NO_ENGINE, RAY) and "method" in given:
        raise UsageError("method= and engine= are given, and a run measures one of them; leave the other out")
    flags = {argument.partition("=")[0] for argument in arguments}
    if "--resolve" in flags and not flags & {"--cfg", "-c"}:
        raise UsageError("--resolve goes with --cfg job, which prints the options of a run")


def _without_empty(values: str) -> str:
    return ",".join(filter(None, values.split(",")))


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-[\d.]+\w*", text) is not None


def _check_value(flag: str, value: str, known: Collection[str]) -> None:
    if known and value not in known:
        raise UsageError(f"{flag} {value} is unknown; use one of {', '.join(known)}")


def _check_flag(place: int, arguments: Sequence[str]) -> None:
    """A flag of Hydra's, with its value; else what would be right instead of it."""
    argument = arguments[place]
    flag, equals, value = argument.partition("=")
    if flag in _ALONE:
        return
    if flag in _MAY_TAKE:
        if equals:
            _check_value(flag, value, _MAY_TAKE[flag])
        return
    if flag in _TAKES:
        following = value if equals else next(iter(arguments[place + 1 : place + 2]), "-")
        if following.startswith("-") or not following:
            right = f"one of {', '.join(_TAKES[flag])}" if _TAKES[flag] else f"{flag} NAME"
            raise UsageError(f"{flag} needs a value; use {right}")
        return
    if options := list(_as_options(arguments)):
        verb = "is no flag" if len(options) == 1 else "are no flags"
        named = ", ".join(name for name, _ in options)
        raise UsageError(f"{named} {verb}; write {' '.join(option for _, option in options)}")
    name = flag.lstrip("-")
    if name in _OF_CHOOSING:
        file = value if equals else next(iter(arguments[place + 1 : place + 2]), "FILE")
        here = f", and a run has dataset={file}" if name == "data" else ""
        raise UsageError(f"{flag} is an option of `python -m bench recommend`{here}")
    flags = [known for known in (*_ALONE, *_TAKES, *_MAY_TAKE) if known.startswith("--")]
    close = difflib.get_close_matches(flag, flags, n=1, cutoff=0.8)
    raise UsageError(f"{flag} is no flag; {f'did you mean {close[0]}?' if close else _FORM}")


def _as_options(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each flag that is an option of a run in disguise (``--budget 32x``), and the option (``budget=32x``)."""
    known = [*RunConfig.__dataclass_fields__, "experiment"]
    for place, argument in enumerate(arguments):
        flag, equals, value = argument.partition("=")
        if not flag.startswith("-") or flag in _ALONE or flag in _TAKES or flag in _MAY_TAKE or _is_number(flag):
            continue
        name, dot, leaf = flag.lstrip("-").replace("-", "_").partition(".")
        starting = [option for option in known if option.startswith(name)] if len(name) < 3 else []
        close = starting if len(starting) == 1 else difflib.get_close_matches(name, known, n=1, cutoff=0.7)
        if not close:
            continue
        following = next(iter(arguments[place + 1 : place + 2]), "...")
        given = value if equals else "..." if following.startswith("-") or "=" in following else following
        yield argument, f"{close[0]}{dot}{leaf}={given}"


def _about_word(place: int, arguments: Sequence[str], commands: Collection[str]) -> str:
    """What is wrong with a word that has no ``=`` inside, and what it was meant to be."""
    word = arguments[place]
    before = arguments[place - 1] if place else ""
    after = next(iter(arguments[place + 1 : place + 2]), "")
    if not word.strip():
        return f"there is an empty argument; {_FORM}"
    if before.endswith(("=", ",")) and "=" in before:
        return f"{before!r} and {word!r} are two words; write {before}{word} without a space"
    if word.startswith("=") or after.startswith("="):
        option = "".join(arguments[place : place + (3 if after == "=" else 2)])
        return f"there is a space beside =; write {option} without one"
    if word in commands:
        return f"{word} is a command and stands first: python -m bench {word} ..."
    if ":" in word and _KEY.fullmatch(word.partition(":")[0]):
        return f"{word} is no option; write {word.replace(':', '=', 1)}"
    if word in (*RunConfig.__dataclass_fields__, "experiment"):
        value = after if after and "=" not in after and not after.startswith("-") else "..."
        return f"{word} needs a value in the same word; write {word}={value}"
    if place == 0 and (close := difflib.get_close_matches(word, commands, n=1, cutoff=0.7)):
        return f"no command is called {word!r}; did you mean {close[0]}?"
    if option := _option_with(word):
        return f"{word} stands alone; write {option}"
    return f"{word!r} is no option; {_FORM}"


def _option_with(value: str) -> str:
    """The option that a value belongs to: ``budget=8x`` for ``8x``; empty if that cannot be said."""
    from bench import datasets
    from bench.datasets.formats import SUFFIXES
    from methods import registry

    if _BUDGET.fullmatch(value):
        return f"budget={value}"
    first = value.split(",")[0]
    if value.lower().endswith(SUFFIXES) or first in datasets.names():
        return f"dataset={value}"
    known = registry.names(None)
    if first.lower() in known:
        return f"method={value.lower()}"
    close = difflib.get_close_matches(first, known, n=1, cutoff=0.75)
    return f"method={close[0]}" if close else ""
