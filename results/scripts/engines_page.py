"""Writes ``docs/engines.md``: what engines offer, from the files of the catalogue, and what was measured of them.

    python results/scripts/engines_page.py

``make docs`` runs it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from bench import engines
from bench.engines import EngineEntry, Scheme
from bench.engines.formula import Formula
from bench.engines.scheme import Setting, in_digits
from bench.engines.words import originals, rescoring
from methods import registry
from methods.listing import in_words

PAGE = Path(__file__).parents[2] / "docs" / "engines.md"
TABLES = Path(__file__).parents[1] / "engines"
DIMENSIONS = (384, 768)
HEAD = """# Engines

What databases, and libraries with an index, offer of these methods: bytes of a code with factors and padding, what
comes on top, what to type. It is a catalogue of files, [one an engine](../bench/engines/catalogue), from which
`make docs` writes this page. [An engine is added](#adding-an-engine) by one more file.

```sh
python -m bench.engines                               # engines, one a line
python -m bench.engines show qdrant --dim 768 --n 10M # its schemes: bytes, what to type, rescoring, limits, totals
python -m bench.engines for rabitq --dim 768          # where a method can be had, and what differs
python -m bench.engines show faiss --budget 32x       # only codes that fit; --metric l2, --json
```

From Python, `bench.engines.offers("qdrant", 768)`, `schemes_within("pgvector", 768, 96)` and `where("rabitq", 768)`
give offers with `bytes`, `typed`, `memory_bytes`, `disk_bytes` and `method_bytes`, the budget at which this project
has the like.

Three facts hold for nearly all of them:

- **Codes come in addition to the originals**, which are kept for rescoring. Memory goes down only where originals are
  on disk, and disk space never. The exceptions are schemes whose originals are *not kept*.
- **The links of a graph weigh as much as a code of one bit a dimension**, often more: compare `links` with the bytes.
- **Names do not tell the code.** An "int8" has 128 levels here and 256 there, in a range for all dimensions, for each
  dimension, or for each vector. A scheme that *equals* a method (=) has its codes, but for the extra bytes that are
  named; for one that is *near* (≈) it says what differs.

*Checked* says how bytes are known: `run`, measured by running it; `source`, read in its source; `docs`, as
documented. Formulas have `d`, the dimension; `l2` and `ip`, 1 under that metric and else 0; and the settings of the
scheme.
"""
MEASURED = """## Measured

Engines that install as a Python package are measured like methods: in a process of their own, on the same vectors and
queries, under the same budget.

```text
pip install '.[engines]'
python -m bench engine=faiss:RaBitQ budget=32x dataset=my.npy       # a scheme; by codes alone
python -m bench engine=faiss budget=32x rescore=engine              # whichever scheme uses the budget best, rescored
python -m bench experiment=engines jobs=2                           # all engines that are installed, in 15 minutes
```

The budget is of a code with its factors, by the formulas below. What the engine holds on top (ids, links, originals) is
measured: bytes on disk once it has written everything, and what opening it and the first searches add to the memory of
its processes. It builds in one process and is searched in another, so that nothing of the build is counted. The record
says how it searches (`index`), and `engine.search` sets the one number that decides how much is visited (`ef`,
`nprobe`), where there is one. An engine is an untrusted child: limits of time and memory hold, a crash is a record, and
its folder goes when the run ends or is killed.

At 20,000 vectors, what an engine keeps however few it holds (a server's buffers, a library's tables) weighs as much as
the codes or more: read memory as an upper bound. Disk shows the originals, which most keep.

![Recall against the bytes that engines hold in memory and on disk](engines_measured.png)

"""
ADDING = """## Adding an engine

One file in `bench/engines/catalogue/`, named as the engine is called on the command line; nothing else. Reading it is
strict: a misspelled field, a formula with an unknown name or a statement without its source is refused in one line.
Then run `make docs` and `python -m pytest tests/bench/engines`, which compares the bytes of each method that is said
to be equal.

```yaml
title: Acme
kind: database                      # library, extension, database or service
version: "2.1"                      # that the statements describe; quoted, as every text that looks like a number
summary: what it is, in one line
runs_as: acme-embedded 2.1          # a Python package in which it runs without a server; may be left out
sources:                            # whatever the statements rest on, each under a short name
  docs: https://acme.example/docs/quantization
  code: acme/acme, src/quantize.rs
  run: acme-embedded 2.1, d=384, 3,000 rows
source: docs                        # of what stands outside of schemes
metrics: {cosine: Cosine, l2: L2}   # what it calls ip, cosine and l2; fills {metric}. A list, if nothing is typed
originals: {place: disk, note: "keep: false drops them"}    # memory, disk or none; bytes, if not 4 * d
rescoring: {when: by default, oversampling: 3, typed: "rescore=3"}    # or: on request, never
limits: {most_dim: 4096}            # least_dim, multiple_of, least_train
links: {bytes: 8 * 16, note: "m = 16", checked: docs}       # on top of each code; ids likewise
notes:
  - text: what users of it should know
    source: docs
schemes:
  tiny:                             # the engine's own name
    equals: osq                     # or nearest: a method, or none; then differs is needed
    params: {bits: "{bits}"}        # of the method
    settings: {bits: {one: 1, two: 2}}      # what is typed, and its number; or a list of numbers and formulas of d
    typed: 'quantization: {kind: tiny, bits: {bits}, dims: {dim}, metric: {metric}}'
    code: 8 * ceil(bits * d / 64)   # or unknown_bytes: why
    factors: 16                     # numbers kept with each vector
    over_method: {bytes: 8 * ceil(bits * d / 64) - ceil(bits * d / 8) + 10 + 2 * l2, because: padding and factors}
    since: "2.0"
    checked: run                    # or source, docs
    source: [code, run]
```

Any of `originals`, `rescoring`, `limits`, `links`, `ids` and `metrics` in a scheme takes the place of the engine's.

An engine that runs in a process is also *measured* if a module of its name in `bench/engines/adaptors/` has a class
derived from `Engine`: `build` writes a folder, `open` loads it, `search` returns row numbers, `index` says how. Nothing
lists it; `python -m pytest tests/bench/engines/test_adaptors.py -k NAME` checks it, equal schemes against their methods
included.
"""


def page() -> str:
    """The whole page."""
    entries = [engines.entry(name) for name in engines.names()]
    lines = [HEAD, MEASURED, *_measured(), *_by_method(entries), "", "## By engine"]
    for entry in sorted(entries, key=lambda each: each.title.lower()):
        lines += ["", *_engine(entry)]
    return "\n".join([*lines, "", ADDING])


def _measured() -> Iterator[str]:
    """Tables of what was measured, as ``engines_measured.py`` wrote them."""
    for path in sorted(TABLES.glob("*.md")):
        title, _, rest = path.read_text().partition("\n")
        yield f"#{title.replace('# Engines on', '## On')}"
        yield rest.rstrip().replace(" [catalogue](../../docs/engines.md)", " catalogue")
        yield ""


def _by_method(entries: list[EngineEntry]) -> Iterator[str]:
    yield from ("## By method", "", "| method | equal codes | near, and what differs |", "|---|---|---|")
    pairs = [(entry, scheme) for entry in entries for scheme in entry.schemes]
    offered = {scheme.method for _, scheme in pairs}
    for method in registry.names(None):
        if method in offered:
            mine = [(entry, scheme) for entry, scheme in pairs if scheme.method == method]
            equal = "; ".join(_links([pair for pair in mine if pair[1].equals]))
            near = "; ".join(_links([pair for pair in mine if not pair[1].equals], differs=True))
            yield f"| [`{method}`](methods.md#{method}) | {equal or '-'} | {near or '-'} |"
    missing = [name for track in ("dense", "multivector") for name in registry.names(track) if name not in offered]
    yield ""
    yield f"No engine of the catalogue has {', '.join(f'`{name}`' for name in missing)}."


def _links(pairs: list[tuple[EngineEntry, Scheme]], differs: bool = False) -> Iterator[str]:
    """Each engine with its schemes."""
    for name, group in groupby(pairs, key=lambda pair: pair[0].name):
        mine = list(group)
        schemes = (f"`{scheme.name}`{f' ({scheme.differs})' if differs else ''}" for _, scheme in mine)
        yield f"[{mine[0][0].title}](#{name}) {', '.join(schemes)}"


def _engine(entry: EngineEntry) -> Iterator[str]:
    yield f'### <a id="{entry.name}"></a>{entry.title}'
    yield ""
    runs = f" Runs without a server as {entry.runs_as}." if entry.runs_as else ""
    yield f"`{entry.name}`, {entry.kind}, version {entry.version}: {entry.summary}.{runs}"
    yield ""
    columns = [
        "scheme",
        "method",
        "bytes",
        *(f"d={dim}" for dim in DIMENSIONS),
        "originals",
        "since",
        "checked",
        "sources",
    ]
    yield f"| {' | '.join(columns)} |"
    yield "|" + "---|" * len(columns)
    for scheme in entry.schemes:
        yield f"| {' | '.join(_cells(entry, scheme))} |"
    yield ""
    common = Counter(text for scheme in entry.schemes for text in _shared(scheme))
    shared = [text for text, count in common.items() if count > len(entry.schemes) / 2]
    yield from [f"Unless a scheme says otherwise: {'. '.join(map(_sentence, shared))}.", ""] if shared else []
    for scheme in entry.schemes:
        yield f"- **{scheme.name}**: {'. '.join([*_own(scheme), *_others(scheme, shared)])}."
    yield from ("", *(f"- {_sentence(text)} ({', '.join(keys)})." for text, keys in entry.notes)) if entry.notes else ()
    yield ""
    yield f"Sources: {'; '.join(f'*{key}* {text}' for key, text in entry.sources.items())}."


def _cells(entry: EngineEntry, scheme: Scheme) -> Iterator[str]:
    yield f"`{scheme.name}`"
    yield "-" if scheme.method is None else f"{'=' if scheme.equals else '≈'} `{scheme.method}`"
    yield "not known" if scheme.code is None else f"`{scheme.code.text}`{_factors(scheme.factors)}"
    yield from (_sizes(entry, scheme, dim) for dim in DIMENSIONS)
    yield {"none": "not kept", "disk": "disk", "memory": "memory"}[scheme.originals.place]
    yield scheme.since or "-"
    yield scheme.checked
    yield ", ".join(scheme.sources)


def _factors(factors: Formula) -> str:
    return "" if factors.text == "0" else f" + `{factors.text}`"


def _sizes(entry: EngineEntry, scheme: Scheme, dim: int) -> str:
    metric = next(metric for metric in ("cosine", "ip", "l2") if scheme.takes(metric))
    try:
        sizes = {offer.bytes for offer in engines.offers(entry.name, dim, metric, scheme.name)}
    except engines.UsageError:
        return "-"
    return in_words(sorted(size for size in sizes if size is not None)) or "-"


def _own(scheme: Scheme) -> Iterator[str]:
    """What is typed, and how it differs."""
    settings = [f"`{key}` {_values(setting)}" for key, setting in scheme.settings.items()]
    typed = f"`{' '.join(scheme.typed.split())}`" if scheme.typed else "nothing to type"
    yield typed + (f", with {'; '.join(settings)}" if settings else "")
    if scheme.unknown_bytes:
        yield f"Bytes: {scheme.unknown_bytes}"
    if scheme.differs:
        yield f"Differs: {scheme.differs}"
    if scheme.over_because:
        yield f"Beyond the method's code: {scheme.over_because}"
    yield from map(_sentence, scheme.notes)


def _shared(scheme: Scheme) -> Iterator[str]:
    """What schemes of an engine mostly have in common."""
    yield f"originals {originals(scheme.originals)}"
    yield f"rescoring {rescoring(scheme.rescoring, _code(scheme.rescoring.typed))}"
    for what, added in scheme.additions.items():
        yield f"{what} {added.bytes.text} bytes on top ({added.note}; {added.checked})"
    if limits := str(scheme.limits):
        yield limits


def _others(scheme: Scheme, shared: list[str]) -> list[str]:
    return [_sentence(text) for text in _shared(scheme) if text not in shared]


def _sentence(text: str) -> str:
    """With a capital, unless it begins with a name that is typed."""
    return text[0].upper() + text[1:] if text.split()[0].isalpha() else text


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _values(setting: Setting) -> str:
    """The choices, as they are typed."""
    names = [
        typed or (value.text if isinstance(value, Formula) else in_digits(value)) for typed, value in setting.values
    ]
    return f"one of {', '.join(names)}" if len(names) > 1 else names[0]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
