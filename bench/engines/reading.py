"""Reads a file of the catalogue, strictly: one line names what is wrong and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import yaml

from bench.engines.fields import REQUIRED, CatalogueError, Fields, number
from bench.engines.formula import Formula, FormulaError, Number
from bench.engines.scheme import (
    CHECKS,
    FILLED,
    KINDS,
    PLACEHOLDER,
    PLACES,
    RESCORES,
    SHARED,
    Addition,
    EngineEntry,
    Limits,
    Originals,
    Rescoring,
    Scheme,
    Setting,
)

ADDITIONS = ("ids", "links")
METRICS = ("ip", "cosine", "l2")


def read_entry(name: str, text: str) -> EngineEntry:
    """The engine that a file describes.

    Parameters
    ----------
    name : str
        Of the file, without ``.yaml``.
    text : str
        What it holds.

    Raises
    ------
    CatalogueError
        In one line: not YAML, or a field that is missing, unknown, of another type or out of range.
    """
    fields = Fields(_parsed(name, text), f"{name}.yaml")
    sources = fields.inner("sources")
    known = {key: sources.text(key) for key in sources.items()}
    defaults = _Defaults(fields, tuple(known))
    entry = EngineEntry(
        name=name,
        title=fields.text("title"),
        kind=fields.choice("kind", KINDS),
        version=fields.text("version"),
        summary=fields.text("summary"),
        runs_as=fields.text("runs_as", ""),
        sources=known,
        schemes=tuple(_schemes(fields, defaults)),
        notes=tuple(_notes(fields, tuple(known))),
    )
    fields.end()
    _all_used(fields.where, entry, defaults)
    return entry


class _UniqueKeys(yaml.SafeLoader):
    """YAML without unknown tags, in which no key may stand twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = sorted(str(key.value) for key, _ in node.value)
        if twice := [key for key, after in pairwise(keys) if key == after]:
            raise yaml.constructor.ConstructorError(None, None, f"the field {twice[0]} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _parsed(name: str, text: str) -> object:
    try:
        return yaml.load(text, _UniqueKeys)  # a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise CatalogueError(f"{name}.yaml: not YAML{line}: {getattr(error, 'problem', error)}") from None


class _Defaults:
    """What an engine says for all of its schemes."""

    def __init__(self, fields: Fields, sources: tuple[str, ...]) -> None:
        self.known_sources = sources
        self.sources = fields.texts("source", sources)
        self.metrics = _metrics(fields)
        self.originals = _originals(fields.inner("originals"))
        words = [word for named in self.metrics.values() for word in named]
        self.rescoring = _rescoring(fields.inner("rescoring"), [*FILLED, *words])
        self.limits = _limits(fields.inner("limits", {}), SHARED, Limits())
        self.additions = dict(_additions(fields, SHARED, self.sources, sources))


def _schemes(fields: Fields, defaults: _Defaults) -> Iterator[Scheme]:
    schemes = fields.inner("schemes")
    if not schemes.items():
        raise fields.wrong("schemes", "there are none; describe at least one")
    for name, data in schemes.items().items():
        yield _scheme(name, Fields(data, f"{schemes.where}: {name}"), defaults)


def _scheme(name: str, fields: Fields, defaults: _Defaults) -> Scheme:
    settings = {key: _setting(fields, key, data) for key, data in fields.inner("settings", {}).items().items()}
    variables = [*SHARED, *settings]
    method, equals = _method(fields)
    sources = fields.texts("source", defaults.known_sources)
    all_metrics = tuple(defaults.metrics)
    metrics = {name: defaults.metrics[name] for name in fields.texts("metrics", list(defaults.metrics), all_metrics)}
    names = [*FILLED, *settings, *(word for named in metrics.values() for word in named)]
    unknown = fields.text("unknown_bytes", "")
    if bool(unknown) == fields.has("code"):
        raise fields.wrong("code", "give the formula of bytes, or unknown_bytes with the reason, not both")
    over = fields.inner("over_method", {"bytes": 0, "because": ""})
    scheme = Scheme(
        name=name,
        method=method,
        equals=equals,
        params=_params(fields, settings),
        differs=fields.text("differs", "" if equals else REQUIRED),
        typed=_template(fields, "typed", names),
        code=None if unknown else fields.formula("code", variables),
        factors=fields.formula("factors", variables, 0),
        over_method=over.formula("bytes", variables),
        over_because=over.text("because"),
        settings=settings,
        unknown_bytes=unknown,
        originals=_originals(fields.inner("originals")) if fields.has("originals") else defaults.originals,
        additions=defaults.additions | dict(_additions(fields, variables, sources, defaults.known_sources)),
        rescoring=_rescoring(fields.inner("rescoring"), names) if fields.has("rescoring") else defaults.rescoring,
        limits=_limits(fields.inner("limits", {}), variables, defaults.limits),
        metrics=metrics,
        since=fields.text("since", ""),
        checked=fields.choice("checked", CHECKS),
        sources=sources,
        notes=fields.texts("notes", default=("",)) if fields.has("notes") else (),
    )
    over.end()
    fields.end()
    return scheme


def _metrics(fields: Fields) -> dict[str, dict[str, str]]:
    """Metrics with the engine's words for each, by the placeholder that they fill; a lone word is ``{metric}``."""
    data = fields.raw("metrics")
    if not isinstance(data, Mapping):
        return {name: {} for name in fields.texts("metrics", METRICS)}
    inner, metrics = fields.inner("metrics"), {}
    for name, words in inner.items().items():
        if name not in METRICS:
            raise inner.wrong(name, f"is none of {', '.join(METRICS)}")
        metrics[name] = {"metric": words} if isinstance(words, str) else inner.inner(name).texts_by_name()
    if len({tuple(sorted(words)) for words in metrics.values()}) > 1:
        raise fields.wrong("metrics", "have different placeholders; give each the same")
    return metrics


def _method(fields: Fields) -> tuple[str | None, bool]:
    """The method's name, and whether the scheme equals it."""
    if fields.has("equals") == fields.has("nearest"):
        raise fields.wrong("equals", "name the method that the scheme equals, or that it is nearest to, not both")
    if fields.has("equals"):
        return fields.text("equals"), True
    name = fields.text("nearest")
    return (None if name == "none" else name), False


def _params(fields: Fields, settings: Mapping[str, Setting]) -> dict[str, Any]:
    params = fields.inner("params", {})
    for key, value in params.items().items():
        for name in PLACEHOLDER.findall(value) if isinstance(value, str) else ():
            if name not in settings:
                raise params.wrong(key, f"{{{name}}} is no setting of this scheme")
    return dict(params.items())


def _setting(fields: Fields, key: str, data: object) -> Setting:
    """A list of numbers and formulas of d, or a mapping of what is typed to the number."""
    where = f"settings: {key}"
    if key in (*SHARED, *FILLED):
        raise fields.wrong(where, f"{key} has a meaning already; choose another name")
    pairs = list(data.items()) if isinstance(data, Mapping) else [("", value) for value in _listed(fields, where, data)]
    values = []
    for typed, value in pairs:
        values.append((str(typed), _setting_value(fields, where, value)))
    if not values:
        raise fields.wrong(where, "has no values; list at least one")
    return Setting(tuple(values))


def _setting_value(fields: Fields, where: str, value: object) -> Number | Formula:
    if isinstance(value, str):
        try:
            formula = Formula(value)
            formula.check_names(SHARED)
        except FormulaError as error:
            raise fields.wrong(where, str(error)) from None
        return formula
    known = number(value)
    if known is None:
        raise fields.wrong(where, f"{value!r} is neither a number above 0 nor a formula of d")
    return known


def _listed(fields: Fields, where: str, data: object) -> list[Any]:
    if not isinstance(data, list):
        raise fields.wrong(where, f"{data!r} is neither a list nor a mapping of what is typed to its number")
    return data


def _template(fields: Fields, key: str, names: Sequence[str], default: str = REQUIRED) -> str:
    template = fields.text(key, default, one_line=False)
    for name in PLACEHOLDER.findall(template):
        if name not in names:
            raise fields.wrong(key, f"{{{name}}} is not known here; use {', '.join(f'{{{each}}}' for each in names)}")
    return template


def _originals(fields: Fields) -> Originals:
    place = fields.choice("place", PLACES)
    default = 0 if place == "none" else "4 * d"
    originals = Originals(place, fields.formula("bytes", SHARED, default), fields.text("note", ""))
    fields.end()
    return originals


def _rescoring(fields: Fields, names: Sequence[str]) -> Rescoring:
    oversampling = number(fields.raw("oversampling", 1))
    if oversampling is None:
        raise fields.wrong("oversampling", f"{fields.raw('oversampling')!r} is no number above 0")
    rescoring = Rescoring(
        when=fields.choice("when", RESCORES),
        oversampling=float(oversampling) if fields.has("oversampling") else None,
        typed=_template(fields, "typed", names, ""),
        note=fields.text("note", ""),
    )
    fields.end()
    return rescoring


def _limits(fields: Fields, variables: Sequence[str], default: Limits) -> Limits:
    limits = Limits(
        least_dim=fields.integer("least_dim", default.least_dim),
        most_dim=fields.integer("most_dim", default.most_dim),
        multiple_of=fields.formula("multiple_of", variables) if fields.has("multiple_of") else default.multiple_of,
        least_train=fields.formula("least_train", variables) if fields.has("least_train") else default.least_train,
    )
    fields.end()
    return limits


def _additions(
    fields: Fields, variables: Sequence[str], sources: tuple[str, ...], known: Sequence[str]
) -> Iterator[tuple[str, Addition]]:
    for what in ADDITIONS:
        if fields.has(what):
            inner = fields.inner(what)
            yield (
                what,
                Addition(
                    bytes=inner.formula("bytes", variables),
                    note=inner.text("note"),
                    checked=inner.choice("checked", CHECKS),
                    sources=inner.texts("source", known, sources),
                ),
            )
            inner.end()


def _notes(fields: Fields, sources: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    notes = fields.raw("notes", [])
    if not isinstance(notes, list):
        raise fields.wrong("notes", "is no list; write `- text: ...` and `source: ...` for each")
    for place, data in enumerate(notes, 1):
        note = Fields(data, f"{fields.where}: note {place}")
        yield note.text("text"), note.texts("source", sources)
        note.end()


def _all_used(where: str, entry: EngineEntry, defaults: _Defaults) -> None:
    """Refuse a source that nothing rests on: it is a misspelling, or was forgotten."""
    used = {*defaults.sources, *(key for _, keys in entry.notes for key in keys)}
    for scheme in entry.schemes:
        used |= {*scheme.sources, *(key for addition in scheme.additions.values() for key in addition.sources)}
    if unused := sorted(set(entry.sources) - used):
        raise CatalogueError(f"{where}: sources: nothing rests on {unused[0]}; name it as a source, or leave it out")
