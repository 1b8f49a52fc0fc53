"""Fixed dimensional encodings: sets of vectors as single vectors whose inner products follow the Chamfer score.

Dhulipala, Hadian, Jayaram, Lee, Mirrokni: MUVERA, NeurIPS 2024, arXiv 2405.19504, section 2. Both projections are
count sketches (one +-1 a row, unscaled), as in the authors' released code; the paper's dense +-1 / sqrt(d) has the
same mean and variance.
"""

from __future__ import annotations

from typing import Self

import numpy as np

from methods.errors import MethodError
from methods.kernels.sets.fde import SetEncoder
from methods.multivector.ragged import Ragged
from methods.multivector.stretch import Stretch
from methods.vectors import as_vectors

__all__ = ["FixedDimensionalEncoding", "encoding_width"]

_MOST_BITS = 16
_MOST_VALUES = 1 << 24  # of one encoding before the final projection: 64 MB of float32


class FixedDimensionalEncoding:
    """Data-oblivious map of sets of vectors (but for the optional center) to single vectors.

    Each of ``repetitions`` partitions the space by the signs of ``simhash_bits`` Gaussian projections. A query's block
    of a partition is the sum of its vectors there, a document's is their mean; a document's empty partition takes the
    vector that disagrees in the fewest bits. <F(Q), F(P)> / repetitions estimates Chamfer(Q, P).

    Parameters
    ----------
    dim : int
        Dimension of the vectors.
    repetitions, simhash_bits : int
        2^simhash_bits partitions a repetition.
    inner_dim : int, optional
        Width of a block after the inner projection; ``dim`` without one.
    final_dim : int, optional
        Width of the encoding after a final projection.
    fill_empty : bool
        Whether empty partitions of documents are filled. Of vectors that disagree in equally few bits that of the
        partition which comes first is taken, as by fastembed; the authors' program takes the earliest in the document
        (as :meth:`from_arrays` does), which gives one vector to more partitions and found less here.
    center : bool
        Encode documents relative to the mean of the vectors that :meth:`fit` sees, and partition by what is
        orthogonal to it. A query keeps its own vectors, so that every document's score moves by the same amount.
        Where :meth:`fit` is given a stretch, all is so in the space of stretched vectors.
    seed : int
        Of the hyperplanes and projections; any two seeds are independent.

    Attributes
    ----------
    fde_dim : int
        Width of an encoding.
    hyperplanes : (repetitions, dim, simhash_bits) float32
    inner_projection : (repetitions, dim, inner_dim) float32 or None
    final_index, final_sign : arrays or None
        Entry i goes to ``final_index[i]``, times ``final_sign[i]``.
    stretch_ : Stretch
        Holds the center; changes nothing without ``center``.
    """

    def __init__(
        self,
        dim: int,
        repetitions: int,
        simhash_bits: int,
        inner_dim: int | None = None,
        final_dim: int | None = None,
        fill_empty: bool = True,
        center: bool = False,
        seed: int = 0,
    ) -> None:
        self.dim, self.repetitions, self.simhash_bits = dim, repetitions, simhash_bits
        self.inner_dim, self.final_dim = inner_dim, final_dim
        self.fill_empty, self.center, self.seed, self.fill_earliest = fill_empty, center, seed, False
        encoding_width(dim, repetitions, simhash_bits, inner_dim, final_dim)
        rng = np.random.default_rng(seed)
        self.hyperplanes = rng.standard_normal((repetitions, dim, simhash_bits), np.float32)
        self.inner_projection = None if inner_dim is None else _sketches(rng, repetitions, dim, inner_dim)
        self.final_index = self.final_sign = None
        if final_dim is not None:
            self.final_index = rng.integers(final_dim, size=self._block_values, dtype=np.int32)
            self.final_sign = rng.choice(np.array([-1, 1], np.int8), self._block_values)
        self._prepare(Stretch.none(dim))

    @classmethod
    def from_arrays(
        cls,
        hyperplanes: np.ndarray,
        inner_projection: np.ndarray | None = None,
        final_index: np.ndarray | None = None,
        final_sign: np.ndarray | None = None,
        fill_empty: bool = True,
        final_dim: int | None = None,
        fill_earliest: bool = True,
    ) -> FixedDimensionalEncoding:
        """The encoding by given arrays, whose shapes are those of the attributes of the same names.

        ``inner_projection`` may be any matrix a repetition; ``final_dim`` is the largest index + 1 if None;
        ``fill_earliest`` is how the authors' program fills.
        """
        hyperplanes = _finite("hyperplanes", hyperplanes)
        if hyperplanes.ndim != 3 or not hyperplanes.shape[0] * hyperplanes.shape[1]:
            raise MethodError(f"hyperplanes have shape (repetitions, dim, bits), not {hyperplanes.shape}")
        repetitions, dim, bits = hyperplanes.shape
        encoding = cls.__new__(cls)
        encoding.dim, encoding.repetitions, encoding.simhash_bits = dim, repetitions, bits
        encoding.fill_empty, encoding.center, encoding.seed, encoding.fill_earliest = (
            fill_empty,
            False,
            0,
            fill_earliest,
        )
        if inner_projection is not None and np.shape(inner_projection)[:2] != (repetitions, dim):
            raise MethodError(
                f"inner_projection has shape ({repetitions}, {dim}, inner), not {np.shape(inner_projection)}"
            )
        encoding.inner_projection = None if inner_projection is None else _finite("inner_projection", inner_projection)
        encoding.inner_dim = None if encoding.inner_projection is None else encoding.inner_projection.shape[2]
        if (final_index is None) != (final_sign is None):
            raise MethodError("a final projection needs both final_index and final_sign")
        encoding.final_index = encoding.final_sign = encoding.final_dim = None
        encoding.hyperplanes = hyperplanes
        values = encoding_width(dim, repetitions, bits, encoding.inner_dim)
        if final_index is not None and final_sign is not None:
            index, sign = np.asarray(final_index), np.asarray(final_sign)
            for name, array in (("final_index", index), ("final_sign", sign)):
                if array.shape != (values,):
                    raise MethodError(f"{name} has shape {array.shape}, the encoding has {values} values")
            encoding.final_dim = int(index.max()) + 1 if final_dim is None else final_dim
            if index.dtype.kind not in "iu" or not 0 <= index.min() <= index.max() < encoding.final_dim:
                raise MethodError(f"final_index is not of integers within 0 to {encoding.final_dim - 1}")
            if (np.abs(sign) != 1).any():
                raise MethodError("final_sign is not of 1 and -1")
            encoding.final_index, encoding.final_sign = index, sign
        encoding_width(dim, repetitions, bits, encoding.inner_dim, encoding.final_dim)
        encoding._prepare(Stretch.none(dim))
        return encoding

    @property
    def fde_dim(self) -> int:
        return self.final_dim or self._block_values

    @property
    def _block_values(self) -> int:
        """Values before a final projection."""
        return encoding_width(self.dim, self.repetitions, self.simhash_bits, self.inner_dim)

    def fit(self, vectors: np.ndarray, stretch: Stretch | None = None) -> Self:
        """With ``center``, take the mean of ``vectors`` (n, dim) for the center (or what ``stretch`` holds); else
        nothing."""
        if self.center:
            if stretch is None:
                stretch = Stretch(np.asarray(vectors.mean(axis=0, dtype=np.float64), np.float32))
            self._prepare(stretch)
        return self

    def encode_documents(self, vectors: np.ndarray, offsets: np.ndarray, threads: int | None = None) -> np.ndarray:
        """Encodings (n, fde_dim) float32 of documents ``vectors[offsets[i] : offsets[i + 1]]``, none of them empty.

        Each depends on its document alone. ``threads`` is Numba's setting if None.
        """
        sets = self._sets(vectors, offsets, "documents")
        return self._encoder.encode(
            self.stretch_.apply(sets.floats()),
            sets.offsets,
            fill_empty=self.fill_empty,
            earliest=self.fill_earliest,
            threads=threads,
        )

    def encode_queries(self, vectors: np.ndarray, offsets: np.ndarray, threads: int | None = None) -> np.ndarray:
        """Encodings (n, fde_dim) float32 of queries, as for :meth:`encode_documents`."""
        sets = self._sets(vectors, offsets, "queries")
        return self._encoder.encode(self.stretch_.queries(sets.floats()), sets.offsets, query=True, threads=threads)

    def _sets(self, vectors: np.ndarray, offsets: np.ndarray, what: str) -> Ragged:
        vectors = np.asanyarray(vectors)
        if vectors.dtype != np.float16:
            vectors = as_vectors(vectors, self.dim, what)
        return Ragged(vectors, offsets, what).check(self.dim, what)

    def _prepare(self, stretch: Stretch) -> None:
        """With a mean, partitions follow what is orthogonal to it: of the rest queries may have more than documents, or
        nothing at all, and would be in other partitions for that."""
        self.stretch_ = stretch
        normals = self.hyperplanes
        if not stretch.is_identity:
            rows = stretch.project(np.ascontiguousarray(normals.transpose(0, 2, 1)).reshape(-1, self.dim))
            rows = rows.reshape(self.repetitions, self.simhash_bits, self.dim)
            normals = np.ascontiguousarray(rows.transpose(0, 2, 1))
        self._encoder = SetEncoder(
            normals, self.inner_projection, self.final_index, self.final_sign, self.final_dim or 0
        )


