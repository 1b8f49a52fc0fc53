"""``python -m bench.recommend table --rows 1M,50k,200 --dim 16 --budget 10x``: how to store an embedding table.

Nothing is measured: the answer comes from published records, of the vocabulary nearest in size and the nearest ratio.
What a method can reach on the user's own vocabulary is computed for that vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from bench import records
from bench.errors import UsageError
from bench.options import OneLineParser
from bench.recommend.question import parse_count
from bench.report import significance
from bench.report.rows import Row, rows_of
from bench.report.words import count_bytes, number, short
from bench.tracks.table import DEFAULT_MODEL
from methods import BudgetError, MethodError, registry
from methods.budget import Budget
from methods.tables.state import Fields

_AUC = "auc"
_NEAR = 1.1  # a published ratio this near to the requested one is called the same


@dataclass(frozen=True)
class TableQuestion:
    """A vocabulary (rows of each field), a width, a budget and where the records are."""

    rows: tuple[int, ...]
    dim: int
    budget: str
    published: str = "results/published"

    @property
    def raw(self) -> int:
        """Bytes as float32."""
        return 4 * sum(self.rows) * self.dim

    @property
    def table_bytes(self) -> int:
        return Budget(self.budget).total_bytes(sum(self.rows), self.dim)


@dataclass
class TableAnswer:
    """The answer, from records.

    Attributes
    ----------
    ranked : rows of methods that reach the budget with this vocabulary, best AUC first
    equal : names among them that are not distinguished from the best
    infeasible : method -> why it does not reach the budget
    full : the uncompressed table of the same data set, if it was measured
    ratio : of the records, float32 over their budget
    """

    question: TableQuestion
    ranked: list[Row]
    equal: list[str]
    infeasible: dict[str, str] = field(default_factory=dict)
    full: Row | None = None
    ratio: float = 1.0


def recommend_table(question: TableQuestion) -> TableAnswer:
    """The methods that reach the budget for this vocabulary, by records of the published data set of nearest size, at
    its ratio to float32 nearest to the requested one.

    Raises
    ------
    UsageError
        If nothing was published, or no method reaches the budget.
    """
    rows = _marked_rows(question.published)
    size = question.table_bytes
    compressed = [row for row in rows if row.family != "identity"]
    if not compressed:
        raise UsageError(f"{question.published} holds no records of tables; run python -m bench experiment=table")
    wanted, total = question.raw / max(1, size), sum(question.rows)
    nearest = min(compressed, key=lambda row: abs(math.log((row.record.dataset.vectors_per_item or 1) / total)))
    compressed = [row for row in compressed if row.group[:3] == nearest.group[:3]]
    ratios = sorted({_ratio(row) for row in compressed}, key=lambda ratio: abs(math.log(ratio / wanted)))
    near = [row for row in compressed if _ratio(row) == ratios[0]]
    infeasible: dict[str, str] = {}
    able = [row for row in near if _possible(row, question, infeasible)]
    if not able:
        reasons = "; ".join(list(infeasible.values())[:3])
        raise UsageError(f"no measured method stores this table in {size:,} bytes: {reasons}")
    able.sort(key=lambda row: -row.headline_quality.value)
    best = able[0]
    equal = [row.label for row in able[1:] if _indistinguishable(row, best)]
    full = next((row for row in rows if row.family == "identity" and row.group[:3] == best.group[:3]), None)
    return TableAnswer(question, able, equal, infeasible, full, ratios[0])


def _marked_rows(published: str) -> list[Row]:
    rows = rows_of(record for record in records.find([published]) if record.dataset.metric == _AUC)
    return significance.mark(rows, significance.find([published]))


def _ratio(row: Row) -> float:
    return row.record.dataset.float32_bytes / row.record.budget.bytes


def _indistinguishable(row: Row, best: Row) -> bool:
    """Whether it is as good as ``best``: by the published paired test against it, else by overlapping intervals."""
    if best.is_best and row.told_from_best is not None:
        return not row.told_from_best
    return row.headline_quality.high >= best.headline_quality.low


def _possible(row: Row, question: TableQuestion, infeasible: dict[str, str]) -> bool:
    """Whether the method reaches the budget with the user's vocabulary; why not goes into ``infeasible``."""
    requested = dict(row.record.method.requested)
    fields = Fields(question.rows, np.zeros(0, np.int64))
    try:
        cls = registry.get(requested.pop("name"), "table")
        registry.configured(cls, fields, question.dim, question.table_bytes, **requested)
    except BudgetError as error:
        infeasible[row.label] = str(error)
        return False
    except MethodError as error:
        infeasible[row.label] = f"{row.label}: {error}"
        return False
    return True


