"""Settings of a training: loss, steps, network and device."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes
    ----------
    loss : {"distill", "contrastive"}
    symmetric : bool
        Whether queries are codes too (SDC) or stay real (ADC).
    epochs : int
    learning_rate : float
        Of Adam, relative to the mean magnitude of each array.
    temperature : float
    queue : int
        Documents of earlier batches kept as negatives (``contrastive`` only), by weights that follow slowly.
    momentum : float
        Of those weights.
    loops, blocks, normalize
        Of the network, see :mod:`methods.binary.bebr.network`; blocks < 0 stands for codes that stay as they are.
    device : str
        ``auto`` is the GPU if there is one.
    checkpoint : str or None
        A file to go on from and to keep up to date.
    """

    loss: str = "distill"
    symmetric: bool = True
    epochs: int = 8
    learning_rate: float = 0.01
    temperature: float = 0.05
    queue: int = 0
    momentum: float = 0.99
    loops: int = 1
    blocks: int = -1
    normalize: bool = False
    device: str = "auto"
    checkpoint: str | None = None
