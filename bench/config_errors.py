"""Hydra's configuration errors, said in one line that names what would be right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path

from bench import datasets
from bench.config import DEFAULT_DATASET, SCENARIOS, Limits, RunConfig
from bench.errors import unknown_name
from methods import MethodError, registry

_NO_CONFIG = re.compile(
    r"(?:Could not find|Cannot find|In '[^']*': Could not find) '(?P<group>[^'/]+)/(?P<name>[^']+)'"
)
_TYPE = re.compile(r"Value '(?P<value>[^']*)'[^\n]*could not be converted to (?P<type>\w+)")


def explain(error: Exception, overrides: Sequence[str]) -> str:
    """One line for a Hydra or OmegaConf error; ``overrides`` are the options that were given (``key=value``)."""
    chain = _chain(error)
    if match := _NO_CONFIG.search(chain):
        return _unknown_choice(match["group"], match["name"])
    if match := _TYPE.search(chain):
        key = re.search(r"full_key: (\S+)", chain)
        where = f"{key[1]}=" if key else ""
        return f"{where}{match['value']} is not a valid {match['type'].lower()}"
    if match := re.search(r"Could not override '([^']+)'", chain):
        return _unknown_key(match[1], overrides)
    if match := re.search(r"Ambiguous value for argument '([^']+)'", chain):
        return f"{match[1]} is a list; measure each of its values with python -m bench -m, or quote it as one value"
    first = chain.strip().splitlines()[0] if chain.strip() else type(error).__name__
    if (
        first.startswith("Error parsing override")
        or "mismatched input" in chain
        or "token recognition" in chain
        or "no viable alternative" in chain
    ):
        return f"{first}; write options as key=value, or \"key='...'\" if the value holds a comma, = or bracket"
    return first


def _chain(error: BaseException | None) -> str:
    texts = []
    while error is not None:
        texts.append(str(error))
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


def _unknown_choice(group: str, name: str) -> str:
    choices = {
        "method": lambda: registry.names(None),
        "dataset": datasets.names,
        "scenario": lambda: list(SCENARIOS),
    }
    known = choices.get(group, _experiments)()
    label = {"method": "method", "dataset": "data set"}.get(group, group)
    return unknown_name(label, name, known)


def _experiments() -> list[str]:
    return sorted(path.stem for path in (Path(__file__).resolve().parents[1] / "conf" / "experiment").glob("*.yaml"))


def _unknown_key(path: str, overrides: Sequence[str]) -> str:
    group, _, leaf = path.rpartition(".")
    known = list(RunConfig.__dataclass_fields__)
    if group in ("method", "dataset"):
        what = "the method has no parameter" if group == "method" else "the data set has no option"
        command = f"`python -m bench {group}=NAME --cfg job` shows what it takes"
        return f"{what} {leaf!r}; {_near(leaf, _keys_of(group, overrides), f'{group}.') or command}"
    if group == "limits":
        limits = list(Limits.__dataclass_fields__)
        return f"there is no option {path!r}; {_near(leaf, limits, 'limits.') or 'use one of ' + ', '.join(limits)}"
    return f"there is no option {path!r}; {_near(path, known) or 'use one of ' + ', '.join(known)}"


def _near(name: str, known: Sequence[str], group: str = "") -> str:
    """The suggestion of what is nearest to ``name``, empty if nothing is."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.4 if not group else 0.6)
    return f"did you mean {group}{close[0]}=?" if close else ""


def _keys_of(group: str, overrides: Sequence[str]) -> list[str]:
    """What the methods or data sets that were chosen take; nothing of names that are none."""
    chosen = [text.partition("=")[2].replace("'", "") for text in overrides if text.startswith(f"{group}=")]
    names = chosen[-1].split(",") if chosen else [DEFAULT_DATASET] * (group == "dataset")
    keys: dict[str, None] = {}
    for name in names:
        try:
            keys |= dict.fromkeys(registry.parameters(name) if group == "method" else datasets.options(name))
        except (MethodError, datasets.DatasetError):
            continue
    return list(keys)
