"""The answer in a few lines."""

from __future__ import annotations

from collections.abc import Iterator

from bench.recommend.actions import command, commands, offered, python_lines
from bench.recommend.amounts import change, duration
from bench.recommend.answer import Answer
from bench.recommend.at_n import carried_on, unsure
from bench.recommend.disk import DiskOrder
from bench.recommend.engine_words import costs, left_out, memory, scheme_lines, staying, where_to_have
from bench.recommend.offer import FEEDING_THREADS, Offer
from bench.recommend.prices import Prices, monthly
from bench.recommend.question import Question
from bench.recommend.unmet import best_title, but, title, unmet, unreachable
from bench.report.words import count_bytes, number

_KEPT = 1.2  # times --time that still count as kept


def lines(answer: Answer) -> Iterator[str]:
    """The answer as text, a line each."""
    yield from answer_lines(answer)
    yield from saved_lines(answer)


def answer_lines(answer: Answer) -> Iterator[str]:
    """All that is known before anything is saved."""
    question = answer.question
    raw = 4 * answer.dim * answer.n
    yield (
        f"{answer.n:,} vectors of {answer.dim} dimensions are {count_bytes(raw)} as float32; "
        f"at most {answer.code_bytes} bytes each ({_budget(question, answer.n * answer.code_bytes)})"
    )
    if (money := monthly(question.prices, raw, 0)) is not None:
        yield f"float32 in memory costs {money}"
    yield from answer.vectors
    if answer.favorites_missing:
        of = "the first five of those named, by" if question.methods else "the first five in"
        yield (
            f"no time for {_and(answer.favorites_missing)}, of {of} published records: --time {answer.needed_s:g} "
            "should be enough, or run this again if it compiled much (what was compiled is kept)"
        )
    if answer.chosen is not None:
        yield from _offer("take", answer.chosen, question.prices)
        yield from unsure(answer.chosen, question.limits)
        yield from _heavy_parts(answer.chosen)
        yield from _runner_up(answer)
        yield from staying(answer)
        yield from _trades(answer)
    else:
        yield "nothing that raced within the budget meets the limits"
        yield from unreachable(answer)
        yield from _nearest(answer)
        yield from staying(answer)
    yield from where_to_have(answer)
    yield from _changes(answer)
    yield from _disk(answer)
    yield from _other_machine(question)
    yield from _actions(answer)
    yield from left_out(answer)
    if answer.failed:
        yield f"not measured: {', '.join(f'{name} ({record.status})' for name, record in answer.failed.items())}"
    if answer.unstarted:
        last = "published records have them behind; " if answer.expected.issuperset(answer.unstarted) else ""
        yield f"no time for: {', '.join(answer.unstarted)} ({last}--time gives more)"
    ahead = [name for name in answer.ahead if name not in answer.favorites_missing]
    if ahead and answer.chosen is not None:
        yield (
            f"published records expect {', '.join(ahead)} to keep more than {_best(answer).method}: give more "
            "--time, or run this again if it was the first time (what was compiled is kept)"
        )
    for round_ in answer.too_long:
        yield f"no time for {round_}; --time gives more"
    if answer.order_from:
        yield f"order of the race: {answer.order_from}"
    yield f"{len(answer.raced)} methods raced in {answer.seconds:.0f} s{_overrun(answer)}"


def _heavy_parts(offer: Offer) -> Iterator[str]:
    """Where a code is small and what it is decoded with is not."""
    assert offer.record.bytes is not None
    parts, codes = offer.record.bytes.parts_total, offer.n * offer.code
    if offer.scheme is None and parts > codes:
        yield (
            f"its parts (codebooks, rotations and the like) take {count_bytes(parts)}, its codes {count_bytes(codes)}: "
            f"they weigh less than codes from {parts // offer.code + 1:,} vectors on"
        )


def _best(answer: Answer) -> Offer:
    """The best of all that raced."""
    assert answer.chosen is not None
    return answer.chosen if answer.staying is None else answer.staying.best


