"""The report as one HTML page that needs no network: data, style and script stand in it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from importlib import resources
from typing import Any

from rich.text import Text

from bench.records import Record
from bench.report.drawing import colors_of
from bench.report.groups_record import told
from bench.report.index_points import points_of
from bench.report.index_record import index_lines
from bench.report.load_record import load_lines
from bench.report.names import dataset_names
from bench.report.page.offered import offered
from bench.report.ranking import rankings
from bench.report.rows import COSTS, Row

_SCRIPTS = ("labels.js", "charts.js", "curves.js", "engines.js", "groups.js", "page.js")
_PER_RUN_CONFIG = ("seed", "k", "threads", "train_size", "rescore", "rescore_factor", "latency_s")


def render(rows: Sequence[Row], failures: Sequence[Record], title: str = "Vector compression benchmark") -> str:
    """The whole page.

    Parameters
    ----------
    rows : sequence of Row
        Marked against the best of their groups.
    failures : sequence of Record
        Runs that did not end well, shown with their reasons.
    """
    files = resources.files(__name__)
    names = ("page.html", "page.css", *_SCRIPTS)
    parts = {name: (files / name).read_text(encoding="utf-8") for name in names}
    data = json.dumps(page_data(rows, failures), separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    page = parts["page.html"].replace("{{title}}", title)
    script = "".join(parts[name] for name in _SCRIPTS)
    return page.replace("{{style}}", parts["page.css"]).replace("{{script}}", script).replace("{{data}}", data)


def page_data(rows: Sequence[Row], failures: Sequence[Record]) -> dict[str, Any]:
    """What the script reads: rows, failures, environments (each once), measures, costs, colors, rankings, engines."""
    environments: dict[str, int] = {}
    name = dataset_names([*(row.record for row in rows), *failures])
    shown = [_row(row, name(row.record), environments) for row in rows]
    measures = list(dict.fromkeys(name for row in rows for name in row.record.quality))
    return {
        "rows": shown,
        "failures": [
            {
                "dataset": name(record),
                "method": record.method.full_name,
                "budget": record.budget.requested,
                "status": record.status,
                "reason": record.reason,
            }
            for record in sorted(failures, key=lambda r: (r.method.full_name, -r.budget.bytes))
        ],
        "environments": [json.loads(text) for text in environments],
        "measures": sorted(measures, key=lambda name: (not name.startswith("recall@"), measures.index(name))),
        "costs": COSTS,
        "colors": _colors(rows, name),
        "rankings": _rankings(rows),
        "engines": _engines(rows, name),
    }


def _engines(rows: Sequence[Row], name: Callable[[Record], str]) -> dict[str, Any]:
    """``datasets``: data set -> what engines offer there (:func:`~bench.report.page.offered.offered`).

    Of an offer, ``differs`` and ``typed`` are places in ``texts``: most stand there for several data sets.
    """
    by_dataset: dict[str, list[tuple[int, Row]]] = {}
    for at, row in enumerate(rows):
        by_dataset.setdefault(name(row.record), []).append((at, row))
    datasets = {dataset: offered(of_dataset) for dataset, of_dataset in by_dataset.items()}
    texts: dict[str, int] = {}
    for offer in (offer for engines in datasets.values() for engine in engines for offer in engine["offers"]):
        offer |= {key: texts.setdefault(offer[key], len(texts)) for key in ("differs", "typed")}
    return {"datasets": datasets, "texts": list(texts)}


def _rankings(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Track -> its :class:`Ranking`."""
    return {
        ranking.track: {
            "groups": ranking.groups,
            "measure": ranking.measure,
            "left_out": ranking.left_out,
            "places": [{**place.__dict__, "win_rate": round(place.win_rate, 6)} for place in ranking.places],
        }
        for ranking in rankings(rows)
    }


