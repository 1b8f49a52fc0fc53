"""LeanVec is PCA and LVQ by one name."""

from __future__ import annotations

import numpy as np
import pytest

from methods import BudgetError, Metric, for_budget


@pytest.mark.parametrize(
    ("code_bytes", "params", "out_dim", "levels"),
    [
        (96, {}, 184, "4"),
        (96, {"levels": 8}, 88, "8"),
        (96, {"out_dim": 64}, 64, "8"),
        (192, {}, 376, "4"),
        (240, {}, 232, "8"),
        (388, {}, 384, "8"),
        (600, {}, 384, "4x8"),
    ],
)
def test_the_finest_levels_that_drop_few_dimensions_are_chosen(code_bytes, params, out_dim, levels):
    codec = for_budget("leanvec", 384, code_bytes, Metric.IP, **params)
    assert (codec.out_dim, codec.codec_params["levels"]) == (out_dim, levels)
    assert codec.code_size <= code_bytes


def test_equals_pca_in_front_of_lvq(gaussian):
    vectors = gaussian(200, 16, seed=2)
    lean = for_budget("leanvec", 16, 12, Metric.L2, levels="8").fit(vectors)
    spelled = for_budget("pca", 16, 12, Metric.L2, codec="lvq", codec_params={"levels": "8"}).fit(vectors)
    np.testing.assert_array_equal(lean.encode(vectors), spelled.encode(vectors))


def test_smallest_code_holds_one_dimension():
    with pytest.raises(BudgetError, match=r"leanvec with lvq cannot go down to 4 bytes .* is 5 B"):
        for_budget("leanvec", 384, 4, Metric.IP)
