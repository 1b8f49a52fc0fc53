"""The renormalized scan agrees with NumPy on decoded vectors."""

from __future__ import annotations

import numpy as np
import pytest

from methods.kernels.scanning.renormalized_pq import renormalized_scan


@pytest.mark.parametrize("m", [1, 3, 4, 9])
def test_scores_are_inner_products_over_decoded_norms(m):
    rng = np.random.default_rng(m)
    books = rng.standard_normal((m, 256, 2)).astype(np.float32)
    books[:, 0] = 0
    codes = rng.integers(256, size=(300, m), dtype=np.uint8)
    codes[17] = 0  # decodes to zero
    queries = rng.standard_normal((5, m, 2)).astype(np.float32)
    tables = np.einsum("mkd,qmd->qmk", books, queries).astype(np.float32)
    scores, ids = renormalized_scan(codes, tables, (books**2).sum(2), 300)
    decoded = np.concatenate([books[j][codes[:, j]] for j in range(m)], axis=1).astype(np.float64)
    norms = np.linalg.norm(decoded, axis=1)
    exact = queries.reshape(5, -1) @ decoded.T
    exact = np.divide(exact, norms, out=np.zeros_like(exact), where=norms > 0)
    assert (np.sort(ids, axis=1) == np.arange(300)).all()
    assert np.allclose(scores, np.take_along_axis(exact, ids, 1), atol=1e-5)
    assert (np.diff(scores, axis=1) <= 0).all()
