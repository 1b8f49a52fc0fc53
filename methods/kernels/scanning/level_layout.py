"""How the codes of levels are laid out, and how a block of them becomes rows of words."""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels.errors import KernelError
from methods.kernels.machine.path import Path
from methods.kernels.scanning.stage_lengths import LengthTables, StageLengths
from methods.kernels.scanning.stage_squares import StageSquares
from methods.kernels.simd.planar_tile import BLOCK
from methods.kernels.simd.unpack_symbols import symbol_places
from methods.kernels.simd.unpack_trellis import document_order
from methods.kernels.simd.unpackers import TRELLIS, call_expansion, call_products, expansion, products

__all__ = ["code_places", "expand_block", "expansion_runs", "length_tables", "picked", "stage_tables", "sum_block"]


@njit(cache=True, nogil=True)
def expand_block(
    path: Path, blocks: np.ndarray, block: int, following: int, runs: np.ndarray, tables: np.ndarray, out: np.ndarray
) -> None:
    """A block into rows of words, while the one that follows is fetched; ``runs`` as :func:`expansion_runs` makes them.

    No slices: to count their references takes time.
    """
    start = first = block * (blocks.shape[1] // BLOCK)
    ahead, row = (following - block) * blocks.shape[1], 0
    for run in range(len(runs)):
        address, groups, wide = runs[run, 0], runs[run, 1], runs[run, 2]
        begin, last, nbytes = start + runs[run, 3], start + runs[run, 4], runs[run, 5]
        call_expansion(address, path, blocks, first, groups, begin, last, tables, out, row, ahead)
        first += nbytes
        row += (4 if wide else 2) * groups


@njit(cache=True, nogil=True)
def sum_block(
    path: Path,
    blocks: np.ndarray,
    block: int,
    following: int,
    runs: np.ndarray,
    tables: np.ndarray,
    narrow: np.ndarray,
    wide: np.ndarray,
    shift: int,
    sums: np.ndarray,
) -> None:
    """What :func:`expand_block` and the tiles give in ``sums[0]`` for one query, without rows of words.

    For codes without trellises; their wide groups come first.
    """
    first = block * (blocks.shape[1] // BLOCK)
    ahead, row, shifted = (following - block) * blocks.shape[1], 0, False
    for doc in range(BLOCK):
        sums[0, doc] = 0
    for run in range(len(runs)):
        groups, is_wide, address = runs[run, 1], runs[run, 2], runs[run, 6]
        if is_wide:
            call_products(address, path, blocks, first, groups, tables, wide, row, sums, ahead)
        else:
            if not shifted:
                _shift(sums, shift)
                shifted, row = True, 0
            call_products(address, path, blocks, first, groups, tables, narrow, row, sums, ahead)
        first += runs[run, 5]
        row += (4 if is_wide else 2) * groups
    if not shifted:
        _shift(sums, shift)


@njit(cache=True, nogil=True)
def _shift(sums: np.ndarray, shift: int) -> None:
    for doc in range(BLOCK):
        sums[0, doc] >>= shift


def expansion_runs(path: Path, alphabets: np.ndarray, bits: np.ndarray, wide: np.ndarray, summed: bool) -> np.ndarray:
    """Groups side by side that are unpacked in the same way: (runs, 7) int64.

    Address of their :func:`~methods.kernels.simd.unpackers.expansion`, number of groups, whether they are wide, the
    first and the last byte of the code that belong to trellises, their own bytes, and the address of their
    :func:`~methods.kernels.simd.unpackers.products`, 0 where there are trellises or no block is ``summed`` for a query
    alone (:func:`sum_block`).
    """
    path_bytes = np.flatnonzero(np.repeat(alphabets > TRELLIS, bits))
    begin, last = (int(path_bytes[0]), int(path_bytes[-1])) if len(path_bytes) else (0, 0)
    starts = np.flatnonzero(np.diff(alphabets, prepend=-1))
    ends = np.append(starts[1:], len(bits))
    runs, summed = [], summed and not len(path_bytes)
    for start, end in zip(starts, ends):
        split = start + int(wide[start:end].sum())  # wide groups come first
        for low, high, kind in ((start, split, True), (split, end, False)):
            if low < high:
                alphabet = int(alphabets[start])
                address = expansion(path.name, alphabet, kind).address
                sums = products(path.name, alphabet, kind).address if summed else 0
                runs.append((address, high - low, kind, begin, last, bits[start] * (high - low), sums))
    return np.array(runs, np.int64)


def code_places(path: Path, alphabets: np.ndarray) -> np.ndarray:
    """(sum of bits, 64) int: where each byte of a block's documents goes for the expansions of its groups."""
    ordered, places, start = np.argsort(document_order(path.name)), [], 0
    for alphabet in alphabets.tolist():
        byte = np.arange(alphabet - TRELLIS)[:, None]
        group = byte * BLOCK + ordered if alphabet > TRELLIS else symbol_places(alphabet)
        places.append(start + group)
        start += group.size
    return np.concatenate(places)


def stage_tables(squares: StageSquares | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Halves, pairs and products; of no stages where there are no ``squares``."""
    if squares is None:
        return np.empty((0, 256), np.float32), np.empty((0, 256, 256), np.float32), np.empty((0, 256), np.float32)
    return squares.halves, squares.pairs, squares.products


def length_tables(lengths: StageLengths | None, units: np.ndarray, wide_order: np.ndarray) -> LengthTables:
    """What a scan reads of ``lengths``; of nothing without them.

    ``units`` (dim,) float32 are what integers of levels are multiplied with; the first dimensions lie in words as
    ``wide_order`` says.
    """
    if lengths is None:
        none = np.empty(0, np.float32)
        return LengthTables(*stage_tables(None)[:2], none, none, np.float32(0), np.float32(0), np.float32(np.inf))
    if lengths.along.shape[2] != len(units):
        raise KernelError(f"along has {lengths.along.shape[2]} dimensions, the levels have {len(units)}")
    order = np.concatenate([wide_order, np.arange(len(wide_order), len(units))])
    along = np.ascontiguousarray((2 * lengths.along * units)[:, :, order]).ravel()
    numbers = (np.float32(each) for each in (lengths.length, lengths.shared, np.inf))
    return LengthTables(lengths.squares.halves, lengths.squares.pairs, along, np.square(units[order]), *numbers)


@njit(cache=True, nogil=True)
def picked(blocks: np.ndarray, places: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Codes (m, size) uint8 of the given ``rows`` (m,), as they were before :func:`.layout.planar` laid them out.

    ``places`` (size, 64) is what it was told.
    """
    size = len(places)
    codes = np.empty((len(rows), size), np.uint8)
    for i in range(len(rows)):
        block, doc = blocks[rows[i] // BLOCK], rows[i] % BLOCK
        for byte in range(size):
            codes[i, byte] = block[places[byte, doc]]
    return codes