def _and(names: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _budget(question: Question, codes: int) -> str:
    """The budget as the user gave it."""
    if (memory := question.limits.max_memory_bytes) is None:
        return question.budget
    return f"--memory {count_bytes(memory)}, {count_bytes(memory - codes)} of it for codebooks and the like"


def _disk(answer: Answer) -> Iterator[str]:
    """One line on a final order by full vectors on disk."""
    if (order := answer.disk) is None:
        return
    offer = order.offer
    if not order.kept:
        yield f"no time to measure a final order from disk: {command(answer, offer, rescore='disk')}"
        return
    parts = [
        f"with the final order from disk (rescore=disk): recall@{offer.k} {_kept(order)}",
        f"{order.reads} reads of {count_bytes(order.row_bytes)} a query",
        f"{count_bytes(order.disk_bytes)} on disk",
    ]
    if order.warm_ms is not None:
        cold = "unknown cold" if order.cold_ms is None else f"{duration(order.cold_ms / 1e3)} cold"
        why = f" ({order.cold_unknown})" if order.cold_unknown else ""
        parts.append(f"p50 {duration(order.warm_ms / 1e3)} with vectors in memory, {cold}{why}")
    parts += [f"at {size} bytes: {command(answer, offer, rescore='disk', budget=f'{size}B')}" for size in order.missing]
    yield "; ".join(parts)


def _kept(order: DiskOrder) -> str:
    """``1.000 at 48 bytes, 0.998 at 24 bytes of pq on 20,000 vectors``; what is of both is said once."""
    texts = []
    for one, following in zip(order.kept, [*order.kept[1:], None]):
        of = f" of {one.method} on {one.measured_on:,} vectors"
        same = following is not None and (following.method, following.measured_on) == (one.method, one.measured_on)
        texts.append(f"{number(one.recall.value, '.3f')} at {one.code_bytes} bytes{'' if same else of}")
    return ", ".join(texts)


def _actions(answer: Answer) -> Iterator[str]:
    """What to do next: measure on everything, use it."""
    if not offered(answer):
        return
    trained = f", fitted on {answer.train_size:,}" if answer.train_size else ""
    yield f"to measure on all {answer.in_file:,} vectors of {answer.question.data}{trained}:"
    yield from (f"  {command}" for command in commands(answer))
    if not answer.question.engines:
        yield "in Python:"
        yield from (f"  {line}" for line in python_lines(answer))


def saved_lines(answer: Answer) -> Iterator[str]:
    """What is in the folder of ``--save``, or why there is none."""
    if (folder := answer.question.save) is None:
        return
    if (saved := answer.saved) is None:
        yield f"nothing is saved in {folder}: no method meets the limits"
    elif saved.problem:
        yield f"nothing is saved: {saved.problem}"
    else:
        files = ", ".join(f"{name} ({count_bytes(size)}{_meaning(name, answer)})" for name, size in saved.files.items())
        yield f"saved in {folder}, fitted on {saved.trained_on:,} vectors in {duration(saved.seconds)} more: {files}"
        if saved.encoding_s is not None:
            yield (
                f"codes are not saved: encoding the vectors of {answer.question.data} takes "
                f"{duration(saved.encoding_s)}; the lines of Python do it"
            )


def _meaning(name: str, answer: Answer) -> str:
    if name.endswith(".codec"):
        return "; methods.load reads it"
    return f"; of every vector of {answer.question.data}, in its order"


def _other_machine(question: Question) -> Iterator[str]:
    """What is assumed of a machine with more cores than this one."""
    if question.threads > (measured := question.measured_threads):
        feeding = min(question.threads, FEEDING_THREADS)
        yield (
            f"this machine has {measured} core{'s' if measured > 1 else ''}, not {question.threads}: latency and build "
            f"time are extrapolated, as if a scan and encoding were {question.threads / measured:.3g} times as fast as "
            f"here, memory read no faster than by {feeding} threads here, and fitting took as long"
        )


def _overrun(answer: Answer) -> str:
    """Why the time was not kept."""
    if answer.seconds <= _KEPT * answer.question.time_s or answer.slowest is None:
        return ""
    name, longest = answer.slowest.method.name, answer.slowest.seconds["process"]
    return (
        f", not in the {answer.question.time_s:.0f} s of --time: {name} alone took {longest:.0f} s, samples and their "
        f"exact neighbors {answer.preparing_s:.0f} s"
    )


def _nearest(answer: Answer) -> Iterator[str]:
    """What comes nearest to limits that nothing meets, and what was measured at other budgets and comes nearer."""
    limits, best = answer.question.limits, answer.nearest[0]
    yield from _offer(best_title(answer), best, answer.question.prices)
    yield f"  but {' and '.join(best.misses(limits))}"
    yield from unmet(answer)
    if (other := answer.nearer) is not None:
        yield from _offer(title(answer, other), other, answer.question.prices)
        if misses := other.misses(limits):
            yield f"  but {' and '.join(misses)}"


def _offer(word: str, offer: Offer, prices: Prices | None = None) -> Iterator[str]:
    record, recall = offer.record, offer.recall
    measured = record.dataset.n
    yield f"{word} {offer.title} at {offer.code} bytes a vector"
    low, high = number(recall.low, ".3f"), number(recall.high, ".3f")
    text = f"  keeps    recall@{offer.k} {recall.value:.3f} [{low}, {high}] on {measured:,} vectors"
    yield text + (carried_on(offer) if offer.n > measured else "")
    yield f"  memory   {memory(offer)}"
    if (money := monthly(prices, offer.memory_bytes, offer.disk_bytes)) is not None:
        yield f"  costs    {money}"
    shared = " (other processes kept the machine busy)" if record.latency_shared else ""
    threads, measured_by = offer.used_threads, offer.measured_threads
    reranked = " and re-ranking" if record.config.get("rescore") else ""
    grown = f", carried on from {measured:,} vectors" if offer.n > measured else ""
    beyond = f", extrapolated from {measured_by} here" if threads > measured_by else ""
    whose = f" of {offer.method} here, not in the engine," if offer.schemes else ""
    yield (
        f"  latency  p50 {duration(offer.p50_ms / 1e3)} for a scan of all codes{reranked}{whose} by {threads} "
        f"thread{'s' if threads > 1 else ''}{beyond}{grown}{shared}"
    )
    yield (
        f"  build    {duration(offer.build_s)}: fit {duration(record.seconds['fit'])} on {record.dataset.n_train:,}, "
        f"encode {offer.encode_rate:,.0f} vectors/s{beyond}"
    )
    yield from scheme_lines(offer)


def _runner_up(answer: Answer) -> Iterator[str]:
    other, against = answer.runner_up, answer.against
    if other is None or against is None:
        assert answer.chosen is not None
        measured = answer.chosen.record.dataset.n
        yield f"no runner-up: no method but {answer.chosen.method} got through on {measured:,} vectors"
        return
    sure = f"p = {against.p:.2g}" if against.p < 0.05 else f"not distinguishable, p = {against.p:.2g}"
    yield (
        f"runner-up: {other.title} at {other.code} bytes, recall@{other.k} {other.recall.value:.3f} "
        f"({change(-against.value)}, {sure}), p50 {duration(other.p50_ms / 1e3)}, build {duration(other.build_s)}"
        f"{costs(other, answer.question.prices)}{but(other, answer.question.limits)}"
    )


def _trades(answer: Answer) -> Iterator[str]:
    """Methods that keep nearly as much and are much faster, beside the chosen one."""
    for trade in answer.trades:
        best, other = trade.best, trade.other
        yield (
            f"fast against best: {best.title} {best.recall.value:.3f} at {_costs(best)}; "
            f"{other.title} {other.recall.value:.3f} at {_costs(other)}{_where(answer, other)}"
        )


def _costs(offer: Offer) -> str:
    encoding = duration(offer.n / offer.encode_rate)
    return f"p50 {duration(offer.p50_ms / 1e3)} and {encoding} to encode {offer.n:,}"


def _where(answer: Answer, offer: Offer) -> str:
    """On how many vectors both were compared, if fewer than the chosen one was measured on."""
    compared, chosen = offer.record.dataset.n, answer.chosen
    return f" (on {compared:,} vectors)" if chosen is not None and compared < chosen.record.dataset.n else ""


def _changes(answer: Answer) -> Iterator[str]:
    """When another method would be the answer."""
    limits = answer.question.limits
    here = answer.chosen or (answer.nearest[0] if answer.nearest else None)
    for code_bytes, offer in sorted(answer.elsewhere.items()):
        if here is not None and offer.code > here.code and offer.recall.value <= here.recall.value:
            continue  # there was no time there for what is better: larger codes would be no gain
        own = f" at {offer.code} bytes" if offer.code < code_bytes else ""
        kept = f"{own} (recall@{offer.k} {_small(offer, answer)})"
        if offer.missed(limits):
            most = f"{offer.title}{kept} keeps most{but(offer, limits)}"
            yield f"at {code_bytes} bytes nothing tried meets the limits; {most}"
        elif here is not None and not _same(offer, here):
            yield f"at {code_bytes} bytes take {offer.title}{kept}"
        else:
            yield f"at {code_bytes} bytes still {offer.title}{kept}"
    fastest, chosen = answer.fastest, answer.chosen
    named = {trade.other.name for trade in answer.trades} | ({chosen.name} if chosen else set())
    eligible = fastest is not None and fastest.name not in named and not fastest.missed(limits)
    if eligible and fastest is not None and chosen is not None and fastest.p50_ms < chosen.p50_ms / 1.5:
        yield (
            f"for a p50 below {duration(chosen.p50_ms / 1e3)} take {fastest.title}: about "
            f"{duration(fastest.p50_ms / 1e3)} (recall@{fastest.k} {_small(fastest, answer)})"
        )
    crossing = _crossing(answer)
    if crossing:
        yield crossing


def _same(offer: Offer, other: Offer) -> bool:
    """Whether both are of one method, or of one scheme of an engine."""
    if offer.scheme is not None and other.scheme is not None:
        return (offer.scheme.engine, offer.scheme.scheme) == (other.scheme.engine, other.scheme.scheme)
    return offer.method == other.method


def _small(offer: Offer, answer: Answer) -> str:
    """Its recall and on how many vectors; where these are fewer, also what the first offer has on as many."""
    n, here = offer.record.dataset.n, answer.chosen or answer.nearest[0]
    same = answer.earlier.get(n)
    beside = "" if same is None or n == here.record.dataset.n else f", where {here.title} has {same.recall.value:.3f}"
    return f"{offer.recall.value:.3f} on {n:,} vectors{beside}"


def _crossing(answer: Answer) -> str:
    """Where the parts of the winner weigh more than its codes save."""
    here, other = answer.chosen, answer.runner_up
    if here is None or other is None or here.record.bytes is None or other.record.bytes is None:
        return ""
    parts = here.record.bytes.parts_total - other.record.bytes.parts_total
    saved = other.code - here.code
    if parts <= 0 or saved <= 0:
        return ""
    if (few := parts // saved) < 1:
        return ""
    return f"below {few:,} vectors {other.title} is the smaller one, parts included"
