"""A random rotation in front of a codec: it spreads a vector's energy evenly over the dimensions.

Jégou, Douze, Schmid, Pérez, "Aggregating local descriptors into a compact image representation", CVPR 2010, section
3.2, which balances the components' variance in this way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from methods.base import Metric
from methods.compose.transformed import AffineTransform, TransformedCodec
from methods.kind_losses import OFFSET_KEEPS_IT, along_mean
from methods.registry import register
from methods.vectors import random_rotation


class UniformRotation(AffineTransform):
    """A rotation drawn uniformly (Haar), of all dimensions."""

    summary = "a uniformly drawn rotation"
    source = "Jégou et al., CVPR 2010, section 3.2"
    trains = False

    def fit(self, vectors: np.ndarray, seed: int = 0) -> Self:
        return self.load_parts({"matrix": random_rotation(self.dim, seed)})

    def parts(self) -> dict[str, np.ndarray]:
        return {"matrix": self.matrix_}


@register("random_rotation")
class RandomRotation(TransformedCodec):
    """A randomly rotated vector, stored by another codec at all its dimensions."""

    family = "rotated"
    summary = "a random rotation in front of any codec"
    source = "Jégou et al., CVPR 2010, section 3.2"
    trains = False
    offers_center = True
    kind_exceptions: ClassVar[dict[str, str]] = along_mean(OFFSET_KEEPS_IT)

    @classmethod
    def _sized(  # type: ignore[override]  # all dimensions are kept
        cls,
        dim: int,
        code_bytes: int,
        metric: Metric,
        *,
        codec: str = "int4",
        codec_params: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The inner codec's own choice at the full dimension."""
        return super()._sized(dim, code_bytes, metric, codec=codec, codec_params=codec_params, out_dim=dim)

    def _new_transform(self) -> UniformRotation:
        return UniformRotation(self.dim, self.out_dim)
