"""LEMUR: documents as rows of weights that predict what a query's vectors add to their scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from methods.fitting.outliers import without_outliers
from methods.kernels.sets.chamfer import chamfer_terms
from methods.multivector._token_features import TokenFeatures, unit_tokens
from methods.multivector.ragged import Ragged
from methods.multivector.single_vector import SingleVectorCodec, first_that_fits
from methods.multivector.stretch import Stretch, sample_of
from methods.parameters import check_integer
from methods.registry import register

__all__ = ["Lemur"]

_TARGETS = 2048  # documents that features and axes are learned from
_RIDGE = 0.01  # of the mean square of an axis of the features
_NOTHING = 1e-6  # of the largest variance: anything smaller is rounding
_FEW = 128  # documents whose terms are in memory together
_QUERY_VECTORS = 4096
_DIMS_PER_BYTE = 4
_MOST = 1 << 16


@register("lemur")
class Lemur(SingleVectorCodec):
    """Jääsaari, Hyvönen & Roos, LEMUR, ICML 2026.

    What a vector x adds to the score of document j, the largest product of the two, is predicted by <f(x), w_j>: f are
    features of a hidden layer, w_j is the least squares solution on tokens of the corpus. A query is the sum of the
    features of its vectors, and its inner product with w_j stands for Chamfer. A new document takes the terms of those
    tokens with it and one product with a matrix: nothing is trained for it.

    Features are made orthonormal over the tokens first, so that errors of a code count as they would in scores, then
    what the rows of documents have in common is left out, and their leading principal axes are what is coded.

    Parameters
    ----------
    dim : int
    out_dim : int
        Principal axes of documents' rows that are kept; by default four a byte, and half as many as there are features
        at most.
    codec, codec_params
        The dense method.
    features : int
        Width of the hidden layer.
    tokens : int
        Vectors of the corpus that features are trained on and rows are solved on, drawn under the seed; about
        eight times as many as there are features are needed.
    epochs : int
        Of training, by Adam in torch; with 0 the layer stays random, which loses nothing on squad-tokens-128.

    Attributes
    ----------
    features_ : TokenFeatures
    axes_ : (features + 1, out_dim) float32
        What the sum of a query's features is multiplied by.
    tokens_ : (tokens, dim) float16
        Of unit length; needed to encode documents, not to search.
    mean_ : (out_dim,) float32
        Of documents' rows.
    """

    family = "learned single vectors"
    summary = (
        "rows of least squares that predict a document's scores from features of tokens, in any dense method's code"
    )
    source = "Jääsaari, Hyvönen & Roos, LEMUR, ICML 2026, arXiv 2601.21853"
    version = "1"
    kind_exceptions: ClassVar[dict[str, str]] = {
        "average cosine .75": "rows share a direction, whose offset takes bytes of their codes",
        "queries apart": "rows are solved on tokens of the corpus, which have the direction that these queries lack",
        "rogue dimensions": "features see these two dimensions alone, and a score is decided by small errors in them",
    }
    check_params: ClassVar[dict[str, Any]] = {"features": 128, "tokens": 1024, "epochs": 1}

    _stretches = False  # rows are centered
    features_: TokenFeatures
    axes_: np.ndarray
    tokens_: np.ndarray
    mean_: np.ndarray

    def __init__(
        self,
        dim: int,
        out_dim: int = 256,
        codec: str = "rq_trellis",
        codec_params: Mapping[str, Any] | None = None,
        *,
        features: int = 2048,
        tokens: int = 16_384,
        epochs: int = 0,
    ) -> None:
        self.features = check_integer("features", features, 1, _MOST)
        self.out_dim = check_integer("out_dim", out_dim, 1, self.features)
        self.tokens = check_integer("tokens", tokens, 1, 1 << 22)
        self.epochs = check_integer("epochs", epochs, 0, 10_000)
        super().__init__(dim, codec, codec_params)

    @classmethod
    def _sized(
        cls,
        dim: int,
        code_bytes: int,
        lengths: np.ndarray,
        *,
        out_dim: int | None = None,
        features: int,
        codec: str = "rq_trellis",
        codec_params: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The most axes, halved until the codec fits; ``codec_params`` as a user of ``codec`` sets them."""
        most = out_dim or max(1, min(features // 2, _DIMS_PER_BYTE * code_bytes))
        widths = [most] if out_dim else [most >> halvings for halvings in range(most.bit_length())]
        choices = [({"out_dim": width}, codec, width) for width in widths]
        return first_that_fits("lemur", code_bytes, choices, codec_params)

    @property
    def _out_dim(self) -> int:
        return self.out_dim

    def _fit_map(self, documents: Ragged, seed: int) -> None:
        rng = np.random.default_rng(seed)
        stretch = Stretch.fit(sample_of(documents, seed))
        rows = np.sort(rng.permutation(documents.total)[: self.tokens])
        self.tokens_ = unit_tokens(np.asarray(documents.vectors[rows], np.float32), stretch, rng)
        few = documents.take(np.sort(rng.permutation(len(documents))[:_TARGETS]))
        terms = chamfer_terms(self._floats, few.vectors, few.offsets)
        self.features_ = TokenFeatures.random(self.dim, self.features, stretch, rng)
        if self.epochs:
            from methods.multivector._token_training import trained

            self.features_ = trained(self.features_, self._floats, terms, self.epochs, rng)
        self.axes_ = self._principal_axes(terms)
        self._solver = self._solve()
        self.mean_ = without_outliers(terms @ self._solver).mean(axis=0, dtype=np.float64).astype(np.float32)

    def _principal_axes(self, terms: np.ndarray) -> np.ndarray:
        """(features + 1, out_dim) float32, from the terms (n, tokens) of documents."""
        features = self.features_(self._floats)
        squares, directions = np.linalg.eigh(_moment(features))
        orthonormal = directions / np.sqrt(np.maximum(squares, 0) + max(_RIDGE * squares.mean(), 1e-30))
        rows = terms @ (features @ orthonormal.astype(np.float32)) / np.float32(len(features))
        rows = without_outliers(rows)
        rows -= rows.mean(axis=0, dtype=np.float64).astype(np.float32)
        variances, axes = np.linalg.eigh(_moment(rows))
        leading = axes[:, ::-1][:, : self.out_dim]
        leading[:, variances[::-1][: self.out_dim] <= _NOTHING * variances[-1]] = 0  # of fewer documents than axes
        return (orthonormal @ leading).astype(np.float32)

    def _solve(self) -> np.ndarray:
        """(tokens, out_dim) float32: what a document's terms are multiplied by."""
        return self.features_(self._floats) @ self.axes_ / np.float32(len(self.tokens_))

    @property
    def _floats(self) -> np.ndarray:
        return self.tokens_.astype(np.float32)

    def _document_vectors(self, documents: Ragged) -> np.ndarray:
        rows = np.empty((len(documents), self.out_dim), np.float32)
        tokens = self._floats
        for start in range(0, len(documents), _FEW):
            few = documents[start : start + _FEW]
            rows[start : start + len(few)] = chamfer_terms(tokens, few.vectors, few.offsets) @ self._solver
        return rows - self.mean_

    def _query_vectors(self, queries: Ragged) -> np.ndarray:
        sums = np.empty((len(queries), self.features + 1), np.float32)
        for start, block in queries.blocks(_QUERY_VECTORS):
            sums[start : start + len(block)] = np.add.reduceat(
                self.features_(block.vectors), block.offsets[:-1], axis=0
            )
        return sums @ self.axes_

    def parts(self) -> dict[str, np.ndarray]:
        """The dense codec's, the hidden layer's, the axes, and what only encoding needs: tokens and mean."""
        own = {"axes": self.axes_, "tokens": self.tokens_, "mean": self.mean_}
        return self.features_.parts() | own | super().parts()

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        super()._load_parts(parts)
        self.features_ = TokenFeatures.from_parts(parts)
        self.axes_, self.tokens_, self.mean_ = parts["axes"], parts["tokens"], parts["mean"]
        self._solver = self._solve()


def _moment(rows: np.ndarray) -> np.ndarray:
    """(width, width) float64: mean outer product of (n, width) float32 rows."""
    return (rows.T @ rows).astype(np.float64) / len(rows)
