"""Hydra's configuration errors, said in one line that names what would be right."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from bench import datasets
from bench.config import SCENARIOS, RunConfig
from methods import registry

_NO_CONFIG = re.compile(
    r"(?:Could not find|Cannot find|In '[^']*': Could not find) '(?P<group>[^'/]+)/(?P<name>[^']+)'"
)
_TYPE = re.compile(r"Value '(?P<value>[^']*)'[^\n]*could not be converted to (?P<type>\w+)")


def explain(error: Exception) -> str:
    """One line for a Hydra or OmegaConf error."""
    chain = _chain(error)
    if match := _NO_CONFIG.search(chain):
        return _unknown_choice(match["group"], match["name"])
    if match := _TYPE.search(chain):
        key = re.search(r"full_key: (\S+)", chain)
        where = f"{key[1]}=" if key else ""
        return f"{where}{match['value']} is not a valid {match['type'].lower()}"
    if match := re.search(r"Could not override '([^']+)'", chain):
        return _unknown_key(match[1])
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
    close = difflib.get_close_matches(name, known, n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else f"use one of {', '.join(known)}"
    return f"no {label} is called {name!r}; {hint}"


def _experiments() -> list[str]:
    return sorted(path.stem for path in (Path(__file__).resolve().parents[1] / "conf" / "experiment").glob("*.yaml"))


def _unknown_key(path: str) -> str:
    group, _, leaf = path.rpartition(".")
    known = list(RunConfig.__dataclass_fields__)
    if group == "method":
        return f"the method has no parameter {leaf!r}; `python -m bench method=NAME --cfg job` shows what it takes"
    if group == "dataset":
        return f"the data set has no option {leaf!r}; `python -m bench dataset=NAME --cfg job` shows what it takes"
    close = difflib.get_close_matches(path, known, n=1, cutoff=0.4)
    hint = f"did you mean {close[0]}=?" if close else f"use one of {', '.join(known)}"
    return f"there is no option {path!r}; {hint}"
