"""Trains heads on the layers of a frozen encoder together, and measures them beside the closed-form map.

    python results/scripts/layer_heads.py --encode                  # questions to learn from; needs the encoder
    python results/scripts/layer_heads.py --measure [--seconds 200] # layers/heads.csv; continues where it stopped

``layers.py`` writes the tables of ``docs/layers.md``.

A head is an affine map of a layer's vectors; a pair (layer, dimensions) is the first dimensions of the layer's head, at
unit norm. All heads start from the closed form: the ridge map to the last layer's vectors, along the principal axes of
these. They are trained on ``squad-sentences-mini-layers`` with training questions and the sentences that answer them,
but for one loss that has sentences alone. Of all epochs the one with the highest MRR@10 of validation questions stays,
the start among them. Documents are at the same layer and dimensions as queries (*both*), or at the last layer.

Losses are those of "2D Matryoshka Sentence Embeddings" (Li et al., arXiv 2402.14776v1: ``2dmse``; the second version:
``ese``) and of "Starbucks" (Zhuang et al., arXiv 2410.13230: ``starbucks``), in which ``L`` is the cross entropy of a
question's sentence among all of the batch.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as nn

from bench import datasets
from bench.datasets.base import Dataset
from bench.datasets.cache import writable_folder, written_whole
from bench.files import write_csv
from bench.measure.statistics import holm, paired_difference
from methods.fitting.nearest import nearest
from methods.fitting.ridge_map import RidgeMap
from methods.reduction.pca import PrincipalComponents
from methods.vectors import normalized

TABLE = Path(__file__).parents[1] / "layers" / "heads.csv"
DATA, K, LAST, DIM = "squad-sentences-mini-layers", 10, 6, 384
PAIRS = ((1, 32), (2, 64), (3, 128), (4, 192), (5, 256), (6, 384))  # Starbucks' list, for six layers
JUDGED = tuple(dict.fromkeys([*PAIRS, *((layer, 384) for layer in range(1, 7))]))  # and every layer at full width
WIDTHS = (32, 64, 128, 192, 256, 384)
ESE_WIDTH = 128
BOTH, QUERIES = "both", "queries"  # what is at the pair: documents too, or queries over documents at the last layer
GRID = "closed form"
SEEDS = (0, 1)
BATCH, EPOCHS, RATE, TEMPERATURE = 256, 4, 1e-3, 0.05
MEASURES = ("MRR@10", "recall@10")
FIELDS = [
    *("loss", "seed", "at", "layer", "dimensions", "measure", "value", "closed_form", "gain", "low", "high", "p"),
    *("p_holm", "epoch", "seconds"),
]

Heads = list[dict[str, torch.Tensor]]
Vectors = np.ndarray  # (layers, n, DIM)


@dataclass(frozen=True)
class Asked:
    """Questions at every layer, and the sentence that answers each."""

    vectors: Vectors
    answers: np.ndarray


@dataclass(frozen=True)
class Data:
    sentences: Vectors
    learned: Asked
    judged: Asked
    test: Asked
    near: np.ndarray


# --- data -----------------------------------------------------------------------------------------------------------


def folder() -> Path:
    return writable_folder(datasets.cache_dir() / "layer-heads")


def encode() -> None:
    """Training questions whose sentence the set has, at every layer; those for validation are of other articles."""
    from bench.datasets.builders import layers, squad_sentences, squad_sentences_layers, squad_sentences_mini

    corpus = squad_sentences.read_corpus(None)
    tested = squad_sentences.choose_questions(corpus)[: squad_sentences_mini.QUERIES]
    rows = squad_sentences_mini.choose_rows(len(corpus.sentences), corpus.answers[tested])
    learned = squad_sentences.training_questions(corpus)
    validation = np.zeros(len(learned), bool)
    validation[squad_sentences.choose_validation(corpus.articles[learned])] = True
    known = np.isin(corpus.answers[learned], rows)
    learned, validation = learned[known], validation[known]
    vectors = layers.encode_in_shards(
        [corpus.questions[row] for row in learned],
        "training questions",
        squad_sentences_layers.NAME,
        squad_sentences_layers.MiniLm,
    )
    with written_whole(folder() / "questions.npz") as stream:
        answers = np.searchsorted(rows, corpus.answers[learned])
        np.savez(stream, vectors=vectors, answers=answers, validation=validation)


@cache
def data() -> Data:
    sets = [datasets.load(DATA, layer=layer) for layer in range(1, LAST + 1)]
    last = sets[-1]
    assert isinstance(last, Dataset)
    assert last.relevance is not None
    sentences = np.stack([each.base.read(0, each.base.shape[0]) for each in sets])
    test = np.stack([np.asarray(each.queries, np.float32) for each in sets])
    answers = np.empty(len(test[0]), np.int64)
    answers[last.relevance.query] = last.relevance.item
    with np.load(folder() / "questions.npz", allow_pickle=False) as kept:
        vectors, own, validation = kept["vectors"].astype(np.float32), kept["answers"], kept["validation"]
    parts = [Asked(vectors[:, rows], own[rows]) for rows in (~validation, validation)]
    return Data(sentences, *parts, Asked(test, answers), datasets.ground_truth(last, K).ids)


# --- heads ----------------------------------------------------------------------------------------------------------


def closed_form(seed: int) -> Heads:
    """Ridge maps to the last layer, along its principal axes; the last layer has the axes alone."""
    sentences = data().sentences
    axes = PrincipalComponents(DIM, DIM).fit(sentences[-1], 0).matrix_
    heads = []
    for layer in sentences[:-1]:
        ridge = RidgeMap().fit(layer, sentences[-1], seed)
        heads.append({"matrix": torch.tensor(ridge.matrix_ @ axes), "bias": torch.tensor(ridge.bias_ @ axes)})
    return [*heads, {"matrix": torch.tensor(axes), "bias": torch.zeros(DIM)}]


def head(own: Mapping[str, torch.Tensor], vectors: torch.Tensor) -> torch.Tensor:
    """(n, DIM) of unit norm."""
    return nn.normalize(vectors @ own["matrix"] + own["bias"])


def cross_entropy(queries: torch.Tensor, documents: torch.Tensor, answers: torch.Tensor) -> torch.Tensor:
    """``L``: a question's own sentence among those of the batch; the same sentence twice is no negative."""
    same = (answers[:, None] == answers[None, :]).fill_diagonal_(False)
    return nn.cross_entropy((queries @ documents.T / TEMPERATURE).masked_fill(same, -1e4), torch.arange(len(queries)))


