"""Which of the measured methods is the answer: limits are a filter, then recall decides, then cost.

Where nothing meets the limits: what comes nearest, by each of them. Where another method loses little and is much
faster: that one too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bench.measure.statistics import paired_difference
from bench.recommend.answer import Answer, Staying, Trade
from bench.recommend.offer import MAX_P50, MIN_RECALL, Limits, Offer
from bench.recommend.race import Racer, undominated
from bench.recommend.scaling import trend_of

_FEWER_VECTORS = 0.03  # recall of fewer vectors has to exceed the least by so much
_ALIKE = 1.05  # times the bytes of the smallest, up to which bytes do not decide
_NAMED = 3  # of those that come nearest
_LITTLE, _FASTER, _FASTER_ENCODING = 0.01, 2.0, 10.0  # loss of recall, and times as fast, to be named beside the winner


def carry_on(racers: Iterable[Racer]) -> None:
    """Gives the offers of racers the trend of their recall, as far as it is needed and known."""
    for racer in racers:
        offer = racer.offer
        if offer.trend is None and offer.decades > 0:
            racer.offer = replace(offer, trend=trend_of(offer.record))


def may_meet(offer: Offer, limits: Limits) -> bool:
    """Whether it meets the limits by the recall measured on the sample, which is no less than at more vectors."""
    least = limits.min_recall
    return (least is None or offer.recall.value >= least) and not offer.missed(replace(limits, min_recall=None))


def staying(own: Offer, rounds: Iterable[Sequence[Racer]]) -> Staying | None:
    """What the best of all keeps more than what engines have, on the vectors of the first round in which that raced."""
    for racers in rounds:
        same = next((racer for racer in racers if racer.name == own.name), None)
        if same is not None:
            best = racers[0]
            return Staying(best.offer, same.offer, paired_difference(best.per_query, same.per_query))
    return None


def choose(answer: Answer, *rounds: list[Racer]) -> None:
    """The best that meets the limits, its runner-up and its trades; else those that come nearest to them.

    Parameters
    ----------
    rounds : list of Racer
        The deciding round, then those before it, each best recall first. A method that dropped out may meet a limit
        that no finalist does: a fast one that finds less, say. Its recall is of fewer vectors, so it has to exceed the
        least by a margin.
    """
    limits, seen = answer.question.limits, set[str]()
    for racers in rounds:
        good = [racer for racer in racers if racer.name not in seen and not racer.offer.missed(limits)]
        seen |= {racer.name for racer in racers}
        if good:
            winner = cheapest(good)
            answer.chosen = winner.offer
            others = [racer for racer in [*good, *racers] if racer is not winner]
            if others:
                answer.runner_up = others[0].offer
                answer.against = paired_difference(winner.per_query, others[0].per_query)
            answer.trades = _trades(winner, rounds, answer.question.limits)
            return
        if (least := answer.question.limits.min_recall) is not None:
            limits = replace(limits, min_recall=min(1.0, least + _FEWER_VECTORS))
    _come_nearest(answer, rounds)


def cheapest(racers: Sequence[Racer]) -> Racer:
    """Of those not distinguishable from the first, and at most a hundredth behind it, the cheapest: by bytes at N, and
    among those that take hardly more than the smallest, by the time of a query.

    Few queries distinguish little: a method that is measured to lose more than a hundredth may well do so.
    """
    least = racers[0].offer.recall.value - _LITTLE
    tied = [racer for racer in undominated(racers, 0.0, latency_matters=False) if racer.offer.recall.value >= least]
    smallest = min(racer.offer.memory_bytes for racer in tied)
    small = [racer for racer in tied if racer.offer.memory_bytes <= _ALIKE * smallest]
    return min(small, key=lambda racer: racer.offer.p50_ms)


def _come_nearest(answer: Answer, rounds: Sequence[Sequence[Racer]]) -> None:
    """Those that miss the fewest limits, best recall first; and for each limit the one that misses it by least."""
    limits = answer.question.limits
    latest: dict[str, Racer] = {}
    for racers in rounds:
        for racer in racers:
            latest.setdefault(racer.name, racer)
    missed = {name: racer.offer.missed(limits) for name, racer in latest.items()}
    fewest = min(len(one) for one in missed.values())
    close = {name: racer for name, racer in latest.items() if len(missed[name]) == fewest}
    for racers in rounds:  # recall is compared on the same vectors: of the latest round that has any
        if same := [racer for racer in racers if close.get(racer.name) is racer]:
            first = cheapest(same)
            answer.nearest = [first.offer, *[racer.offer for racer in same if racer is not first]][:_NAMED]
            break
    for option in missed[answer.nearest[0].name]:
        others_met = [racer for name, racer in latest.items() if not missed[name].keys() - {option}]
        pool = [racer.offer for racer in others_met or latest.values()]
        answer.closest[option] = min(pool, key=lambda offer: offer.cost(option))


def _trades(winner: Racer, rounds: Iterable[Sequence[Racer]], limits: Limits) -> list[Trade]:
    """The fastest in search and the fastest in encoding of those that keep nearly as much, if they are much faster."""
    trades: dict[str, Trade] = {}
    for racers in rounds:
        same = next((racer for racer in racers if racer.name == winner.name), None)
        for racer in racers if same is not None else []:
            if same is None or racer is same or racer.name in trades or racer.offer.missed(limits):
                continue
            if _nearly_as_good(racer, same):
                trades[racer.name] = Trade(same.offer, racer.offer)
    in_search = max(trades.values(), key=lambda trade: trade.search_speedup, default=None)
    in_encoding = max(trades.values(), key=lambda trade: trade.encode_speedup, default=None)
    named = []
    if in_search is not None and in_search.search_speedup >= _FASTER:
        named.append(in_search)
    if in_encoding is not None and in_encoding.encode_speedup >= _FASTER_ENCODING and in_encoding not in named:
        named.append(in_encoding)
    return named


def _nearly_as_good(racer: Racer, winner: Racer) -> bool:
    """Within a hundredth of the winner's recall, or not distinguishable from it."""
    lost = winner.offer.recall.value - racer.offer.recall.value
    return lost <= _LITTLE or paired_difference(winner.per_query, racer.per_query).p >= 0.05


