"""Sentences where nothing meets the limits: what misses them least, and what would meet them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bench.recommend.amounts import duration, share
from bench.recommend.offer import FEEDING_THREADS, MAX_P50, Limits, Offer
from bench.recommend.pick import affordable_share, unreachable_ms
from bench.report.words import count_bytes

if TYPE_CHECKING:
    from bench.recommend.answer import Answer


def unmet(answer: Answer) -> Iterator[str]:
    """All but the first of :attr:`Answer.nearest` and :attr:`Answer.nearer`, whose costs are told at length."""
    named = {answer.nearest[0].name}
    for other in answer.nearest[1:]:
        named.add(other.name)
        yield f"then {briefly(other)}{but(other, answer.question.limits)}"
    for option, offer in answer.closest.items():
        if offer.name not in named:
            yield f"nearest to {option}: {briefly(offer)}{but(offer, answer.question.limits)}"
    if (published := answer.published) is not None:
        yield (
            f"published records: {published.method} at {published.ratio:g}x (here "
            f"{4 * answer.dim / published.ratio:.0f} bytes) kept recall@{answer.question.k} {published.recall:.3f} on "
            f"{published.dataset}; not measured on your vectors"
        )


def unreachable(answer: Answer) -> Iterator[str]:
    """That no scan of so many codes meets the limit of latency, and what would."""
    limit = answer.question.limits.max_p50_ms
    if (reading_ms := unreachable_ms(answer)) is None or limit is None:
        return
    best = answer.nearest[0]
    threads, needed = best.used_threads, best.threads_for(limit)
    would = [f"an index that visits at most {share(affordable_share(answer))} of them{_index_loses(answer)}"]
    if smaller := int(limit / best.p50_ms * best.code):
        would.insert(0, f"codes of at most {smaller} bytes")
    if needed is not None:
        would.insert(0, f"{needed} threads (--threads {needed})")
    rest = "" if needed else f"; more threads would not, as memory is read no faster than by {FEEDING_THREADS}"
    yield (
        f"no scan of {best.n:,} codes of {best.code} bytes meets {MAX_P50} {limit:g}: reading "
        f"{count_bytes(best.n * best.code)} at {count_bytes(best.bandwidth)}/s (by {threads} "
        f"thread{'s' if threads > 1 else ''}) takes {duration(reading_ms / 1e3)}; what would meet it: "
        f"{', or '.join(would)}{rest}"
    )


def _index_loses(answer: Answer) -> str:
    """What lists would lose, as the user's vectors say."""
    if (visits := answer.visits) is None:
        return ""
    return (
        f" (index=ivf: in a sample of {visits.n:,}, the {visits.probes} best of {visits.lists:,} lists hold "
        f"{visits.share:.1%} of the vectors and {visits.kept:.3f} of the {answer.question.k} nearest; with more "
        "vectors they hold more of these)"
    )


def best_title(answer: Answer) -> str:
    """What the first of :attr:`Answer.nearest` is."""
    limits = answer.question.limits
    given = sum(limit is not None for limit in (limits.min_recall, limits.max_p50_ms, limits.max_memory_bytes))
    met = given - len(answer.nearest[0].missed(limits))
    return f"best within the budget{' and the other limits' if met > 1 else ' and the other limit' if met else ''}:"


def title(answer: Answer, offer: Offer) -> str:
    """What :attr:`Answer.nearer` is to the limits and to the budget."""
    where = "beyond the budget" if offer.code > answer.code_bytes else "with smaller codes"
    return f"nearer {where}:" if offer.missed(answer.question.limits) else f"meets them {where}:"


def briefly(offer: Offer) -> str:
    """A method with its recall and latency, in a line."""
    return (
        f"{offer.title} at {offer.code} bytes, recall@{offer.k} {offer.recall.value:.3f} on "
        f"{offer.record.dataset.n:,} vectors, p50 {duration(offer.p50_ms / 1e3)}"
    )


def but(offer: Offer, limits: Limits) -> str:
    """Which limits it misses."""
    return f", but {' and '.join(misses)}" if (misses := offer.misses(limits)) else ""
