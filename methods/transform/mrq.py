"""MRQ: RaBitQ on the leading principal components, and the norm of what they leave.

Yang, Li, Wang, "Quantization meets projection: a happy marriage for approximate k-nearest neighbor search"
(minimized residual quantization; arXiv 2411.06158).
"""

from __future__ import annotations

from typing import ClassVar

from methods.registry import register
from methods.transform._grid.leading import LeadingAxesCodec


@register("mrq")
class MRQ(LeadingAxesCodec):
    """The centered vector's leading components, rotated at random and rounded as RaBitQ does.

    A distance is the part among the leading components, estimated without bias from the symbols, plus what the
    residual components add; their product with the query's residual is taken as zero. Their norm and that of the
    leading components are one number, the offset. Under ip the same estimate is solved for the product.

    With one bit the codes are the paper's. More bits (extended RaBitQ: Gao et al. 2025) are a freedom of ours, for
    budgets beyond a bit for every component that carries variance. The paper re-ranks candidates by full vectors; here
    ``rescore`` does that for every method, and the bounds that spare such look-ups have no use. Factors
    take 3 bytes where the authors' program keeps four float32. There is one center, the mean, in place of an IVF's.
    The paper's figures are of searches with full vectors, and cannot be compared with the recall of these codes.
    """

    family = "rotated"
    summary = "RaBitQ on leading principal components, and the norm of the residual"
    source = "Yang, Li & Wang, arXiv 2411.06158"
    check_exceptions: ClassVar[dict[str, str]] = {
        "family_is_its_folder": "the idea is that of RaBitQ, the codes those of the grid in transform/"
    }
