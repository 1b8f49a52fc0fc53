"""The steps by which BiDR and its controls are measured; each leaves a file in the cache folder ``bidr``."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import methods
from bench import datasets
from bench.datasets.base import Dataset
from bench.datasets.cache import writable_folder, written_whole
from bench.tracks.train_queries import training_queries
from methods.fitting.nearest import nearest
from methods.fitting.residual_map import ResidualMap
from methods.product.bidr import _training
from methods.product.bidr.recipe import LISTS, DenseRecipe, SparseRecipe
from methods.product.bidr.sampling import CandidateGraph, batches
from methods.product.bidr.validation import Reranking

DATA = "squad-sentences"
BUDGETS = (24, 48)
NEGATIVES, JUDGED, CANDIDATES, FEW = 200, 100, 1_000, 100  # documents of a list
OPQ, RQ = "opq", "rq_trellis"
ALONE, ORIGINALS, EXACT = "none", "originals", "exact"
CONTROL = (OPQ, ORIGINALS)
STAGE_1 = {
    "labels": SparseRecipe(epochs=10),
    "labels, queries as they are": SparseRecipe(epochs=10, hidden=0),
    "lists": SparseRecipe(loss=LISTS, epochs=10),
    "opq, queries mapped": SparseRecipe(epochs=10, codebook_rate=0.0),
}
CHOSEN = DenseRecipe(epochs=6)
WAYS = ("random", "ann", "ann_in_batch", "walk", "snowball")
ROWS = [
    (OPQ, ALONE),
    CONTROL,
    ("labels", ALONE),
    ("labels", ORIGINALS),
    *(("labels", way) for way in reversed(WAYS)),
    ("opq, queries mapped", ALONE),
    (RQ, ALONE),
    (RQ, ORIGINALS),
    (RQ, "snowball"),
    ("labels, queries as they are", ALONE),
    (OPQ, "snowball"),
    ("lists", ALONE),
]
TRIED: dict[str, dict[str, Any]] = {
    "temperature=.02": {"temperature": 0.02},
    "temperature=.1": {"temperature": 0.1},
    "epochs=15": {"epochs": 15},
    "dropout=.2": {"dropout": 0.2},
    "shared": {"shared": True},
    "hidden=1536": {"hidden": 1_536},
    "rate=3e-4": {"rate": 3e-4},
}
TRIED_CODES: dict[str, dict[str, Any]] = {
    "temperature=.02": {"temperature": 0.02},
    "temperature=.1": {"temperature": 0.1},
    "epochs=25": {"epochs": 25},
    "codebook_rate=5e-4": {"codebook_rate": 5e-4},
}
MEASURES = ("MRR@10", "nDCG@10", "R@10", "R@50", "R@100", "recall@10")


seed = 0  # of everything that is drawn and trained; see :func:`of_seed`


def of_seed(number: int) -> None:
    """Let all steps from here on be of another seed."""
    global seed
    seed = number


def file_of(name: str) -> Path:
    """Where a step keeps what it made, under the seed."""
    return writable_folder(datasets.cache_dir() / "bidr") / (f"seed{seed}-{name}" if seed else name)


@dataclass(frozen=True)
class Questions:
    """Vectors of questions and the sentence that answers each."""

    vectors: np.ndarray
    answers: np.ndarray


@dataclass(frozen=True)
class Data:
    base: np.ndarray
    learned: Questions
    judged: Questions
    test: Questions
    near: np.ndarray  # the true ten nearest of each test question


@functools.cache
def data() -> Data:
    source = datasets.load(DATA, max_queries=None)
    assert isinstance(source, Dataset)
    base = source.base.read(0, source.base.shape[0])
    log = training_queries(source, np.arange(len(base)))
    assert log is not None
    assert log.answers is not None
    assert source.relevance is not None
    test = np.full(len(source.queries), -1)
    test[source.relevance.query] = source.relevance.item
    learned, judged = (Questions(log.vectors[rows], log.answers[rows]) for rows in (log.learned, log.validation))
    near = datasets.ground_truth(source, 10).ids
    return Data(base, learned, judged, Questions(source.queries, test), near)


def kept(name: str, make: Callable[[], Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Arrays of a step, from its file or made now; their seconds (of the processor) under ``seconds``."""
    file = file_of(f"{name}.npz")
    if not file.exists():
        print(f"{time.strftime('%H:%M:%S')} {name}", flush=True)
        started = time.process_time()
        arrays = dict(make())
        arrays["seconds"] = np.array(time.process_time() - started)
        with written_whole(file) as stream:
            np.savez(stream, **arrays)
    with np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


