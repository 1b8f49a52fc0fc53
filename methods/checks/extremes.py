"""Checks on unusual data: few, equal or zero vectors, and dimensions that nothing divides."""

from __future__ import annotations

import numpy as np

from methods.base import Codec
from methods.checks import data
from methods.checks.subject import Subject, check, expect


@check
def fits_on_fewer_vectors_than_its_codebook(subject: Subject) -> None:
    """One or three training vectors give a codec that works, however coarsely."""
    for metric in subject.metrics:
        for n in (3, 1):
            codec = subject.fit(subject.configure(subject.budget, metric), data.train()[:n], seed=0)
            _expect_works(codec, data.base()[:20], data.queries(), f"fitted on {n} vectors, metric={metric}")


@check
def fits_on_equal_vectors(subject: Subject) -> None:
    """Training vectors without any variance, zeros among them, do not divide by zero."""
    for metric in subject.metrics:
        for what, row in {"one vector": data.train()[:1], "zeros": np.zeros((1, data.DIM), np.float32)}.items():
            codec = subject.fit(subject.configure(subject.budget, metric), np.repeat(row, 300, axis=0), seed=0)
            _expect_works(codec, data.base()[:20], data.queries(), f"fitted on {what} 300 times, metric={metric}")


@check
def zero_vectors_have_finite_scores(subject: Subject) -> None:
    """Zero vectors and zero queries, under cosine too."""
    for metric in subject.metrics:
        vectors, queries = data.base()[:20].copy(), data.queries().copy()
        vectors[::3], queries[::3] = 0, 0
        _expect_works(subject.fitted(metric=metric), vectors, queries, f"zero vectors, metric={metric}")


@check
def handles_dimensions_that_nothing_divides(subject: Subject) -> None:
    """d = 7, 13 and 1."""
    for dim in (7, 13, 1):
        for code_bytes in {subject.budgets(dim)[0], subject.budgets(dim)[-1]}:
            codec = subject.fit(subject.configure(code_bytes, dim=dim), data.train(dim), seed=0)
            expect(codec.code_size <= code_bytes, f"a code of {codec.code_size} bytes at {code_bytes} B, d={dim}")
            _expect_works(codec, data.base(dim)[:20], data.queries(dim), f"d={dim} at {code_bytes} B")


def _expect_works(codec: Codec, vectors: np.ndarray, queries: np.ndarray, what: str) -> None:
    """Encoding, decoding and a search for all codes give finite values and each id once."""
    codes = codec.encode(vectors)
    expect(codes.shape == (len(vectors), codec.code_size), f"{what}: codes have shape {codes.shape}")
    if codec.decodable:
        expect(np.isfinite(codec.decode(codes)).all(), f"{what}: decoded vectors are not finite")
    scores, ids = codec.searcher(codes).search(queries, len(vectors))
    expect(np.isfinite(scores).all(), f"{what}: scores are not finite")
    expect((np.sort(ids, axis=1) == np.arange(len(vectors))).all(), f"{what}: ids are not each code once")
