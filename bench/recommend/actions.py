"""What to do with the answer: commands that measure it on all vectors, and lines of Python that use it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.arguments import overrides_of, shell_word
from bench.config import RunConfig
from bench.datasets.formats import has_names
from methods import registry
from methods.compose import rescored

if TYPE_CHECKING:
    from bench.recommend.answer import Answer
    from bench.recommend.offer import Offer

_SPARE = 4.0  # times the expected duration of a run, until which it is let go on


def commands(answer: Answer) -> list[str]:
    """Commands that measure the offered methods on all of the user's vectors, in the folder of this one."""
    return [command(answer, offer) for offer in offered(answer)]


def offered(answer: Answer) -> list[Offer]:
    """The methods that the answer is about: the chosen one and the runner-up, or those nearest to the limits."""
    if answer.chosen is None:
        return [*answer.nearest[:1], *([answer.nearer] if answer.nearer else answer.nearest[1:2])]
    return [offer for offer in (answer.chosen, answer.runner_up) if offer is not None]


def command(answer: Answer, offer: Offer, **options: Any) -> str:
    """``python -m bench ...`` that measures a method on all of the user's vectors, fitted as a finalist is.

    Parameters
    ----------
    answer : Answer
    offer : Offer
    **options
        Of a run, instead of those measured with: ``rescore="disk"``.
    """
    question, measured = answer.question, RunConfig.from_dict(offer.record.config)
    chosen = {
        "method": dict(offer.record.method.requested),
        "budget": offer.record.budget.requested,
        "dataset": {
            "name": "path",
            "base": question.data,
            "queries": question.queries,
            "column": question.column,
            "metric": offer.record.dataset.metric,
        },
        "k": measured.k,
        "seed": measured.seed,
        "threads": measured.threads,
        "train_size": _train_size(answer, offer),
        "rescore": measured.rescore,
        **options,
    }
    defaults = RunConfig()
    given = {key: value for key, value in chosen.items() if value != getattr(defaults, key, None) or key == "budget"}
    given["dataset"] = {key: value for key, value in chosen["dataset"].items() if value is not None}
    if (time_s := _time_limit(answer, offer)) > defaults.limits.time_s:
        given["limits"] = {"time_s": time_s}
    return " ".join(["python -m bench", *(shell_word(override) for override in overrides_of(given))])


def _train_size(answer: Answer, offer: Offer) -> int:
    """Vectors to fit on: as many as a finalist is, though there was no time for that in the race."""
    return max(answer.train_size, offer.record.dataset.n_train)


def _time_limit(answer: Answer, offer: Offer) -> float:
    """Seconds, a whole number of hours, within which the run on all vectors surely ends."""
    record = offer.record
    assert record.throughput is not None
    assert record.latency_ms is not None
    grown = answer.in_file / record.dataset.n
    fit_s = record.seconds["fit"] * _train_size(answer, offer) / record.dataset.n_train
    seconds = fit_s + answer.in_file / record.throughput["encode_vectors_per_s"]
    seconds += 5 * record.dataset.queries * grown * record.latency_ms["p50"] / 1e3
    return 3600.0 * math.ceil(_SPARE * seconds / 3600)


def python_lines(answer: Answer) -> list[str]:
    """Python that fits the first of the offered methods, saves it and the codes, loads both and searches them."""
    offer = offered(answer)[0]
    name, record, question = offer.method, offer.record, answer.question
    space = f"dim={answer.dim}"
    metric = f'metric="{record.dataset.metric}"'
    options = "".join(f", {key}={value!r}" for key, value in record.method.requested.items() if key != "name")
    seed = "" if question.seed == 0 else f", seed={question.seed}"
    lines = [*_reading(question.data, question.column)]
    train = "vectors"
    if answer.in_file > (size := _train_size(answer, offer)):
        train = f"vectors[np.random.default_rng({question.seed}).permutation(len(vectors))[:{size}]]"
    lines.append(
        f'codec = methods.create("{name}", {space}, budget="{_codec_budget(offer)}", {metric}{options})'
        f".fit({train}{seed})"
    )
    lines.append(f'codec.save("{name}.codec"); np.save("codes.npy", codec.encode(vectors))')
    searcher = f'methods.load("{name}.codec").searcher(np.load("codes.npy"))'
    if (rescore := record.config.get("rescore")) is not None:
        lines += _store(rescore, question.data, f'{space}, budget="1x", {metric}', train + seed)
        factor = record.config["rescore_factor"]
        searcher = f"RescoredSearcher({searcher}, store, factor={factor})"
    lines.append(f"scores, ids = {searcher}.search(vectors[:5], k={question.k})")
    return lines


def _codec_budget(offer: Offer) -> str:
    """The budget of the codec: what a finer store in memory leaves of the run's."""
    rescore, dim = offer.record.config.get("rescore"), offer.record.dataset.dim
    if rescore not in rescored.MEMORY_STORES:
        return offer.record.budget.requested
    store = registry.create(rescore, dim, 4 * dim, offer.record.dataset.metric)
    return f"{offer.record.budget.bytes - store.code_size}B"


def _reading(data: str, column: str | None) -> Iterator[str]:
    """Lines that import and read the vectors: memory-mapped where numpy can."""
    if Path(data).suffix.lower() == ".npy":
        yield "import methods, numpy as np"
        yield f'vectors = np.load({_text(Path(data).expanduser())}, mmap_mode="r")'
        return
    named = f", column={_text(column)}" if column is not None and has_names(data) else ""
    yield "import methods, numpy as np; from bench.datasets.formats import open_vectors"
    yield f"file = open_vectors({_text(data)}{named}); vectors = file.read(0, file.shape[0])"


def _store(rescore: str, data: str, space: str, train: str) -> Iterator[str]:
    """Lines that make the finer store: the vectors on disk, or codes of ``rescore`` in memory."""
    if rescore == "disk":
        yield "from methods.compose.rescored import DiskStore, RescoredSearcher"
        if Path(data).suffix.lower() == ".npy" and _floats(Path(data).expanduser()):
            yield f"store = DiskStore({_text(Path(data).expanduser())})"
        else:
            yield 'np.save("vectors.npy", np.asarray(vectors, np.float32)); store = DiskStore("vectors.npy")'
        return
    yield "from methods.compose.rescored import CodecStore, RescoredSearcher"
    yield f'finer = methods.create("{rescore}", {space}).fit({train})'
    yield "store = CodecStore(finer, finer.encode(vectors))"


def _text(value: str | Path) -> str:
    """A literal of Python, in double quotes."""
    return json.dumps(str(value), ensure_ascii=False)


def _floats(path: Path) -> bool:
    return np.load(path, mmap_mode="r", allow_pickle=False).dtype.kind == "f"
