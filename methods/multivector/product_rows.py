"""MaxSim over product codes, which become floats a document at a time."""

from __future__ import annotations

import numpy as np

from methods.kernels.sets.product_chamfer import product_chamfer_search
from methods.multivector.base import Codes, SetSearcher
from methods.multivector.common_length import FAR, CommonLength
from methods.multivector.ragged import Ragged
from methods.search.products import HasRowCodebooks

__all__ = ["ProductSetSearcher"]


class ProductSetSearcher(SetSearcher):
    """Scores by Chamfer what product codes decode to; keeps only the codes.

    Parameters
    ----------
    codec : HasRowCodebooks
    codebooks : (M, 256, width) float32
        Its own.
    codes : Codes
        Of M bytes a vector, none of them of zeros.
    length : CommonLength
        That decoded vectors are given.
    numbers, leaves : (total,) uint16, (K, M * width) float32, optional
        What each vector's code is added to; K says that the vector is zero.
    """

    def __init__(
        self,
        codec: HasRowCodebooks,
        codebooks: np.ndarray,
        codes: Codes,
        length: CommonLength,
        numbers: np.ndarray | None = None,
        leaves: np.ndarray | None = None,
    ) -> None:
        super().__init__(codec.dim, len(codes))
        self.codec, self.codebooks, self.codes, self.length = codec, codebooks, codes, length
        self.numbers, self.leaves = numbers, leaves

    @property
    def nbytes(self) -> int:
        return self.codes.nbytes + (0 if self.numbers is None else self.numbers.nbytes)

    def _search(self, queries: Ragged, k: int) -> tuple[np.ndarray, np.ndarray]:
        size = len(self.codebooks)
        mapped, rows = self.codec.row_queries(queries.vectors), self.codes.rows(size)
        documents = (np.ascontiguousarray(rows), self.codebooks, self.codes.offsets // size)
        query_sets, length, numbers = (mapped, queries.offsets), self.length.length, self.numbers
        return product_chamfer_search(*query_sets, *documents, k, length, FAR, numbers=numbers, leaves=self.leaves)
