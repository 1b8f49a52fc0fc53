"""From an engine, a scheme and a budget to the one offer that is measured."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bench.engines.adaptors.base import Engine
from bench.engines.adaptors.finding import adaptor, runnable
from bench.engines.offers import Offer, offers, refusals
from bench.errors import UsageError, unknown_name
from methods.errors import BudgetError


class NotOffered(ValueError):
    """An engine does not take vectors of a dimension or a metric; the message says what it takes."""


def choose(name: str, scheme: str | None, dim: int, code_bytes: int, metric: str) -> Offer:
    """The offer of an engine that uses a budget best: the largest code within it.

    Parameters
    ----------
    name : str
        Of an engine with an adaptor.
    scheme : str or None
        As the catalogue calls it, or its first word (``IvfRq`` is ``IvfRq 1 bit`` or ``IvfRq 4 bits``, whichever the
        budget allows); None for any.
    dim : int
    code_bytes : int
        Most bytes of a code with its factors. Ids, links and originals come on top and are recorded beside it.
    metric : {"cosine", "ip", "l2"}

    Raises
    ------
    UsageError
        No engine or scheme is called so.
    NotOffered
        None of its schemes takes such vectors.
    BudgetError
        All codes are larger; the message says the smallest.
    """
    engine = adaptor(name)
    listed = [offer for each in _schemes(engine, scheme) for offer in offered(engine, each, dim, metric)]
    if not listed:
        reasons = {each.scheme.name: each.reason for each in refusals(name, dim, metric)}
        raise NotOffered(
            "; ".join(f"{name} {each}: {reasons.get(each, 'bytes not known')}" for each in _schemes(engine, scheme))
        )
    within = [offer for offer in listed if offer.bytes is not None and offer.bytes <= code_bytes]
    if not within:
        least = min(offer.bytes or 0 for offer in listed)
        raise BudgetError(f"{name} {scheme}" if scheme else name, code_bytes, least)
    return max(within, key=engine.offer_rank)


def offered(engine: type[Engine], scheme: str, dim: int, metric: str) -> list[Offer]:
    """What an adaptor can be measured with of one scheme; none if it does not take such vectors."""
    try:
        return [offer for offer in offers(engine.name, dim, metric, scheme) if offer.bytes is not None]
    except UsageError:
        return []


def short_names() -> Iterator[tuple[str, str]]:
    """``lancedb:IvfRq-1-bit`` and the scheme that it means, of every engine that can be measured."""
    for name in runnable():
        for scheme in adaptor(name).schemes:
            yield f"{name}:{_slug(scheme)}", scheme


def _slug(scheme: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", scheme).strip("-")


def _schemes(engine: type[Engine], given: str | None) -> list[str]:
    """Schemes that a name means."""
    if given is None:
        return list(engine.schemes)
    exact = [each for each in engine.schemes if given in (each, _slug(each))]
    first = [each for each in engine.schemes if each.startswith((f"{given} ", f"{given}-"))]
    if not (meant := exact or first):
        raise UsageError(unknown_name(f"scheme of {engine.name} that can be measured", given, engine.schemes))
    return meant
