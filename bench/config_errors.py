"""Hydra's configuration errors, said in one line that names what would be right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path

from hydra.core.config_store import ConfigStore

from bench import datasets
from bench.config import DEFAULT_DATASET, Limits, RunConfig
from bench.engines import adaptors
from bench.errors import UsageError, unknown_name
from bench.index_options import FLAT, INDEXES
from bench.scenarios import OPTIONS, SCENARIOS
from methods import MethodError, registry

_NO_CONFIG = re.compile(
    r"(?:Could not find|Cannot find|In '[^']*': Could not find) '(?P<group>[^'/]+)/(?P<name>[^']+)'"
)
_NOTHING = re.compile(r"Could not find '(method|engine|index|dataset|scenario|experiment)/'")
_ENGINE = ("scheme", "search")
_INDEX_OPTION = "index.{} is an option of index={}; name that too"
_UNITS = {"time_s": "seconds", "latency_s": "seconds", "memory_gb": "gigabytes"}
_TYPE = re.compile(r"Value '(?P<value>[^']*)'[^\n]*could not be converted to (?P<type>\w+)")


def explain(error: Exception, overrides: Sequence[str]) -> str:
    """One line for a Hydra or OmegaConf error; ``overrides`` are the options that were given (``key=value``)."""
    chain = _chain(error)
    if match := _NOTHING.search(chain):
        return f"{match[1]}= names nothing; use {match[1]}=NAME"
    if match := _NO_CONFIG.search(chain):
        return _unknown_choice(match["group"], match["name"])
    if match := _TYPE.search(chain):
        key = re.search(r"full_key: (\S+)", chain)
        where = f"{key[1]}=" if key else ""
        unit = _UNITS.get(key[1].rpartition(".")[2]) if key else None
        right = f"; use a number of {unit}" if unit else ""
        return f"{where}{match['value']} is not a valid {match['type'].lower()}{right}"
    if match := re.search(r"Could not override '([^']+)'", chain):
        return _unknown_key(match[1], overrides)
    if match := re.search(r"Error merging override (([\w.]+)=\S*)", chain):
        return _not_a_value(match[1], match[2])
    if match := re.search(r"Ambiguous value for argument '(clients=([\d,]+))'", chain):
        return f"{match[1]} is several values; clients=[{match[2]}] measures each in one run"
    if match := re.search(r"Ambiguous value for argument '([^']+)'", chain):
        return f"{match[1]} is a list; measure each of its values with python -m bench -m, or quote it as one value"
    first = chain.strip().splitlines()[0] if chain.strip() else type(error).__name__
    if match := re.search(r"no viable alternative at input '([^'\n]*[(\[{][^)\]}'\n]*)'", chain):
        return f"{match[1]} opens a bracket that nothing closes; write it in quotes, as in method='glob(*)'"
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
    if group == "engine":
        return _unknown_engine(name)
    if group == "method" and (reason := registry.why_left_out(name)):
        return reason
    if group == "hydra" and name.startswith("launcher/"):
        return unknown_name("launcher", name.partition("/")[2], [*_launchers()])
    choices = {
        "method": lambda: registry.names(None),
        "dataset": datasets.names,
        "scenario": lambda: list(SCENARIOS),
        "index": lambda: list(INDEXES),
        "experiment": _experiments,
    }
    if group not in choices:
        return f"nothing is called {group}/{name}; leave it out"
    known = choices[group]()
    label = {"method": "method", "dataset": "data set"}.get(group, group)
    return unknown_name(label, name, known)


def _unknown_engine(given: str) -> str:
    """What is wrong with ``engine=NAME`` or ``engine=NAME:SCHEME``."""
    name, _, scheme = given.partition(":")
    try:
        engine = adaptors.adaptor(name)
    except UsageError as error:
        return str(error)
    schemes = [short for short, _ in adaptors.short_names() if short.startswith(f"{engine.name}:")]
    return unknown_name(f"scheme of {name}", scheme, [each.partition(":")[2] for each in schemes])


def _experiments() -> list[str]:
    return sorted(path.stem for path in (Path(__file__).resolve().parents[1] / "conf" / "experiment").glob("*.yaml"))


def _launchers() -> dict[str, list[str]]:
    """Options of each launcher of this package."""
    store = ConfigStore.instance()
    names = [file.removesuffix(".yaml") for file in store.list("hydra/launcher")]
    nodes = {name: store.load(f"hydra/launcher/{name}.yaml").node for name in names if name.startswith("isolated")}
    return {name: [str(key) for key in node if key != "_target_"] for name, node in nodes.items()}


def _unknown_index_option(leaf: str, overrides: Sequence[str]) -> str:
    named = (_chosen("index", overrides) or [FLAT])[-1]
    options = list(INDEXES.get(named, {}))
    others = [name for name, own in INDEXES.items() if leaf in own]
    if others and leaf not in options:
        return _INDEX_OPTION.format(leaf, " and index=".join(others))
    right = _near(leaf, options, "index.") or "use one of " + ", ".join(options)
    return f"index={named} has no option {leaf!r}; {right}"


def _unknown_scenario_option(leaf: str, overrides: Sequence[str]) -> str:
    named = (_chosen("scenario", overrides) or ["none"])[-1]
    having = [f"scenario={name}" for name, own in OPTIONS.items() if leaf in own and name != named]
    others = f"{' and '.join(having)} {'have' if len(having) > 1 else 'has'} it: name that too" if having else ""
    own = list(OPTIONS.get(named, {}))
    right = _near(leaf, own, "scenario.") or others or ("use one of " + ", ".join(own) if own else "")
    return f"scenario={named} has no option {leaf!r}{right and f'; {right}'}"


def _unknown_launcher_option(leaf: str, overrides: Sequence[str]) -> str:
    launchers = _launchers()
    chosen = [text.partition("=")[2].strip("'") for text in overrides if text.startswith("hydra/launcher=")]
    name = chosen[-1] if chosen else "isolated"
    near = _near(leaf, launchers.get(name, []), "hydra.launcher.")
    having = " or ".join(other for other, known in launchers.items() if leaf in known)
    choose = f"choose hydra/launcher={having}" if having and not launchers.get(name) else ""
    right = near or choose or "use one of " + ", ".join(launchers.get(name, []))
    return f"hydra/launcher={name} has no option {leaf!r}; {right}"


def _not_a_value(override: str, key: str) -> str:
    if key in ("method", "engine", "index", "dataset", "scenario", "limits"):
        fields = list(Limits.__dataclass_fields__) if key == "limits" else ["KEY"]
        parts = " ".join(f"{key}.{field}=VALUE" for field in fields)
        return f"{override} is no value; use {parts if key == 'limits' else f'{key}=NAME {parts}'}"
    return f"{override} is no value of {key}; give another, or leave it out"


def _unknown_key(path: str, overrides: Sequence[str]) -> str:
    group, _, leaf = path.rpartition(".")
    known = list(RunConfig.__dataclass_fields__)
    if group == "method":
        return _unknown_parameter(leaf, overrides)
    if group == "dataset":
        if leaf in datasets.options("path") and leaf not in _keys_of(group, overrides):
            return f"only files of your own have dataset.{leaf}; name one with dataset=FILE.npy"
        command = "`python -m bench dataset=NAME --cfg job` shows what it takes"
        return f"the data set has no option {leaf!r}; {_near(leaf, _keys_of(group, overrides), f'{group}.') or command}"
    if group == "hydra.launcher":
        return _unknown_launcher_option(leaf, overrides)
    if group == "engine":
        right = _near(leaf, _ENGINE, "engine.") or "use engine.scheme= or engine.search="
        return f"an engine has no option {leaf!r}; {right}"
    if group == "index":
        return _unknown_index_option(leaf, overrides)
    if group == "scenario":
        return _unknown_scenario_option(leaf, overrides)
    if group == "limits":
        limits = list(Limits.__dataclass_fields__)
        return f"there is no option {path!r}; {_near(leaf, limits, 'limits.') or 'use one of ' + ', '.join(limits)}"
    for above in ("method", "dataset"):  # an option of theirs that is written without the dot
        if path in _keys_of(above, overrides) or (above == "dataset" and path in datasets.options("path")):
            return f"there is no option {path!r}; did you mean {above}.{path}=?"
    return f"there is no option {path!r}; {_near(path, known) or 'use one of ' + ', '.join(known)}"


def _unknown_parameter(leaf: str, overrides: Sequence[str]) -> str:
    """What is wrong with ``method.LEAF=``: of the one method that was chosen, or of several."""
    names = _chosen("method", overrides)
    if len(names) == 1 and names[0] in registry.names(None):
        text = registry.no_parameter(names[0], leaf)
        return text.replace("did you mean ", "did you mean method.").replace("?", "=?")
    near = _near(leaf, _keys_of("method", overrides), "method.")
    return (
        f"the method has no parameter {leaf!r}; {near or '`python -m bench method=NAME --cfg job` shows what it takes'}"
    )


def _near(name: str, known: Sequence[str], group: str = "") -> str:
    """The suggestion of what is nearest to ``name``, empty if nothing is."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.4 if not group else 0.6)
    return f"did you mean {group}{close[0]}=?" if close else ""


def _keys_of(group: str, overrides: Sequence[str]) -> list[str]:
    """What the methods or data sets that were chosen take; nothing of names that are none."""
    keys: dict[str, None] = {}
    for name in _chosen(group, overrides):
        try:
            keys |= dict.fromkeys(registry.parameters(name) if group == "method" else datasets.options(name))
        except (MethodError, datasets.DatasetError):
            continue
    return list(keys)


def _chosen(group: str, overrides: Sequence[str]) -> list[str]:
    """Names of the methods or data sets of a run or sweep."""
    chosen = [text.partition("=")[2].replace("'", "") for text in overrides if text.startswith(f"{group}=")]
    return chosen[-1].split(",") if chosen else [DEFAULT_DATASET] * (group == "dataset")