def of_scores(queries: torch.Tensor, documents: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """KL of scores in the batch to the full model's, which are not moved."""
    scores = torch.log_softmax(queries @ documents.T / TEMPERATURE, dim=1)
    return nn.kl_div(scores, torch.softmax(teacher.detach() / TEMPERATURE, dim=1), reduction="batchmean")


def starbucks(queries: list[torch.Tensor], documents: list[torch.Tensor], answers: torch.Tensor, rng: Any) -> Any:
    """The sum over :data:`PAIRS` of ``L`` and the KL of scores; prefixes keep their length."""
    teacher, total = queries[-1] @ documents[-1].T, torch.zeros(())
    for layer, width in PAIRS:
        pair = queries[layer - 1][:, :width], documents[layer - 1][:, :width]
        total = total + cross_entropy(*pair, answers) + (of_scores(*pair, teacher) if layer < LAST else 0)
    return total


def without_labels(queries: list[torch.Tensor], documents: list[torch.Tensor], answers: torch.Tensor, rng: Any) -> Any:
    """The KL of scores alone, for sentences among sentences."""
    teacher = queries[-1] @ documents[-1].T
    pairs = [(queries[layer - 1][:, :width], documents[layer - 1][:, :width]) for layer, width in PAIRS[:-1]]
    return torch.stack([of_scores(*pair, teacher) for pair in pairs]).sum()


def two_dimensional(queries: list[torch.Tensor], documents: list[torch.Tensor], answers: torch.Tensor, rng: Any) -> Any:
    """2DMSE: ``L`` at the last layer and at a random one, of all dimensions and of a random prefix, and the KL of the
    random layer's vector to the last one's, as distributions over dimensions."""
    layer, width = int(rng.integers(1, LAST)), int(rng.choice(WIDTHS[:-1]))
    total = torch.zeros(())
    for at, kept in itertools.product((LAST, layer), (DIM, width)):
        pair = (nn.normalize(each[at - 1][:, :kept]) for each in (queries, documents))
        total = total + cross_entropy(*pair, answers)
    for each in (queries, documents):
        total = total + nn.kl_div(
            torch.log_softmax(each[layer - 1], dim=1), torch.softmax(each[-1].detach(), dim=1), reduction="batchmean"
        )
    return total


def espresso(queries: list[torch.Tensor], documents: list[torch.Tensor], answers: torch.Tensor, rng: Any) -> Any:
    """ESE: ``L`` and the distance to principal components of the last layer's batch, for a prefix of every layer."""
    total = cross_entropy(queries[-1], documents[-1], answers)
    aims = [components(each[-1].detach()) for each in (queries, documents)]
    lower = []
    for layer in range(1, LAST + 1):
        prefixes = [each[layer - 1][:, :ESE_WIDTH] for each in (queries, documents)]
        loss = cross_entropy(*(nn.normalize(each) for each in prefixes), answers)
        for each, aim in zip(prefixes, aims, strict=True):
            loss = loss + nn.mse_loss(each, aim)
            loss = loss + nn.kl_div(torch.log_softmax(each, 1), torch.softmax(aim, 1), reduction="batchmean")
        if layer == LAST:
            total = total + loss
        else:
            lower.append(loss / (1 + np.log(1 + layer)))
    return total + torch.stack(lower).mean()


def components(rows: torch.Tensor) -> torch.Tensor:
    """``m U S`` of ``softmax(m' m / sqrt(d))``, the first columns."""
    left, values, _ = torch.linalg.svd(torch.softmax(rows.T @ rows / np.sqrt(DIM), dim=1))
    return rows @ (left[:, :ESE_WIDTH] * values[:ESE_WIDTH])


LOSSES: dict[str, Callable[..., Any]] = {
    "starbucks": starbucks,
    "starbucks, sentences alone": without_labels,
    "2dmse": two_dimensional,
    "ese": espresso,
}


def trained(loss: str, seed: int) -> tuple[Heads, int]:
    """Heads of the best epoch, and which it is."""
    every, rng = data(), np.random.default_rng(seed)
    heads = [{name: array.clone().requires_grad_() for name, array in own.items()} for own in closed_form(seed)]
    labels = LOSSES[loss] is not without_labels
    count = len(every.learned.answers) if labels else every.sentences.shape[1]
    steps = EPOCHS * (count // BATCH)
    optimizer = torch.optim.AdamW([array for own in heads for array in own.values()], RATE, weight_decay=0.0)
    falling = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps, pct_start=0.1)
    best, best_score, best_epoch = frozen(heads), judged(heads), 0
    for epoch in range(1, EPOCHS + 1):
        for rows in np.array_split(rng.permutation(count)[: count // BATCH * BATCH], count // BATCH):
            answers = every.learned.answers[rows] if labels else rows
            questions = every.learned.vectors[:, rows] if labels else every.sentences[:, rows]
            batches = [torch.from_numpy(vectors) for vectors in (questions, every.sentences[:, answers])]
            mapped = [[head(own, each) for own, each in zip(heads, batch)] for batch in batches]
            value = LOSSES[loss](*mapped, torch.from_numpy(answers), rng)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            falling.step()
        if (score := judged(heads)) > best_score:
            best, best_score, best_epoch = frozen(heads), score, epoch
        print(f"{time.strftime('%H:%M:%S')} {loss} {seed} epoch {epoch}: {score:.4f}", flush=True)
    return best, best_epoch


def frozen(heads: Heads) -> Heads:
    return [{name: array.detach().clone() for name, array in own.items()} for own in heads]


def judged(heads: Heads) -> float:
    """MRR@10 of validation questions, the mean over :data:`PAIRS` and both ways to have documents."""
    return float(np.mean([each["MRR@10"].mean() for each in searched(heads, data().judged, PAIRS).values()]))


def searched(heads: Heads, questions: Asked, pairs: Any) -> dict[tuple[str, int, int], dict[str, np.ndarray]]:
    """What the questions find at each pair: reciprocal ranks, and of test questions the share of true neighbors."""
    every, measures = data(), {}
    with torch.no_grad():
        queries, documents = (
            [head(own, torch.from_numpy(each)).numpy() for own, each in zip(heads, vectors)]
            for vectors in (questions.vectors, every.sentences)
        )
    for (layer, width), at in itertools.product(pairs, (BOTH, QUERIES)):
        searched_in = documents[layer - 1 if at == BOTH else LAST - 1]
        ids = nearest(prefix(searched_in, width), prefix(queries[layer - 1], width), K)
        measures[at, layer, width] = {"MRR@10": ((ids == questions.answers[:, None]) / np.arange(1, K + 1)).sum(axis=1)}
        if questions is every.test:
            hits = (ids[:, :, None] == every.near[:, None, :K]).any(axis=2).mean(axis=1)
            measures[at, layer, width]["recall@10"] = hits
    return measures


def prefix(vectors: np.ndarray, width: int) -> np.ndarray:
    return normalized(np.ascontiguousarray(vectors[:, :width]))


# --- measuring ------------------------------------------------------------------------------------------------------


def file_of(loss: str, seed: int) -> Path:
    return folder() / f"{loss.replace(', ', '-').replace(' ', '-')}-{seed}.npz"


def measure(loss: str, seed: int) -> None:
    started = time.process_time()
    heads, epoch = (closed_form(seed), 0) if loss == GRID else trained(loss, seed)
    arrays = {"seconds": np.array(time.process_time() - started), "epoch": np.array(epoch)}
    for place, measures in searched(heads, data().test, JUDGED).items():
        arrays |= {f"{place} {name}": values for name, values in measures.items()}
    with written_whole(file_of(loss, seed)) as stream:
        np.savez(stream, allow_pickle=False, **arrays)


def lines() -> list[dict[str, Any]]:
    """A line for each loss, seed, pair and measure beside the closed form; Holm within a measure, of all pairs."""
    made: list[dict[str, Any]] = []
    for loss, seed in itertools.product(LOSSES, SEEDS):
        if not file_of(loss, seed).exists():
            continue
        own, grid = (dict(np.load(file_of(name, seed), allow_pickle=False)) for name in (loss, GRID))
        for (layer, width), at, name in itertools.product(JUDGED, (BOTH, QUERIES), MEASURES):
            values, beside = (each[f"{(at, layer, width)} {name}"] for each in (own, grid))
            test = paired_difference(values, beside)
            numbers = (values.mean(), beside.mean(), test.value, test.low, test.high, test.p, np.nan)
            row = [loss, seed, at, layer, width, name, *(f"{number:.5f}" for number in numbers)]
            made.append(dict(zip(FIELDS, [*row, int(own["epoch"]), f"{float(own['seconds']):.0f}"], strict=True)))
    for name in MEASURES:
        same = [line for line in made if line["measure"] == name]
        for line, p in zip(same, holm([float(line["p"]) for line in same])):
            line["p_holm"] = f"{p:.5f}"
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encode", action="store_true", help="encode the training questions")
    parser.add_argument("--measure", action="store_true", help="measure what heads.csv lacks")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no training after so many")
    options, started = parser.parse_args(), time.monotonic()
    if options.encode:
        encode()
    elif options.measure:
        torch.set_num_threads(1)
        for seed, loss in itertools.product(SEEDS, (GRID, *LOSSES)):
            if not file_of(loss, seed).exists() and time.monotonic() - started < options.seconds:
                measure(loss, seed)
        write_csv(TABLE, FIELDS, lines())
    else:
        parser.print_help()


if __name__ == "__main__":
    main()
