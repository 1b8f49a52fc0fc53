"""MaxSim on codes: the least Hamming distance, or the largest inner product, to each document's codes."""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels.machine.path import Path
from methods.kernels.scanning import layout, prepare
from methods.kernels.scanning.adc import ADCScanner
from methods.kernels.scanning.hamming import HammingScanner, planar_batch
from methods.kernels.scanning.levels import LevelScanner
from methods.kernels.scanning.sdc import SDCScanner
from methods.kernels.sets.offsets import as_offsets, owners
from methods.kernels.simd.planar_tile import BLOCK, WIDE, planar_tile

__all__ = ["largest_level_products", "largest_products", "least_distances", "least_distances_reference"]


def least_distances_reference(codes: np.ndarray, offsets: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """(n,) int64 for codes (total, size), offsets (n + 1,) and one query's codes (m, size), in plain NumPy."""
    distances = np.bitwise_count(queries[:, None, :] ^ codes[None]).sum(axis=2, dtype=np.int64)
    return np.minimum.reduceat(distances, offsets[:-1], axis=1).sum(axis=0)


@njit(cache=True, nogil=True)
def _fold(path: Path, documents: tuple, batch: tuple, owner: np.ndarray, least: np.ndarray) -> None:
    """``least`` (nq, n) int16: the smallest distance of each query code to the codes of each document."""
    blocks, total = documents
    queries, nq, rows, table, segment = batch
    expand = rows * BLOCK != blocks.shape[1]  # the path reads nibbles, two rows a byte
    nibbles = np.zeros(rows * BLOCK if expand else 0, np.uint8)
    sums = np.empty((WIDE, BLOCK), np.int16)
    tile = queries.nbytes // ((nq + WIDE - 1) // WIDE)  # bytes of the queries that a tile serves
    for block in range(len(blocks)):
        docs = blocks[block]
        if expand:
            layout.unpack_nibbles(docs, nibbles)
            docs = nibbles
        first = block * BLOCK
        size = min(BLOCK, total - first)
        for query in range(0, nq, WIDE):
            if nq == 1:
                planar_tile(path, 1, docs, queries, 0, rows, table, rows, segment, sums)
            else:
                planar_tile(path, 4, docs, queries, query // WIDE * tile, rows, table, rows, segment, sums)
            for q in range(query, min(query + WIDE, nq)):
                for i in range(size):
                    document = owner[first + i]
                    least[q, document] = min(least[q, document], sums[q - query, i])


def least_distances(
    scanner: HammingScanner, offsets: np.ndarray, queries: np.ndarray, most: np.ndarray | None = None
) -> np.ndarray:
    """Sums (n,) int64 over a query's codes of the least distance to a document's codes.

    Parameters
    ----------
    scanner : HammingScanner
        Over the codes of all documents' vectors.
    offsets : (n + 1,) int64
        Rows ``offsets[i] : offsets[i + 1]`` are document i's, at least one where ``most`` is not given.
    queries : (m, size) uint8
        Codes of one query's vectors.
    most : (n,) integers, optional
        What no distance to a document exceeds.
    """
    queries = prepare.as_codes(queries, scanner.code_size, "queries")
    path, batch = planar_batch(queries, scanner.path)
    owner = owners(offsets, scanner.size)
    least = np.full((len(queries), len(offsets) - 1), np.iinfo(np.int16).max, np.int16)
    if most is not None:
        least[:] = np.minimum(most, least[0, 0])
    _fold(path, (scanner.blocks, scanner.size), batch, owner, least)
    return least.sum(axis=0, dtype=np.int64)


def largest_products(scanner: ADCScanner | SDCScanner, offsets: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Largest scores (m, n) float32 of each query vector with a document's codes.

    Parameters
    ----------
    scanner : ADCScanner or SDCScanner
        Over the codes of all documents' vectors.
    offsets : (n + 1,) int64
        Rows ``offsets[i] : offsets[i + 1]`` are document i's; to one without the largest product is -inf.
    queries
        What the scanner's ``search`` takes: the vectors (or codes) of one query.
    """
    owner = owners(offsets, scanner.size)
    best = np.full((len(queries), len(offsets) - 1), -np.inf, np.float32)
    scanner.fold(queries, owner, best)
    return best


def largest_level_products(
    scanner: LevelScanner,
    offsets: np.ndarray,
    queries: np.ndarray,
    tables: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """As :func:`largest_products`, with the tables and weights that the scanner's ``search`` takes."""
    best = np.full((len(queries), len(offsets) - 1), -np.inf, np.float32)
    scanner.fold(queries, as_offsets(offsets, scanner.size, "offsets"), best, tables, weights)
    return best
