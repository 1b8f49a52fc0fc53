"""What the gate compares of one run, from a record or from an entry of a pytest-benchmark file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import records
from bench.config import RunConfig
from bench.errors import UsageError
from bench.records import Record

MEASURES = ("recall@1", "recall@10", "recall@100", "reconstruction_error")


@dataclass(frozen=True)
class Case:
    """One run.

    Attributes
    ----------
    name : str
        For people: ``pq@48B``.
    dataset : str
    identity : str
        Equal for runs that measure the same thing.
    status, reason : str
        As in a record.
    code_bytes, parts_bytes : int or None
        Bytes of a code, and of what is stored besides.
    measures : dict
        Those of :data:`MEASURES` that are known.
    p50_ms : float or None
    config : dict or None
        To run it again; None where a file does not say.
    """

    name: str
    dataset: str
    identity: str
    status: str
    reason: str
    code_bytes: int | None
    parts_bytes: int | None
    measures: dict[str, float]
    p50_ms: float | None
    config: dict[str, Any] | None

    @classmethod
    def of_record(cls, record: Record) -> Case:
        """From a record."""
        determinants = RunConfig.from_dict(record.config).determinants()
        determinants.pop("latency_s")
        # The same vectors and bytes, however the data set's options and the budget were worded.
        determinants |= {"budget": record.budget.bytes, "dataset": [record.dataset.checksum, record.dataset.metric]}
        size = record.bytes
        seed = f" seed {record.config['seed']}" if record.config["seed"] else ""
        rescored = f" rescore={record.config['rescore']}" if record.config["rescore"] else ""
        return cls(
            name=f"{record.method.full_name}@{record.budget.bytes}B{rescored}{seed}",
            dataset=record.dataset.name,
            identity=json.dumps(determinants, sort_keys=True),
            status=record.status,
            reason=record.reason,
            code_bytes=size.code if size else None,
            parts_bytes=size.parts_total if size else None,
            measures={name: record.quality[name].value for name in MEASURES if name in record.quality},
            p50_ms=record.latency_ms["p50"] if record.latency_ms else None,
            config=record.config,
        )

    @classmethod
    def of_benchmark(cls, entry: dict[str, Any]) -> Case:
        """From an entry of a pytest-benchmark file whose ``extra_info`` holds figures; ValueError if it holds none."""
        extra = entry.get("extra_info") or {}
        measures = {name: float(extra[name]) for name in MEASURES if name in extra}
        if not measures and "code_bytes" not in extra:
            raise ValueError(
                f"extra_info of {entry.get('name')!r} has neither code_bytes nor any of {', '.join(MEASURES)}"
            )
        name = str(entry["name"])
        return cls(
            name=name,
            dataset=str(extra.get("dataset", "")),
            identity=str(extra.get("identity", entry.get("fullname", name))),
            status="ok",
            reason="",
            code_bytes=extra.get("code_bytes"),
            parts_bytes=extra.get("parts_bytes"),
            measures=measures,
            p50_ms=1e3 * float(entry["stats"]["median"]) if entry.get("stats") else None,
            config=extra.get("config"),
        )


def read_cases(path: str | Path, dataset: str | None = None) -> list[Case]:
    """Cases of a folder of records, packed records, a ``record.json`` or a pytest-benchmark ``.json``.

    Of runs that were skipped for lack of a code that small nothing can fall behind: they are left out.

    Raises
    ------
    UsageError
        If there is none (of ``dataset``), or the file is none of these.
    """
    path = Path(path)
    if path.suffix == ".json" and path.name != records.RECORD_FILE and path.is_file():
        cases = _of_benchmark_file(path)
    else:
        cases = [Case.of_record(record) for record in records.find([path]) if record.status != "skipped"]
    chosen = [case for case in cases if dataset in (None, case.dataset)]
    if not chosen:
        known = ", ".join(sorted({case.dataset for case in cases if case.dataset}))
        raise UsageError(f"{path} has no runs of {dataset}; {f'it has {known}' if known else 'it has no runs at all'}")
    return chosen


def _of_benchmark_file(path: Path) -> list[Case]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["benchmarks"]
        return [Case.of_benchmark(entry) for entry in entries]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path} is not a pytest-benchmark file of this gate: {error}") from error
