"""A vector cut into equally wide subspaces, for the product methods, where the number need not divide the dimension."""

from __future__ import annotations

import numpy as np

from methods.errors import MethodError


class Subspaces:
    """Cuts ``dim`` dimensions into ``count`` runs of almost equal length, each filled up with zeros to ``width``.

    faiss wants subvectors of one width. Where ``count`` does not divide ``dim``, the runs differ by one dimension and
    the shorter ones get one column of zeros (as ``numpy.array_split`` cuts; filling up the last one alone would leave
    it with few real dimensions and waste its bits). Zeros change no inner product and no distance, and a whole budget
    can be used at every dimension.

    Parameters
    ----------
    dim : int
        Dimension of the vectors.
    count : int
        Number of subspaces, 1 to ``dim``.

    Attributes
    ----------
    width : int
        Dimensions of a subspace, zeros included.
    lengths : (count,) int
        Dimensions of each run, without the zeros.
    columns : (dim,) int
        Where the dimensions stand among the padded ones.
    """

    def __init__(self, dim: int, count: int) -> None:
        if not 1 <= count <= dim:
            raise MethodError(f"{count} subspaces of {dim} dimensions; use 1 to {dim}")
        self.dim, self.count = dim, count
        self.width = -(-dim // count)
        longer = dim - (self.width - 1) * count  # runs of full width; the others are one shorter
        starts = np.arange(count) * self.width
        self.lengths = np.where(np.arange(count) < longer, self.width, self.width - 1)
        self.columns = np.concatenate([np.arange(s, s + n) for s, n in zip(starts, self.lengths)])

    @property
    def padded_dim(self) -> int:
        """``count * width``."""
        return self.count * self.width

    def spread(self, vectors: np.ndarray) -> np.ndarray:
        """(n, dim) -> (n, padded_dim) float32; the same array where nothing is padded."""
        if self.padded_dim == self.dim:
            return np.ascontiguousarray(vectors, dtype=np.float32)
        padded = np.zeros((len(vectors), self.padded_dim), np.float32)
        padded[:, self.columns] = vectors
        return padded

    def matrix(self) -> np.ndarray:
        """(dim, padded_dim) float32: ``vectors @ matrix`` is :meth:`spread`."""
        return self.spread(np.eye(self.dim, dtype=np.float32))

    def gather(self, padded: np.ndarray) -> np.ndarray:
        """(n, padded_dim) -> (n, dim): the inverse of :meth:`spread`."""
        return padded if self.padded_dim == self.dim else np.take(padded, self.columns, axis=1)