# --- stage 1 --------------------------------------------------------------------------------------------------------


def opq(budget: int) -> Any:
    file = file_of(f"opq-{budget}.tv")
    if not file.exists():
        print(f"{time.strftime('%H:%M:%S')} {file.stem}", flush=True)
        methods.create(OPQ, dim=data().base.shape[1], budget=f"{budget}B").fit(data().base, seed).save(file)
    return methods.load(file)


def trained_codes(budget: int, codes: str, name: str = "") -> dict[str, np.ndarray]:
    """Codebooks and the weights of the map of queries; with a setting of :data:`TRIED_CODES` by its name."""
    learned, recipe, start = data().learned, replace(STAGE_1[codes], **TRIED_CODES.get(name, {})), opq(budget)
    near = learned.answers[:, None]
    if recipe.loss == LISTS:
        near = kept("exact", lambda: {"rows": nearest(data().base, learned.vectors, NEGATIVES)})["rows"]

    def make() -> dict[str, np.ndarray]:
        rotation = start._to_product(np.eye(start.dim, dtype=np.float32))
        books, query_map = _training.train_codebooks(
            start._codebooks(), rotation, data().base, learned.vectors, learned.answers, near, recipe, seed
        )
        return {"codebooks": books, **weights("map.", query_map)}

    return kept(f"codes-{budget}-{codes}{name}", make)


def judged_codes(budget: int, codes: str, name: str) -> dict[str, np.ndarray]:
    """The rank of the answer of each validation question by codes alone."""

    def make() -> dict[str, np.ndarray]:
        vectors, query_map = decoded(budget, codes, name)
        listed = search(vectors, query_map(data().judged.vectors), JUDGED)[1]
        return {"rank": ranks(listed, data().judged.answers)}

    return kept(f"judged-{budget}-{codes}{name}", make)


def decoded(budget: int, codes: str, name: str = "") -> tuple[np.ndarray, ResidualMap]:
    """What codes stand for, (n, dim), and the map of queries before they are compared."""
    if codes == RQ:

        def make() -> dict[str, np.ndarray]:
            codec = methods.create(RQ, dim=data().base.shape[1], budget=f"{budget}B").fit(data().base, seed)
            return {"codes": codec.decode(codec.encode(data().base))}

        return kept(f"decoded-{budget}-{codes}", make)["codes"], ResidualMap({})
    codec = opq(budget)
    if codes == OPQ:
        return codec.decode(codec.encode(data().base)), ResidualMap({})
    arrays = trained_codes(budget, codes, name)
    codec.index_ = codec._index_of(arrays["codebooks"])
    return codec.decode(codec.encode(data().base)), map_of("map.", arrays)


def lists(budget: int, codes: str) -> dict[str, np.ndarray]:
    """What the codes return for questions to learn from, for validation (with scores), and of the test."""

    def make() -> dict[str, np.ndarray]:
        vectors, query_map = decoded(budget, codes)
        every = data()
        judged_scores, judged = search(vectors, query_map(every.judged.vectors), JUDGED)
        test_scores, test = search(vectors, query_map(every.test.vectors), CANDIDATES)
        listed = {"judged": judged, "judged_scores": judged_scores, "test": test, "test_scores": test_scores}
        return {"learned": search(vectors, query_map(every.learned.vectors), NEGATIVES)[1], **listed}

    return kept(f"lists-{budget}-{codes}", make)


