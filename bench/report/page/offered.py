"""What engines offer for a data set, beside the rows that were measured of the methods that their schemes stand for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from bench.engines import Offer, entry, names, offers
from bench.errors import UsageError
from bench.report.rows import Row

Shown = Sequence[tuple[int, Row]]  # rows with their places on the page


def offered(rows: Shown) -> list[dict[str, Any]]:
    """Engines with what they have for the vectors of one data set; those without a measured scheme are left out.

    Parameters
    ----------
    rows : sequence of (int, Row)
        Of one data set, each with its number on the page.

    Returns
    -------
    list of dict
        ``name``, ``title``, ``offers`` and ``missing``: names of schemes of which no row was measured. An offer has
        ``scheme`` (with its settings), ``row`` (the number of the measured one), ``bytes`` of a code in the engine,
        ``method_bytes`` of the method's own, ``equals``, ``differs`` and ``typed``.
    """
    measured = [(at, row) for at, row in rows if _is_plain(row)]
    if not measured:
        return []
    data = measured[0][1].record.dataset
    listed = (_of_engine(name, data.dim, data.metric, measured) for name in names())
    return [each for each in listed if each is not None]


def _is_plain(row: Row) -> bool:
    """Whether a row is of one vector's code alone: no engine of its own, nothing rescored."""
    return row.track == "dense" and row.record.engine is None and row.record.config.get("rescore") is None


def _of_engine(name: str, dim: int, metric: str, measured: Shown) -> dict[str, Any] | None:
    try:
        listed = offers(name, dim, metric)
    except UsageError:  # no scheme takes such vectors
        return None
    made, missing = [], []
    for offer in listed:
        match = nearest_row(offer, measured)
        if match is None:
            missing.append(offer)
        else:
            made.append(_as_json(offer, *match))
    if not made:
        return None
    return {"name": name, "title": entry(name).title, "offers": made, "missing": list(_names(missing))}


def nearest_row(offer: Offer, measured: Shown) -> tuple[int, list[str]] | None:
    """The number of the row that was measured of an offer's method at its bytes, and options in which it differs.

    Where none has the scheme's options, one with others stands in; but not a composition of another codec, whose codes
    have nothing in common with these. None: there is no such row.
    """
    if offer.bytes is None or offer.method_bytes is None:
        return None
    candidates = []
    for at, row in measured:
        method = row.record.method
        if method.name == offer.scheme.method and row.code == offer.method_bytes and _centered(row) is None:
            other = _other_options(offer, row)
            if "codec" not in other:
                unlike = [f"measured with {key} {has}, not {wants}" for key, (has, wants) in other.items()]
                candidates.append((len(unlike), row.label != method.name, row.record.budget.bytes, at, unlike))
    if not candidates:
        return None
    *_, at, unlike = min(candidates)
    return at, unlike


def _centered(row: Row) -> Any:
    return row.record.method.requested.get("center")


def _other_options(offer: Offer, row: Row) -> dict[str, tuple[Any, Any]]:
    """Options that a record has and in which it is not the scheme: name -> (of the record, of the scheme)."""
    method = row.record.method
    has = {**method.requested, **(method.params or {})}
    wanted = {key: value if isinstance(value, (int, str)) else float(value) for key, value in offer.params.items()}
    return {key: (has[key], value) for key, value in wanted.items() if key in has and has[key] != value}


def _as_json(offer: Offer, row: int, unlike: Iterable[str]) -> dict[str, Any]:
    scheme, unlike = offer.scheme, list(unlike)
    beyond = (offer.bytes or 0) - (offer.method_bytes or 0)
    over = [f"{beyond} bytes more than the method's own code: {scheme.over_because}"] if beyond else []
    return {
        "scheme": _title(offer),
        "row": row,
        "method": scheme.method,
        "bytes": offer.bytes,
        "method_bytes": offer.method_bytes,
        "equals": scheme.equals and not unlike,
        "differs": "; ".join([*filter(None, [scheme.differs]), *over, *unlike]),
        "typed": offer.typed,
    }


def _title(offer: Offer) -> str:
    return " ".join([offer.scheme.name, *map(_setting, offer.settings.items())])


def _setting(setting: tuple[str, str]) -> str:
    """``x4`` and ``bits1`` speak for themselves, ``4`` does not: ``bits 4``."""
    name, typed = setting
    return f"{name} {typed}" if typed.replace(".", "").isdecimal() else typed


def _names(missing: Iterable[Offer]) -> Iterable[str]:
    """A scheme once, with those of its settings that are missing."""
    for name, group in groupby(missing, key=lambda offer: offer.scheme.name):
        settings = [" ".join(map(_setting, offer.settings.items())) for offer in group]
        yield f"{name} ({', '.join(settings)})" if any(settings) else name
