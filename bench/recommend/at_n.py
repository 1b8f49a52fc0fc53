"""Sentences on recall at the user's number of vectors, more than were measured with."""

from __future__ import annotations

from collections.abc import Iterator

from bench.recommend.amounts import change
from bench.recommend.offer import MIN_RECALL, Limits, Offer
from bench.recommend.scaling import DECADES


def carried_on(offer: Offer) -> str:
    """Recall at ``n`` and its interval, and how it was extrapolated."""
    law, interval = offer.law, offer.recall_range
    if law is None or interval is None:
        return f"; at {offer.n:,} not known: it was measured at one size alone"
    bounds = f"{interval.low:.3f} to {interval.high:.3f}"
    if offer.decades > DECADES:
        text = f"; at {offer.n:,} not known better than {bounds}"
    else:
        text = f"; at {offer.n:,} about {interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
    measured, recall = offer.record.dataset.n, offer.recall.value
    lost = law.at(10 * measured, recall).value - recall if law.slope else 0.0
    trend = f"{change(lost)} for ten times the vectors" if lost else "no fall seen"
    smallest, largest = min(law.sizes), max(law.sizes)
    return f"{text} ({trend}, from {len(law.sizes)} sizes of {smallest:,} to {largest:,})"


def unsure(offer: Offer, limits: Limits) -> Iterator[str]:
    """That the least recall is met by what is expected, but not surely."""
    least, interval = limits.min_recall, offer.recall_range
    if least is None or offer.decades == 0:
        return
    if interval is None:
        yield f"  but whether it keeps {MIN_RECALL} {least:g} at {offer.n:,} is not known"
    elif interval.low < least:
        low = f"{interval.low:.3f}"
        yield f"  but recall at {offer.n:,} may be less than {MIN_RECALL} {least:g}: below {low} in one of 20 cases"