def search(vectors: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores float32 and rows int32 (nq, k) of the largest products, best first."""
    documents = torch.tensor(vectors).T
    blocks = []
    for at in range(0, len(queries), 512):
        blocks.append(torch.topk(torch.tensor(queries[at : at + 512]) @ documents, k))
    scores = torch.cat([block.values for block in blocks]).numpy()
    return scores, torch.cat([block.indices.to(torch.int32) for block in blocks]).numpy()


# --- stage 2 --------------------------------------------------------------------------------------------------------


def judge_of(budget: int, codes: str) -> Reranking:
    listed, judged = lists(budget, codes), data().judged
    return Reranking(data().base, judged.vectors, judged.answers, listed["judged"], listed["judged_scores"])


def trained_maps(budget: int, codes: str, way: str, recipe: DenseRecipe, name: str = "") -> dict[str, np.ndarray]:
    """Maps of vectors and queries, the weight of code scores, and MRR@10 of validation questions by epoch."""

    listed, learned = lists(budget, codes), data().learned

    def make() -> dict[str, Any]:
        if len(listed["learned"]) != len(learned.vectors):
            name = file_of(f"lists-{budget}-{codes}.npz")
            raise SystemExit(
                f"{name} is of {len(listed['learned']):,} questions, not {len(learned.vectors):,}; delete it"
            )
        judge = judge_of(budget, codes)
        graph = CandidateGraph(listed["learned"].astype(np.int64), learned.answers, (0, NEGATIVES), (0, NEGATIVES))
        epochs = []

        def score(of_documents: ResidualMap, of_queries: ResidualMap) -> float:
            epochs.append(judge.score(of_documents, of_queries))
            return epochs[-1]

        maps = _training.train_maps(
            data().base,
            learned.vectors,
            learned.answers,
            lambda epoch: batches(graph, way, recipe.batch, np.random.default_rng([seed, epoch])),
            score,
            recipe,
            seed,
        )
        both = {**weights("document.", maps[0]), **weights("query.", maps[1])}
        return {"epochs": np.array(epochs), "weight": np.array(judge.best_weight(*maps)), **both}

    return kept(f"maps-{budget}-{codes}-{way}{name}", make)


def weights(prefix: str, one: ResidualMap) -> dict[str, np.ndarray]:
    return {prefix + name: array for name, array in one.weights.items()}


def map_of(prefix: str, arrays: Mapping[str, np.ndarray]) -> ResidualMap:
    return ResidualMap({name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)})


# --- rows -----------------------------------------------------------------------------------------------------------


def measured(budget: int, codes: str, disk: str) -> dict[str, np.ndarray]:
    """Of each test question the rank of its answer, 0 beyond the candidates, and its true neighbors among the ten."""

    def make() -> dict[str, Any]:
        every, identity, weight = data(), ResidualMap({}), np.float32(0)
        if codes == EXACT:
            return judged_rows(search(every.base, every.test.vectors, CANDIDATES)[1], every)
        listed = lists(budget, codes)
        if disk == ALONE:
            return judged_rows(listed["test"], every)
        if disk == ORIGINALS:
            of_documents = of_queries = identity
            weight = np.float32(judge_of(budget, codes).best_weight(identity, identity))
        else:
            maps = trained_maps(budget, codes, disk, CHOSEN)
            of_documents, of_queries = map_of("document.", maps), map_of("query.", maps)
            weight = np.float32(maps["weight"])
        vectors = of_documents(every.base).astype(np.float16).astype(np.float32)
        queries = of_queries(every.test.vectors)
        ordered = np.empty_like(listed["test"])
        few = np.empty_like(listed["test"][:, :FEW])
        for at, (rows, scores, query) in enumerate(zip(listed["test"], listed["test_scores"], queries)):
            total = vectors[rows] @ query + weight * scores
            ordered[at] = rows[np.argsort(-total, kind="stable")]
            few[at] = rows[:FEW][np.argsort(-total[:FEW], kind="stable")]
        return {**judged_rows(ordered, every), "weight": weight, "few": judged_rows(few, every)["rank"]}

    return kept(f"row-{budget}-{codes}-{disk}", make)


def judged_rows(ids: np.ndarray, every: Data) -> dict[str, np.ndarray]:
    hits = (ids[:, :10, None] == every.near[:, None, :]).any(axis=2).sum(axis=1)
    return {"rank": ranks(ids, every.test.answers), "hits": hits.astype(np.uint8)}


def ranks(ids: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """From 1, (nq,) int32; 0 where the answer is not among the ids."""
    right = ids == answers[:, None]
    return np.where(right.any(axis=1), right.argmax(axis=1) + 1, 0).astype(np.int32)


def per_question(row: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Every measure of every question; each has one answer."""
    rank = row["rank"].astype(np.float64)
    first = np.where((rank > 0) & (rank <= 10), rank, np.inf)
    shares = {f"R@{k}": ((rank > 0) & (rank <= k)).astype(np.float64) for k in (10, 50, 100, 1_000)}
    few = row.get("few")
    more = {} if few is None else {"MRR@10 of 100": np.where((few > 0) & (few <= 10), 1 / np.maximum(few, 1), 0.0)}
    return {"MRR@10": 1 / first, "nDCG@10": 1 / np.log2(1 + first), **shares, "recall@10": row["hits"] / 10, **more}