def _finite(name: str, array: np.ndarray) -> np.ndarray:
    values = np.asarray(array, np.float32)
    if not np.isfinite(values).all():
        raise MethodError(f"{name} hold NaN or infinity")
    return values


def encoding_width(
    dim: int, repetitions: int, simhash_bits: int, inner_dim: int | None = None, final_dim: int | None = None
) -> int:
    """Values of an encoding, ``repetitions * 2^simhash_bits * (inner_dim or dim)`` without a final projection.

    :class:`MethodError` says which parameter is out of range.
    """
    given = {"dim": dim, "repetitions": repetitions, "simhash_bits": simhash_bits}
    given |= {name: value for name, value in (("inner_dim", inner_dim), ("final_dim", final_dim)) if value is not None}
    for name, value in given.items():
        low, high = (0, _MOST_BITS) if name == "simhash_bits" else (1, _MOST_VALUES)
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or not low <= value <= high:
            raise MethodError(f"{name}={value!r} is out of range; use an integer from {low} to {high}")
    values = (repetitions << simhash_bits) * (inner_dim or dim)
    if values > _MOST_VALUES:
        raise MethodError(
            f"repetitions={repetitions}, simhash_bits={simhash_bits} and inner_dim={inner_dim or dim} make "
            f"{values:,} values; use at most {_MOST_VALUES:,}"
        )
    return final_dim or values


def _sketches(rng: np.random.Generator, repetitions: int, dim: int, inner_dim: int) -> np.ndarray:
    """(repetitions, dim, inner_dim) float32 with one +-1 a row."""
    matrices = np.zeros((repetitions, dim, inner_dim), np.float32)
    places = rng.integers(inner_dim, size=(repetitions, dim, 1))
    signs = rng.choice(np.array([-1, 1], np.float32), (repetitions, dim, 1))
    np.put_along_axis(matrices, places, signs, axis=2)
    return matrices
