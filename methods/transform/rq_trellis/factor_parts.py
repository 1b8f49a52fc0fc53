"""Parts by which codes say factors, or by which they need none."""

from __future__ import annotations

from typing import Any

import numpy as np

from methods.encoding.factor_and_product import FactorAndProduct
from methods.encoding.factor_byte import factor_scale, factor_table
from methods.encoding.size_and_factor import SizeAndFactor
from methods.errors import MethodError
from methods.transform.rq_trellis.product_choice import LastBytes
from methods.transform.transform_coding.offset import without_offset
from methods.transform.transform_coding.quantizer import encode_scaled

__all__ = ["factor_parts", "length_parts", "stored_factors"]


def factor_parts(chosen: Any, rule: str, given: np.ndarray, last: LastBytes | None) -> dict[str, np.ndarray]:
    """Parts by which codes say factor and size, or factor and product: what vectors (n, dim) without mean have.

    ``last`` is of factor and product under l2, by inner product None.
    """
    if last is not None and last.size == 0:
        return {"level_gain": np.array([last.gain], np.float32)}
    codes, factors = encode_scaled(chosen, rule, given)
    if last is not None:
        pair = FactorAndProduct.fit(factors, chosen.products(codes), last.size)
        return {"factor_scale" if last.size > 1 else "factor_levels": pair.factors, "product_levels": pair.products}
    staged = without_offset(chosen)
    if staged.sizes is None:
        return {"factor_scale": factor_scale(factors)}
    both = SizeAndFactor.fit(staged.sizes, factors)
    return {
        "factor_scale" if both.size > 1 else "factor_levels": both.factors,
        "level_sizes": both.sizes,
        "size_gain": np.array([staged.gain], np.float32),
    }


def length_parts(chosen: Any, length: float) -> dict[str, np.ndarray]:
    """Parts of codes without a factor, of vectors of one length."""
    return {"level_gain": np.array([without_offset(chosen).gain], np.float32), "length": np.array([length], np.float32)}


def stored_factors(
    parts: dict[str, np.ndarray], l2: bool
) -> tuple[FactorAndProduct | SizeAndFactor | None, np.ndarray]:
    """What the last bytes of codes say, None where that is a factor alone, and the table of factors, of such parts."""
    factors = parts["factor_scale" if "factor_scale" in parts else "factor_levels"]
    pair: FactorAndProduct | SizeAndFactor | None = None
    if l2:
        if "product_levels" not in parts:
            raise MethodError(
                "this rq_trellis of version 9 or less codes otherwise under l2; fit it again and encode anew"
            )
        pair = FactorAndProduct(factors, parts["product_levels"])
    elif "level_sizes" in parts:
        pair = SizeAndFactor(parts["level_sizes"], factors)
    return pair, factor_table(factors) if pair is None else pair.factor_table