def _colors(rows: Sequence[Row], name: Callable[[Record], str]) -> dict[str, dict[str, str]]:
    """Data set -> family -> color."""
    families: dict[str, set[str]] = {}
    for row in rows:
        families.setdefault(name(row.record), set()).add(row.family)
    return {name: {**colors_of(of_dataset), "identity": "#aaaaaa"} for name, of_dataset in families.items()}


def _row(row: Row, dataset: str, environments: dict[str, int]) -> dict[str, Any]:
    record = row.record
    environment = json.dumps({key: value for key, value in record.environment.items() if key != "date"}, sort_keys=True)
    quality = {name: row.quality(name) for name in record.quality}
    return {
        "dataset": dataset,
        "track": row.track,
        "method": row.label,
        "family": row.family,
        "budget": record.budget.requested,
        "budgetBytes": record.budget.bytes,
        "best": row.is_best,
        "headline": row.headline,
        "p": _short(row.p_best),
        "behind": [_short(value) for value in (row.behind.value, row.behind.low, row.behind.high)]
        if row.behind
        else None,
        "effect": _short(row.effect),
        "paired": row.effect is not None,
        "quality": {n: [_short(q.value), _short(q.low), _short(q.high)] for n, q in quality.items() if q is not None},
        "costs": {name: _short(row.cost(name)) for name in COSTS},
        "p95": _short(row.latency("p95")),
        "p99": _short(row.latency("p99")),
        "loads": [[label, Text.from_markup(text).plain] for label, text in load_lines(row.timed.record)],
        "index": _index(row),
        "shared": row.latency_shared,
        "groups": told(record.groups) if record.groups else None,
        "otherProcessor": row.other_processor,
        "qps": _short(row.median(lambda r: (r.throughput or {}).get("queries_per_s"))),
        "fit": _short(row.median(lambda r: r.seconds.get("fit"))),
        "encode": _short(row.median(lambda r: (r.throughput or {}).get("encode_vectors_per_s"))),
        "peak": row.median(lambda r: r.peak_memory_bytes),
        "parts": (record.bytes.made_of or record.bytes.parts) if record.bytes else {},
        "disk": record.bytes.rescore_disk if record.bytes else 0,
        "n": record.dataset.n,
        "dim": record.dataset.dim,
        "raw": record.dataset.float32_bytes,
        "setSize": _short(record.dataset.vectors_per_item),
        "queries": record.dataset.queries,
        "trained": _trained(row),
        "checksum": record.dataset.checksum[:16],
        "params": record.method.requested,
        "version": record.method.version,
        "config": {name: record.config.get(name) for name in _PER_RUN_CONFIG},
        "seeds": [r.config["seed"] for r in row.records],
        "keys": [r.key for r in row.records],
        "date": record.environment.get("date"),
        "environment": environments.setdefault(environment, len(environments)),
    }


def _index(row: Row) -> dict[str, Any] | None:
    """Of an index: its kind, its points and what they count, and lines of words on it; None where there is none."""
    if row.record.index is None:
        return None
    points = [
        {
            "probes": point.probes,
            "visited": _short(point.scanned),
            "p50": _short(point.latency_ms["p50"]),
            "qps": _short(point.queries_per_s),
            "quality": {name: [_short(q.value), _short(q.low), _short(q.high)] for name, q in point.quality.items()},
        }
        for point in points_of(row)
    ]
    lines = [[label, Text.from_markup(text).plain] for label, text in index_lines(row.record)]
    return {"kind": row.record.index.kind, "unit": row.record.index.unit, "points": points, "lines": lines}


def _trained(row: Row) -> str:
    data = row.record.dataset
    if row.track == "table":
        return f"{data.n_train:,} examples"
    return f"{data.n_train:,} {'vectors' if row.track == 'dense' else 'documents'} of the {data.trained_on}"


def _short(value: float | None) -> float | None:
    """Seven significant digits: half the bytes, and three of them are rounded as they are elsewhere."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.7g}")