def sizes_elsewhere(answer: Answer) -> list[int]:
    """Other budgets in bytes to try: twice and half; where a limit is missed, those that may meet it.

    Larger codes keep more, and smaller ones are scanned sooner.
    """
    here = answer.code_bytes
    missed = {} if answer.chosen is not None else answer.nearest[0].missed(answer.question.limits)
    if MIN_RECALL not in missed and missed:
        return [here // 2, here // 4, here // 8]
    return [here * 2, here * 4, here * 8] if len(missed) == 1 else [here * 2, here // 2]


def best_of(racers: Sequence[Racer], limits: Limits) -> Offer:
    """The best of another budget: that keeps most of those that meet the limits, or of all if none does."""
    return next((racer for racer in racers if not racer.offer.missed(limits)), racers[0]).offer


def nearer(answer: Answer, offers: Sequence[Offer]) -> Offer | None:
    """Of offers at other budgets, what meets the limits that nothing at this one met, else what keeps more.

    Of larger codes the smallest that meet them; of those within the budget the one that keeps most.
    """
    limits, here = answer.question.limits, answer.nearest[0]

    def larger(offer: Offer) -> int:
        return offer.code if offer.code > answer.code_bytes else 0

    if meeting := [offer for offer in offers if not offer.missed(limits)]:
        return min(meeting, key=lambda offer: (larger(offer), -offer.recall.value))
    if MIN_RECALL not in here.missed(limits):
        return None
    fewest = len(here.missed(limits))
    better = [o for o in offers if o.recall_at_n > here.recall_at_n and len(o.missed(limits)) <= fewest]
    return max(better, key=lambda offer: offer.recall_at_n, default=None)


def unreachable_ms(answer: Answer) -> float | None:
    """What reading all codes of the budget takes, where it alone is longer than a query may take; else None."""
    if answer.chosen is not None or not answer.nearest or (limit := answer.question.limits.max_p50_ms) is None:
        return None
    best = answer.nearest[0]
    return best.reading_ms if MAX_P50 in best.missed(answer.question.limits) and best.reading_ms > limit else None


def affordable_share(answer: Answer) -> float:
    """Share of the codes that a query may visit within the limit of latency, where :func:`unreachable_ms` is a time."""
    limit = answer.question.limits.max_p50_ms
    assert limit is not None
    return limit / answer.nearest[0].p50_ms
