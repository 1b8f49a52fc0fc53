"""The answer in a few lines."""

from __future__ import annotations

from collections.abc import Iterator

from bench.recommend.actions import command, commands, offered, python_lines
from bench.recommend.choice import Answer
from bench.recommend.disk import DiskOrder
from bench.recommend.offer import FEEDING_THREADS, Offer
from bench.recommend.question import Question
from bench.report.words import count_bytes, number

_KEPT = 1.2  # times --time that still count as kept


def lines(answer: Answer) -> Iterator[str]:
    """The answer as text, a line each."""
    question = answer.question
    raw = 4 * answer.dim * answer.n
    yield (
        f"{answer.n:,} vectors of {answer.dim} dimensions are {count_bytes(raw)} as float32; "
        f"at most {answer.code_bytes} bytes each ({_budget(question, answer.n * answer.code_bytes)})"
    )
    yield from answer.vectors
    if answer.chosen is not None:
        yield from _offer("take", answer.chosen)
        yield from _runner_up(answer)
    else:
        yield "nothing measured meets the limits"
        yield from _nearest(answer)
    yield from _changes(answer)
    yield from _disk(answer)
    yield from _other_machine(question)
    yield from _actions(answer)
    yield from _saved(answer)
    if answer.failed:
        yield f"not measured: {', '.join(f'{record.method.name} ({record.status})' for record in answer.failed)}"
    if answer.unstarted:
        last = "published records have them behind; " if answer.expected.issuperset(answer.unstarted) else ""
        yield f"no time for: {', '.join(answer.unstarted)} ({last}--time gives more)"
    if answer.ahead and answer.chosen is not None:
        yield (
            f"published records expect {', '.join(answer.ahead)} to keep more than {answer.chosen.method}: give more "
            "--time, or run this again if it was the first time (what was compiled is kept)"
        )
    for round_ in answer.too_long:
        yield f"no time for {round_}; --time gives more"
    if answer.order_from:
        yield f"order of the race: {answer.order_from}"
    yield f"{len(answer.raced)} methods raced in {answer.seconds:.0f} s{_overrun(answer)}"


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
    yield f"measured again on all {answer.in_file:,} vectors of {answer.question.data} by"
    yield from (f"  {command}" for command in commands(answer))
    yield "in Python:"
    yield from (f"  {line}" for line in python_lines(answer))


def _saved(answer: Answer) -> Iterator[str]:
    """What is in the folder of ``--save``, or why there is none."""
    if (folder := answer.question.save) is None:
        return
    if (saved := answer.saved) is None:
        yield f"nothing is saved in {folder}: no method meets the limits"
    elif saved.problem:
        yield f"nothing is saved: {saved.problem}"
    else:
        files = ", ".join(f"{name} ({count_bytes(size)}{_meaning(name, answer)})" for name, size in saved.files.items())
        yield f"saved in {folder}: {files}"
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
    """What comes nearest to limits that nothing meets: within the budget, and beyond it."""
    limits = answer.question.limits
    for place, offer in enumerate(answer.nearest):
        misses = offer.misses(limits)
        beyond = "nearer beyond the budget:" if misses else "meets them beyond the budget:"
        yield from _offer(beyond if place else "nearest within the budget:", offer)
        if misses:
            yield f"  but {' and '.join(misses)}"
    if (published := answer.published) is not None:
        yield (
            f"published records: {published.method} at {4 * answer.dim / published.ratio:.0f} bytes "
            f"({published.ratio:g}x) kept recall@{answer.question.k} {published.recall:.3f} on {published.dataset}; "
            "not measured on your vectors"
        )


def _offer(word: str, offer: Offer) -> Iterator[str]:
    record, recall = offer.record, offer.recall
    measured = record.dataset.n
    yield f"{word} {offer.method} at {offer.code} bytes a vector"
    low, high = number(recall.low, ".3f"), number(recall.high, ".3f")
    text = f"  keeps    recall@{offer.k} {recall.value:.3f} [{low}, {high}] on {measured:,} vectors"
    if offer.n > measured and offer.recall_per_decade is not None:
        trend = f"{number(offer.recall_per_decade, '+.3f')} for ten times the vectors"
        text += f"; about {offer.recall_at_n:.2f} at {offer.n:,} ({trend})"
    yield text
    disk = f", {count_bytes(offer.disk_bytes)} on disk" if offer.disk_bytes else ", nothing on disk"
    yield f"  memory   {count_bytes(offer.memory_bytes)}{disk}"
    shared = " (other processes kept the machine busy)" if record.latency_shared else ""
    threads, measured_by = offer.used_threads, offer.measured_threads
    beyond = f", extrapolated from {measured_by} here" if threads > measured_by else ""
    yield (
        f"  latency  p50 {duration(offer.p50_ms / 1e3)} for a scan of all codes by {threads} "
        f"thread{'s' if threads > 1 else ''}{beyond}{shared}"
    )
    yield (
        f"  build    {duration(offer.build_s)}: fit {duration(record.seconds['fit'])} on {record.dataset.n_train:,}, "
        f"encode {offer.encode_rate:,.0f} vectors/s{beyond}"
    )


def _runner_up(answer: Answer) -> Iterator[str]:
    other, against = answer.runner_up, answer.against
    if other is None or against is None:
        assert answer.chosen is not None
        measured = answer.chosen.record.dataset.n
        yield f"no runner-up: no method but {answer.chosen.method} got through on {measured:,} vectors"
        return
    sure = f"p = {against.p:.2g}" if against.p < 0.05 else f"not distinguishable, p = {against.p:.2g}"
    change = number(-against.value, "+.3f")
    yield (
        f"runner-up: {other.method} at {other.code} bytes, recall@{other.k} {other.recall.value:.3f} "
        f"({change}, {sure}), p50 {duration(other.p50_ms / 1e3)}, build {duration(other.build_s)}"
    )


def _changes(answer: Answer) -> Iterator[str]:
    """When another method would be the answer."""
    here = answer.chosen or (answer.nearest[0] if answer.nearest else None)
    for code_bytes, offer in sorted(answer.elsewhere.items()):
        if here is not None and offer.method != here.method:
            yield f"at {code_bytes} bytes take {offer.method} (recall@{offer.k} {_small(offer)})"
        else:
            yield f"at {code_bytes} bytes still {offer.method} (recall@{offer.k} {_small(offer)})"
    fastest = answer.fastest
    if (
        here is not None
        and fastest is not None
        and fastest.method != here.method
        and fastest.p50_ms < here.p50_ms / 1.5
    ):
        yield (
            f"for a p50 below {duration(here.p50_ms / 1e3)} take {fastest.method}: about "
            f"{duration(fastest.p50_ms / 1e3)} (recall@{fastest.k} {_small(fastest)})"
        )
    crossing = _crossing(answer)
    if crossing:
        yield crossing


def _small(offer: Offer) -> str:
    return f"{offer.recall.value:.3f} on {offer.record.dataset.n:,} vectors"


def _crossing(answer: Answer) -> str:
    """Where the parts of the winner weigh more than its codes save."""
    here, other = answer.chosen, answer.runner_up
    if here is None or other is None or here.record.bytes is None or other.record.bytes is None:
        return ""
    parts = here.record.bytes.parts_total - other.record.bytes.parts_total
    saved = other.code - here.code
    if parts <= 0 or saved <= 0:
        return ""
    return f"below {parts // saved:,} vectors {other.method} is the smaller one, parts included"


def duration(seconds: float) -> str:
    """``310 ms``, ``12 s``, ``35 min``, ``2.1 h``."""
    if seconds < 1:
        return f"{1e3 * seconds:.3g} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"
