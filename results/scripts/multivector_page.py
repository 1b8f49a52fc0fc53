"""Makes ``multivector_measured.md`` and two tables of docs/multivector.md from what was measured.

    python results/scripts/multivector_page.py

Of both sets, from ``multivector_measured.csv``, ``multivector_shifts.csv`` and ``multivector_ivf.csv`` in
``results/published``. The programs that measure make it at their end.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from multivector_runs import BUDGETS, COUNTS, QUARTER, TOKENS, TRAINED, UNCOMPRESSED, Rows, key, load, recalls
from quotes import ROOT, put

from bench.files import write_whole
from bench.measure.statistics import bootstrap_means, combine_seeds, holm, paired_difference

PUBLISHED = ROOT / "results" / "published"
FIRST, SECOND, LISTS = (PUBLISHED / f"multivector_{name}.csv" for name in ("measured", "shifts", "ivf"))
PAGE = PUBLISHED / "multivector_measured.md"
SETS = {"squad-tokens-128": FIRST, "squad-shifts-tokens": SECOND}
FEWER = ("first_k_tokens", "idf_pruning", "voronoi_pruning", "kmeans_pooling", "token_pooling")
SIZES = (320, 1280, 5120)  # in memory, of which the table of choices is
RESAMPLES = 100_000  # p is no less than one in so many, before the correction for all comparisons
FEW_RESAMPLES = 10_000  # for what is only distinguishable from the best or not
EQUAL = 0.05  # of p times the comparisons: what is above is not distinguishable from the best

_HEAD = """# What was measured of sets of vectors

