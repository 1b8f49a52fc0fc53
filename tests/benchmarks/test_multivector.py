"""Sets of vectors, one thread: FDE encoding against fastembed's ``Muvera``, exact Chamfer against NumPy and torch.

The sides take turns, so all meet the same machine; figures are medians, printed and never asserted. fastembed is a peer
that nothing else here needs; it comes with the development dependencies.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

from methods.kernels.sets.chamfer import chamfer_search
from methods.multivector import FixedDimensionalEncoding

DIM, TOKENS, DOCUMENTS, ROUNDS = 128, 150, 200, 7


def unit(n, seed):
    vectors = np.random.default_rng(seed).standard_normal((n, DIM), np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def medians(*works):
    """Median seconds of each, called in turns after one warm-up."""
    seconds = [[] for _ in works]
    for turn in range(ROUNDS + 1):
        for work, taken in zip(works, seconds):
            start = time.perf_counter()
            work()
            if turn:
                taken.append(time.perf_counter() - start)
    return [float(np.median(taken)) for taken in seconds]


def test_encoding_documents(benchmark):
    fastembed = pytest.importorskip("fastembed.postprocess", reason="the peer, fastembed, is not installed")
    vectors, offsets = unit(DOCUMENTS * TOKENS, 0), np.arange(DOCUMENTS + 1) * TOKENS
    ours = FixedDimensionalEncoding(DIM, 20, 5, 16)
    theirs = fastembed.Muvera(dim=DIM, k_sim=5, dim_proj=16, r_reps=20)
    some = [vectors[start : start + TOKENS] for start in range(0, 20 * TOKENS, TOKENS)]
    every = np.concatenate([ours.hyperplanes, ours.inner_projection], axis=2).transpose(1, 0, 2).reshape(DIM, -1)
    mine, peer, bound = medians(
        lambda: ours.encode_documents(vectors, offsets, threads=1),
        lambda: [theirs.process_document(document) for document in some],
        lambda: [vectors[start : start + TOKENS] @ every for start in offsets[:-1]],
    )
    rates = DOCUMENTS / mine, len(some) / peer, DOCUMENTS / bound
    print(
        f"\n{rates[0]:,.0f} documents/s, fastembed {rates[1]:,.0f}: {rates[0] / rates[1]:.1f}x; "
        f"NumPy's product of every vector with all hyperplanes and projections alone {rates[2]:,.0f}"
    )
    benchmark.extra_info.update(documents_per_s=rates[0], fastembed=rates[1], ratio=rates[0] / rates[1], target=12)
    benchmark.extra_info.update(all_products=rates[2])
    benchmark.pedantic(lambda: ours.encode_documents(vectors, offsets, threads=1), rounds=1)


@pytest.mark.parametrize(("queries", "tokens"), [(1, 32), (32, 32), (1, 14)])
def test_exact_chamfer(benchmark, queries, tokens):
    import torch

    vectors, offsets = unit(DOCUMENTS * TOKENS, 0), np.arange(DOCUMENTS + 1) * TOKENS
    asked, bounds = unit(queries * tokens, 1), np.arange(queries + 1) * tokens
    held, query = torch.from_numpy(vectors), torch.from_numpy(asked)
    before = torch.get_num_threads()
    torch.set_num_threads(1)

    def numpy_best():
        products = np.maximum.reduceat(asked @ vectors.T, offsets[:-1], axis=1)
        return np.argpartition(-products.reshape(queries, tokens, -1).sum(axis=1), 10, axis=1)

    def torch_best():
        products = (held @ query.T).view(DOCUMENTS, TOKENS, -1).amax(1)
        return products.view(DOCUMENTS, queries, tokens).sum(2).topk(10, dim=0)

    def product_alone():
        return vectors @ asked.T

    def ours():
        return chamfer_search(asked, bounds, vectors, offsets, 10, threads=1)

    try:
        seconds = medians(ours, numpy_best, torch_best, product_alone)
    finally:
        torch.set_num_threads(before)
    operations = 2e-9 * len(asked) * len(vectors) * DIM
    rates = dict(zip(("ours", "numpy", "torch", "matrix product alone"), (operations / s for s in seconds)))
    print(f"\n{queries} x {tokens}: " + ", ".join(f"{name} {rate:.1f} GFLOP/s" for name, rate in rates.items()))
    benchmark.extra_info.update(rates)
    benchmark.pedantic(ours, rounds=1)
