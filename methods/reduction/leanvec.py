"""LeanVec: a linear projection to fewer dimensions, then locally-adaptive quantization.

Tepper, Bhati, Aguerrebere, Hildebrand, Willke, "LeanVec: searching vectors faster by making them fit", TMLR 2024:
the in-distribution variant (section 2.1), which learns from the base alone, and its first pass: the re-ranking with a
second, finer store is what ``rescore`` is for.
"""

from __future__ import annotations

from typing import Any, ClassVar

from methods.base import Codec, Metric
from methods.compose.transformed import TransformedCodec
from methods.kind_losses import LEFT_OUT, along_mean
from methods.reduction.pca import PrincipalComponents
from methods.registry import register


@register("leanvec")
class LeanVec(TransformedCodec):
    """Leading principal components, quantized over each vector's own range (:class:`~methods.scalar.lvq.LVQ`).

    Parameters
    ----------
    dim, metric, out_dim, codec, codec_params
        As for :class:`~methods.compose.transformed.TransformedCodec`.
    levels : {"4", "8", "4x4", "4x8"}, of ``for_budget``
        Bits a dimension, as for ``lvq``; None: the finest that leave out few dimensions.
    """

    summary = "principal components, then uniform levels in each vector's own range (LVQ)"
    source = "Tepper et al., TMLR 2024 (in-distribution)"
    kind_exceptions: ClassVar[dict[str, str]] = along_mean(LEFT_OUT)
    _to_faiss = Codec._to_faiss  # LVQ is not in faiss; pca is the same map with another codec behind it
    choices = (("lvq", {"levels": "4x8"}, 1.0), ("lvq", {"levels": "8"}, 0.6), ("lvq", {"levels": "4"}, 0.0))

    @classmethod
    def _sized(  # type: ignore[override]  # the inner codec is given
        cls,
        dim: int,
        code_bytes: int,
        metric: Metric,
        *,
        levels: str | int | None = None,
        out_dim: int | None = None,
    ) -> dict[str, Any]:
        """``out_dim`` dimensions, or the most that fit, at ``levels`` (see ``lvq``).

        Without ``levels``: 4x8 if all dimensions fit, else 8 if three fifths of them do, else 4.
        """
        inner: dict[str, Any] = {} if levels is None else {"codec": "lvq", "codec_params": {"levels": levels}}
        return super()._sized(dim, code_bytes, metric, out_dim=out_dim, **inner)

    def _new_transform(self) -> PrincipalComponents:
        return PrincipalComponents(self.dim, self.out_dim)