Made by `python results/scripts/multivector_page.py` from the csv files here; what follows from it is in
[docs/multivector.md](../../docs/multivector.md). Of N candidates, ordered by exact Chamfer from disk, the share of
Chamfer's first ten that is among them. Intervals are of questions and, where there are several, seeds. Other work kept
the machine busy: compare times roughly."""

Name = tuple[str, str, int]  # method, codec, budget (0: none)


def groups(rows: Rows) -> dict[Name, Rows]:
    """Lines that differ in their seeds alone."""
    by_name: dict[Name, Rows] = {}
    for row in rows:
        by_name.setdefault(key(row)[:3], []).append(row)
    return by_name


def label(method: str, codec: str) -> str:
    """As tables have it."""
    method, *options = method.split(",")
    return f"`{method}`{''.join(options)} {codec}"


def short(value: float) -> str:
    return f"{value:.3f}".replace("0.", ".", 1)


def table(rows: Rows) -> Iterator[str]:
    """A line a method, codec and size; means over seeds."""
    yield "| bytes | method | recall@10 | recall@1 | 20 candidates | 40 | 100 | p50 ms | parts MB | seeds |"
    yield "|---:|---|---|---:|---:|---:|---:|---:|---:|---:|"
    shown = set()  # a larger budget may have the same code
    for (method, codec, _), lines in sorted(groups(rows).items(), key=lambda item: (int(item[1][0]["code"]), item[0])):
        if (name := (method, codec, lines[0]["code"])) in shown:
            continue
        shown.add(name)
        interval = combine_seeds([bootstrap_means({"": recalls(row)[0]})[""] for row in lines])
        first = np.mean([float(row["recall@1"]) for row in lines])
        cells = [f"{int(lines[0]['code']):,}", label(method, codec)]
        cells += [f"{short(interval.value)} [{short(interval.low)}, {short(interval.high)}]", short(float(first))]
        cells += [short(value) for value in means(lines)[1:]]
        cells += [f"{np.median([float(row['p50 ms']) for row in lines]):.2f}"]
        cells += [f"{int(lines[0]['parts']) / 1e6:.1f}", str(len(lines))]
        yield f"| {' | '.join(cells)} |"


def best_of(by_name: dict[Name, Rows], method: str, size: int, at: int = 0) -> Name | None:
    """The best of a method that so many bytes hold (0: no bound), among those of most seeds, whose chance is known.

    By the share of the true ten among the first ``COUNTS[at]``, to three digits; of equals the smallest.
    """
    fitting = [
        name for name, lines in by_name.items() if name[0] == method and (not size or int(lines[0]["code"]) <= size)
    ]
    most = max((len(by_name[name]) for name in fitting), default=0)
    fitting = [name for name in fitting if len(by_name[name]) == most]
    return max(
        fitting, key=lambda name: (round(means(by_name[name])[at], 3), -int(by_name[name][0]["code"])), default=None
    )


def means(lines: Rows) -> np.ndarray:
    """(counts,) over questions and seeds."""
    return np.mean([recalls(row).mean(axis=1) for row in lines], axis=0)


def pairs_of(by_name: dict[Name, Rows]) -> Iterator[tuple[int, Name, Name]]:
    """What is compared: bytes (0: no bound) and two names. Of a method, the best that these bytes hold."""

    def best(method: str, size: int = 0) -> Name | None:
        return best_of(by_name, method, size)

    lemur = "lemur" if best("lemur") else QUARTER
    for size in BUDGETS:
        yield from of_two(size, best(lemur, size), best("muvera", size))
    for size in BUDGETS[::3]:
        yield from of_two(size, best(TRAINED, size), best("lemur", size))
    yield from of_two(0, (lemur, UNCOMPRESSED, 0), ("muvera", UNCOMPRESSED, 0))
    least = BUDGETS[0] if best(lemur, BUDGETS[0]) else 0
    yield from of_two(least, best(lemur, least), best("mean_pooling"))
    for size in BUDGETS:
        yield from of_two(size, best("token_pooling", size), best(lemur, size))
        yield from of_two(size, best("token_pooling", size), best("kmeans_pooling", size))
    one, other = (("voronoi_pruning", "int8", BUDGETS[2]), ("idf_pruning", "int8", BUDGETS[2]))
    yield from of_two(BUDGETS[2], *(name if name in by_name else None for name in (one, other)))
    for method in TOKENS:
        yield from of_two(0, best(method), best(lemur))


def of_two(size: int, one: Name | None, other: Name | None) -> Iterator[tuple[int, Name, Name]]:
    """The pair, if both are measured."""
    if one is not None and other is not None:
        yield size, one, other


def tests(rows: Rows) -> Iterator[str]:
    """A line a comparison over the same questions, with the chance of seeds where there are several."""
    by_name = groups(rows)
    values = {name: np.stack([recalls(row) for row in lines], axis=1) for name, lines in by_name.items()}
    pairs: dict[tuple[Name, Name], int] = {}
    for size, one, other in pairs_of(by_name):
        if one in by_name and other in by_name:
            pairs.setdefault((one, other), size)
    compared = [
        ((size, one, other), at, paired_difference(values[one][at], values[other][at], resamples=RESAMPLES))
        for (one, other), size in pairs.items()
        for at in (0, 2)
    ]
    adjusted = holm([test.p for _, _, test in compared])
    yield "| bytes | one | the other | measure | one | the other | difference | p |"
    yield "|---:|---|---|---|---:|---:|---:|---:|"
    for ((size, one, other), at, test), p in zip(compared, adjusted):
        cells = [f"{size:,}" if size else "-", label(*one[:2]), label(*other[:2])]
        cells += ["recall@10" if at == 0 else f"{COUNTS[at]} candidates re-ranked"]
        cells += [short(values[name][at].mean()) for name in (one, other)]
        cells += [f"{test.value:+.3f} [{test.low:+.3f}, {test.high:+.3f}]", "< .001" if p < 0.001 else short(p)]
        yield f"| {' | '.join(cells)} |"


def best_at(by_name: dict[Name, Rows], size: int, at: int) -> list[Name]:
    """The best of each method that so many bytes hold, the best of all first."""
    methods = [method for method in dict.fromkeys(name[0] for name in by_name) if method != TRAINED]
    names = [name for method in methods if (name := best_of(by_name, method, size, at)) is not None]
    return sorted(names, key=lambda name: (-round(means(by_name[name])[at], 3), int(by_name[name][0]["code"])))


def choices(rows: Rows) -> dict[tuple[int, int], str]:
    """By bytes in memory and place in ``COUNTS``: the best in words, and what is not distinguishable from it."""
    by_name = groups(rows)
    values = {name: np.stack([recalls(row) for row in lines], axis=1) for name, lines in by_name.items()}
    ranked = {(size, at): best_at(by_name, size, at) for size in SIZES for at in range(len(COUNTS))}
    pairs = [(where, other) for where, names in ranked.items() for other in names[1:]]
    differences = [
        paired_difference(values[ranked[where][0]][where[1]], values[other][where[1]], resamples=FEW_RESAMPLES)
        for where, other in pairs
    ]
    equal = [pair for pair, each in zip(pairs, differences) if each.p * len(differences) >= EQUAL]
    words = {where: words_of(by_name[names[0]], where[1]) for where, names in ranked.items()}
    for where, other in equal:
        words[where] += f"; = `{other[0]}` {short(values[other][where[1]].mean())}"
    return words


def words_of(lines: Rows, at: int) -> str:
    """A method, its bytes, and what it keeps."""
    interval = combine_seeds([bootstrap_means({"": recalls(row)[at]})[""] for row in lines])
    kept = f"{short(interval.value)} [{short(interval.low)}, {short(interval.high)}]"
    return f"{label(*key(lines[0])[:2])}, {int(lines[0]['code']):,} B: {kept}, {len(lines)} seed{'s'[: len(lines) - 1]}"


def choice_table() -> Iterator[str]:
    """A line a number of bytes and of documents read; a column a set."""
    of_sets = [choices(load(file)) for file in SETS.values()]
    yield f"| bytes in memory | documents read from disk | {' | '.join(f'`{name}`' for name in SETS)} |"
    yield f"|---:|---:|{'---|' * len(SETS)}"
    for size in SIZES:
        for at, count in enumerate(COUNTS):
            cells = [f"{size:,}", str(count) if at else "none", *(of_set[size, at] for of_set in of_sets)]
            yield f"| {' | '.join(cells)} |"


def one_vector_table() -> Iterator[str]:
    """A line a method of one vector a document, at 320 and 1,280 bytes; its best codec on each set."""
    of_sets = [groups(load(file)) for file in SETS.values()]
    yield f"| at most | method | {' | '.join(f'`{name}` | 40 candidates' for name in SETS)} |"
    yield f"|---:|---|{'---|---:|' * len(SETS)}"
    for size in SIZES[:2]:
        for method in ("lemur", "mean_pooling", "muvera"):
            cells = [f"{size:,}", f"`{method}`"]
            for by_name in of_sets:
                best = best_of(by_name, method, size)
                assert best is not None
                cells += [
                    words_of(by_name[best], 0).removeprefix(f"`{method}` "),
                    short(means(by_name[best])[COUNTS.index(40)]),
                ]
            yield f"| {' | '.join(cells)} |"


def lists_table(rows: Rows) -> Iterator[str]:
    """A line a number of lists."""
    yield "| bytes | method | lists visited | documents visited | recall@10 | 40 candidates | p50 ms |"
    yield "|---:|---|---:|---:|---:|---:|---:|"
    for row in rows:
        cells = [f"{int(row['bytes']):,}", label(row["method"], row["codec"]), f"{row['probes']} of {row['lists']}"]
        cells += [f"{100 * float(row['visited']):.1f}%", *(short(float(row[name])) for name in ("recall@10", "of 40"))]
        yield f"| {' | '.join([*cells, row['p50 ms']])} |"


def page() -> Iterator[str]:
    """The page of all lines."""
    yield from _HEAD.splitlines()
    for name, file in SETS.items():
        rows = load(file)
        yield from ("", f"## {name}, {len(recalls(rows[0])[0]):,} questions", "")
        yield from table([row for row in rows if row["method"] not in FEWER])
        if fewer := [row for row in rows if row["method"] in FEWER]:
            yield from ("", "### Fewer vectors of a document", "", *table(fewer))
        yield from ("", "### Tests of pairs", "")
        yield from ("Query by query and over seeds; p after Holm. Of each method the best that so many bytes hold.", "")
        yield from tests(rows)
    yield from ("", "## Lists over documents' codes, squad-shifts-tokens", "", *lists_table(load(LISTS)))


def make() -> None:
    """The page and the tables."""
    write_whole(PAGE, "\n".join(page()) + "\n")
    docs = ROOT / "docs" / "multivector.md"
    put(docs, "choice", list(choice_table()))
    put(docs, "one vector", list(one_vector_table()))


if __name__ == "__main__":
    make()
