"""What the click models share."""

from __future__ import annotations

from torch import nn

HIDDEN = (64, 32)


def perceptron(inputs: int, outputs: int = 1, hidden: tuple[int, ...] = HIDDEN) -> nn.Sequential:
    """Linear layers with ReLU between them."""
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))
