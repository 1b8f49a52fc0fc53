"""A graph over the codes of a method that faiss can hold: a query walks from code to code.

Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable Small World
graphs" (PAMI 2020), as faiss builds and walks it. Links are found with the vectors as they are; then only the codes
are kept, and they alone are compared with queries.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import faiss
import numpy as np

from methods.base import Codec
from methods.errors import MethodError, NotInFaiss
from methods.kernels.scanning.ranged import shallow_copy
from methods.searcher import Searcher

__all__ = ["HNSWSearcher", "check_graph"]

_faiss: Any = faiss  # its stubs lack some names
_LINKS = (2, 512)  # least and most that a code may have on an upper level


def check_graph(codec: Codec) -> None:
    """Raise :class:`NotInFaiss` where faiss has no graph over the codec's codes; the codec need not be fitted."""
    if type(codec)._to_faiss is Codec._to_faiss:
        codec._to_faiss(np.empty((0, codec.code_size), np.uint8))  # says which methods have an index
    if not codec.compared_singly:
        raise NotInFaiss(
            f"{codec.name} has no graph in faiss: its codes are compared in blocks, or as bits; use index=ivf"
        )


class HNSWSearcher(Searcher):
    """Walks a graph whose nodes are codes.

    Parameters
    ----------
    codec : Codec
        Fitted; of a method that :meth:`~methods.base.Codec.to_faiss` takes, and whose codes faiss can compare one by
        one with a query.
    codes : (n, code_size) uint8
    vectors : iterable of (m, dim) floating
        Of which the codes are, in their order, in pieces. They are held as float32 while the graph is built.
    links : int
        Of a code on each upper level of the graph, and twice as many on the lowest (``M`` of the source).
    build_ef : int
        Candidates that are kept when a vector is linked (``efConstruction``).
    ef : int
        Candidates that a search keeps, at least k of them; see :meth:`keeping`.

    Attributes
    ----------
    links_nbytes : int
        Of the links, and of where each code's begin.
    nbytes : int
        Of codes and links.

    Raises
    ------
    NotInFaiss
        faiss has no index of single codes for this method, or for these parameters of it.

    Notes
    -----
    One thread builds: with several the graph would be another one each time.
    """

    def __init__(
        self,
        codec: Codec,
        codes: np.ndarray,
        vectors: Iterable[np.ndarray],
        links: int = 16,
        build_ef: int = 100,
        ef: int = 64,
    ) -> None:
        super().__init__(codec.dim, codec.metric, len(codes))
        if not _LINKS[0] <= links <= _LINKS[1] or int(links) != links:
            raise MethodError(f"links={links} is out of range; use an integer from {_LINKS[0]} to {_LINKS[1]}")
        if int(build_ef) != build_ef or build_ef < 1:
            raise MethodError(f"build_ef={build_ef} is not a number of candidates; use an integer of at least 1")
        self.ef = self._checked(ef)
        check_graph(codec)
        self._flat = codec.to_faiss(codes)
        self._codes: Any = _last(self._flat)
        self._graph: Any = _faiss.IndexHNSWFlat(self._codes.d, int(links), self._codes.metric_type)
        self._walk = codec.to_faiss(codes[:0])  # what is done to vectors and queries first, then the graph
        if isinstance(self._walk, faiss.IndexPreTransform):
            self._walk.index = self._graph
        else:
            self._walk = self._graph
        self._link(vectors, int(build_ef))
        if self._graph.ntotal != len(codes):
            raise MethodError(f"there are {self._graph.ntotal} vectors for {len(codes)} codes; give one for each")
        floats: Any = self._graph.storage  # the vectors go; the codes take their place
        self._graph.own_fields = False
        self._graph.storage = self._codes
        floats.thisown = True  # so that they are freed with their last name
        del floats
        hnsw: Any = self._graph.hnsw
        arrays = (hnsw.neighbors, hnsw.offsets, hnsw.levels)
        self.links_nbytes = sum(faiss.vector_to_array(array).nbytes for array in arrays)
        self._codes_nbytes = codes.nbytes

    @property
    def nbytes(self) -> int:
        return self._codes_nbytes + self.links_nbytes

    def keeping(self, ef: int) -> HNSWSearcher:
        """The same graph, of which a search keeps ``ef`` candidates; as many as there are codes: all are compared."""
        other = shallow_copy(self)
        other.ef = self._checked(ef)
        return other

    def visited_share(self, queries: np.ndarray, k: int = 10) -> float:
        """Share of the codes that a search for ``k`` compares, on average over ``queries`` (nq, dim) floating."""
        if self.ef >= self.size or not len(queries):
            return 1.0
        _faiss.cvar.hnsw_stats.reset()
        self.search(queries, k)
        return float(_faiss.cvar.hnsw_stats.ndis / (len(queries) * self.size))

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        if self.ef >= self.size:
            return self._flat.search(queries, k)
        params = _faiss.SearchParametersHNSW(efSearch=max(self.ef, k))
        if self._walk is not self._graph:
            params = _faiss.SearchParametersPreTransform(index_params=params)
        return self._walk.search(queries, k, params=params)

    def _link(self, vectors: Iterable[np.ndarray], build_ef: int) -> None:
        self._graph.hnsw.efConstruction = build_ef
        threads = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)
        try:
            for block in vectors:
                self._walk.add(np.ascontiguousarray(block, np.float32))
        finally:
            faiss.omp_set_num_threads(threads)

    @staticmethod
    def _checked(ef: int) -> int:
        if int(ef) != ef or ef < 1:
            raise MethodError(f"ef={ef} is not a number of candidates; use an integer of at least 1")
        return int(ef)


def _last(index: Any) -> Any:
    """What holds the codes, behind what is done to vectors first."""
    return faiss.downcast_index(index.index) if isinstance(index, faiss.IndexPreTransform) else index
