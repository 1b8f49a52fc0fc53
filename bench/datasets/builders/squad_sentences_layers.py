"""Builds ``squad-sentences-layers``: the texts of ``squad-sentences`` as vectors of all six layers of MiniLM.

One pass with hidden states. Layer 6 is what ``squad-sentences`` has, rounded to float16; layer 4 differs from
``squad-sentences-layer4`` in the last bits, since the model runs in float32 here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bench.datasets.builders import encoder, folder, layers, squad, squad_sentences

NAME = f"{encoder.DISTRIBUTION} {encoder.VERSION}"
ENCODER = (
    f"the states of each layer of all-MiniLM-L6-v2 ({NAME}, Apache-2.0), mean over the tokens, unit norm, "
    "rounded to float16"
)
_MAX_TOKENS = 256  # of a text, as the encoder itself cuts it


class MiniLm:
    """all-MiniLM-L6-v2 on one thread: a :class:`bench.datasets.builders.layers.LayerEncoder`."""

    layers, dim = 6, encoder.DIM

    def __init__(self) -> None:
        import torch

        torch.set_num_threads(1)
        model = encoder.load_encoder()
        self._tokenizer, self._bert = model.tokenizer, model[0].auto_model
        self._all = self._bert.encoder.layer

    def means(self, texts: Sequence[str], depth: int) -> np.ndarray:
        import torch

        self._bert.encoder.layer = self._all[:depth]
        given = self._tokenizer(list(texts), padding=True, truncation=True, max_length=_MAX_TOKENS, return_tensors="pt")
        with torch.inference_mode():
            states = self._bert(**given, output_hidden_states=True).hidden_states[1:]  # 0 is before the first layer
            mask = given["attention_mask"].unsqueeze(-1).float()
            return np.stack([((state * mask).sum(1) / mask.sum(1)).numpy() for state in states])


def build(target: Path, source: Path | None = None) -> None:
    """Write the data set to ``target``; ``source`` is the sdist with the texts, fetched if None."""
    build_with(MiniLm, NAME, ENCODER, target, source)


def build_with(
    load: Callable[[], layers.LayerEncoder],
    name: str,
    encoder_name: str,
    target: Path,
    source: Path | None,
    part: Callable[[squad.Corpus, np.ndarray], tuple[squad.Corpus, np.ndarray]] | None = None,
) -> None:
    """Write the sentences and questions to ``target`` as vectors of each layer of an encoder, and what each costs.

    Parameters
    ----------
    load : callable
        Makes the encoder.
    name, encoder_name : str
        Of the encoder in the cache, and on the card.
    part : callable, optional
        Makes a smaller corpus, and the rows of its queries, of the whole.
    """
    corpus = squad_sentences.read_corpus(source)
    chosen = squad_sentences.choose_questions(corpus)
    if part is not None:
        corpus, chosen = part(corpus, chosen)
    questions = [corpus.questions[row] for row in chosen]
    queries = layers.encode_in_shards(questions, "questions", name, load)
    base = layers.encode_in_shards(corpus.sentences, "sentences", name, load)
    drawn = np.random.default_rng(squad_sentences.SEED).permutation(len(corpus.sentences))
    times = layers.encode_times(load(), [corpus.sentences[row] for row in drawn], questions)
    card = squad_sentences.card_of(corpus, encoder_name, len(chosen)) | {"layers": len(base), "encode": times}
    if part is not None:
        card["base"] = f"{len(corpus.sentences):,} sentences: those that answer the queries, and others drawn by seed"
    folder.save_layers(target, base, queries, squad_sentences.relevance_of(corpus, chosen), card)