def lines(answer: TableAnswer) -> Iterator[str]:
    """The answer as text, a line each."""
    question, best = answer.question, answer.ranked[0]
    data = best.record.dataset
    yield (
        f"{sum(question.rows):,} rows of {question.dim} dimensions are {count_bytes(question.raw)} as float32; "
        f"at most {count_bytes(question.table_bytes)} ({question.budget})"
    )
    yield f"take {best.label}"
    yield f"  {_quality(best)} on {data.name}, {data.queries:,} test examples, {_seeds(best)}{_loss(answer)}"
    yield f"  {_costs(best)}"
    for row in answer.ranked[1:]:
        if row.label in answer.equal:
            yield f"not distinguishable: {row.label}, {_quality(row)}; {_costs(row)}"
    left = [
        f"{row.label} {row.headline_quality.value:.4f}" for row in answer.ranked[1:] if row.label not in answer.equal
    ]
    if left:
        yield f"worse: {', '.join(left)}"
    for reason in answer.infeasible.values():
        yield f"not possible here: {reason}"
    model = best.record.config.get("click_model") or DEFAULT_MODEL
    yield (
        f"measured at {answer.ratio:.4g}x on {data.vectors_per_item or 0:,.0f} rows of {data.dim} dimensions under "
        f"{model}, not on your data: intervals are over its test examples and seeds, and another data set may order "
        "methods otherwise"
    )
    if len(best.records) == 1:
        yield "each was trained once: another seed may change the order of those that are near"
    wanted = question.raw / question.table_bytes
    if max(wanted, answer.ratio) / min(wanted, answer.ratio) > _NEAR:
        yield f"nothing was published at {wanted:.4g}x; {answer.ratio:.4g}x is the nearest"


def _quality(row: Row) -> str:
    auc = row.headline_quality
    return f"AUC {auc.value:.4f} [{auc.low:.4f}, {auc.high:.4f}]"


def _seeds(row: Row) -> str:
    return f"{len(row.records)} seed{'s' if len(row.records) > 1 else ''}"


def _loss(answer: TableAnswer) -> str:
    if answer.full is None:
        return ""
    full = answer.full.headline_quality.value
    change = number(answer.ranked[0].headline_quality.value - full, "+.4f")
    return f"; the whole table {full:.4f} ({change})"


def _costs(row: Row) -> str:
    p50, fit = row.cost("p50 ms"), row.median(lambda record: record.seconds.get("fit"))
    stored = row.record.dataset.float32_bytes / row.code
    return f"{short(stored)}x as stored, lookup p50 {1e3 * (p50 or 0):.0f} µs, training {fit or 0:.0f} s"


def question_of(arguments: Sequence[str]) -> TableQuestion:
    """The question on a command line (without ``table``)."""
    parser = OneLineParser(prog="python -m bench.recommend table", description=__doc__)
    parser.add_argument("--rows", required=True, metavar="N,N,..", help="rows of each field: 1M,50k,200")
    parser.add_argument("--dim", type=int, default=16, help="width of the table (16)")
    parser.add_argument("--budget", required=True, help="of the whole table: 10x, or 48B or 2bit of a row")
    parser.add_argument("--records", default="results/published", help="where records are (results/published)")
    options = parser.parse_args(arguments)
    if not 1 <= options.dim <= 4096:
        raise UsageError(f"--dim {options.dim} is out of range; use 1 to 4096")
    rows = tuple(parse_count(text, "rows") for text in options.rows.split(","))
    if min(rows) < 1:
        raise UsageError(f"--rows {options.rows} has an empty field; use numbers of at least 1")
    question = TableQuestion(rows, options.dim, options.budget, options.records)
    Budget(question.budget)
    if question.table_bytes < 1:
        raise UsageError(f"--budget {options.budget} leaves no bytes at all; use a larger one")
    return question
