"""What decides a training: numbers and choices, apart from the data."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BOTH", "LABELS", "LISTS", "LOSSES", "DenseRecipe", "SparseRecipe"]

LOSSES = LABELS, LISTS, BOTH = "labels", "lists", "both"


@dataclass(frozen=True)
class SparseRecipe:
    """Stage 1: codebooks, and a residual map of queries.

    Attributes
    ----------
    loss : {"labels", "lists", "both"}
        InfoNCE on the documents that answer a query (BiDR); ListNet against exact scores, without labels (Distill-VQ);
        or their sum.
    temperature : float
        Of scores of unit vectors.
    epochs, batch : int
    codebook_rate, map_rate : float
        Adam's learning rates at their highest.
    hidden : int
        Width of the map of queries; 0: none.
    sharpness : float
        Of the softmax over a subspace's centroids through which gradients pass, in units of the mean squared error.
    """

    loss: str = LABELS
    temperature: float = 0.05
    epochs: int = 10
    batch: int = 1024
    codebook_rate: float = 1e-4
    map_rate: float = 1e-3
    hidden: int = 384
    sharpness: float = 1.0


@dataclass(frozen=True)
class DenseRecipe:
    """Stage 2: residual maps of documents and queries.

    Attributes
    ----------
    temperature : float
        Of scores of unit vectors.
    epochs, batch : int
        The best epoch by validation queries is kept.
    rate : float
        Adam's learning rate at its highest.
    hidden : int
        Width of the maps.
    dropout : float
        Share of inner activations that a step leaves out.
    decay : float
        AdamW's weight decay.
    shared : bool
        One map for documents and queries.
    """

    temperature: float = 0.05
    epochs: int = 6
    batch: int = 1024
    rate: float = 1e-3
    hidden: int = 768
    dropout: float = 0.0
    decay: float = 0.01
    shared: bool = False
