"""Checks on what a method accepts, what it refuses, and that it leaves its input alone."""

from __future__ import annotations

import numpy as np

from methods import registry
from methods.base import Codec, Metric
from methods.checks import data
from methods.checks.subject import Subject, check, expect, expect_description, expect_error, expect_same_codes
from methods.errors import MethodError, NeedsQueries, NotFitted, UnsupportedMetric


@check
def describes_itself(subject: Subject) -> None:
    """Family, summary, source, version, metrics and what parameters mean are there for lists, tables and records."""
    expect_description(subject.cls)
    expect(set(subject.cls.metrics) == set(subject.metrics), f"'metrics' has others than {', '.join(subject.metrics)}")
    hooks = ((subject.cls._fit, Codec._fit), (subject.cls._fit_to_queries, Codec._fit_to_queries))
    learns = subject.cls.fit is not Codec.fit or any(own is not base for own, base in hooks)
    expect(
        learns or not subject.cls.trains,
        "class attribute 'trains' is True, as it is unless a class says otherwise, and there is no _fit; write the one "
        "that learns from vectors, or trains = False",
    )


@check
def family_is_its_folder(subject: Subject) -> None:
    """Its family is called as the folder of ``methods/`` in which it is; methods of other packages are in none.

    What codes nothing (``identity``) may stand in any; a method with something around it (``compose``) keeps its own.
    """
    package, *folders = subject.cls.__module__.split(".")[:-1] or [""]
    if package != "methods" or not folders or folders[0] == "compose":
        return
    family, folder = subject.cls.family, folders[0]
    expect(
        folder in family.split() or family == "identity",
        f"class attribute 'family' is {family!r} and its folder methods/{folder}; move the file to the folder of its "
        f"family, or say {folder!r}",
    )


@check
def accepts_read_only_and_strided_input(subject: Subject) -> None:
    """Read-only, non-contiguous and Fortran-ordered vectors serve as well as any."""
    codec, codes = subject.fitted(), subject.codes()
    wide = np.zeros((data.N_BASE, 2 * data.DIM), np.float32)
    wide[:, ::2] = data.base()
    for what, vectors in {
        "every second column of a wider array": data.frozen(wide)[:, ::2],
        "Fortran-ordered": data.frozen(np.asfortranarray(data.base())),
        "reversed twice": data.base()[::-1].copy()[::-1],
    }.items():
        expect_same_codes(codec, codes, codec.encode(vectors), f"encode of vectors that are {what}")
    again = subject.configure(subject.budget)
    few = data.frozen(np.asfortranarray(data.train()[:300]))
    expect(subject.fit(again, few) is again, "fit does not return the codec itself")
    wide_queries = np.repeat(data.queries(), 2, axis=1)[:, ::2]
    np.testing.assert_array_equal(
        subject.searcher().search(wide_queries, data.K)[1],
        subject.searcher().search(data.queries(), data.K)[1],
        err_msg="non-contiguous queries give other neighbors",
    )


@check
def never_writes_to_its_input(subject: Subject) -> None:
    """Training vectors, vectors, queries and codes are as they were (normalization in place is the typical slip)."""
    for metric in subject.metrics:
        base, queries = data.base().copy(), data.queries().copy()
        codec, train = subject.fitted(metric=metric), subject.trained_on(metric)
        codes = codec.encode(base)
        before = codes.copy()
        codec.searcher(codes).search(queries, data.K)
        if codec.decodable:
            codec.decode(codes)
        for what, now, was in (
            ("training vectors", train, data.train()),
            ("vectors", base, data.base()),
            ("queries", queries, data.queries()),
            ("codes", codes, before),
        ):
            expect(np.array_equal(now, was), f"{what} were written to under metric={metric}")


@check
def accepts_other_number_types(subject: Subject) -> None:
    """float64 and float16 vectors give the codes of the same values in float32."""
    codec = subject.fitted()
    for dtype in (np.float64, np.float16):
        vectors = data.base().astype(dtype)
        expected = codec.encode(vectors.astype(np.float32))
        expect_same_codes(codec, expected, codec.encode(vectors), f"encode of {vectors.dtype} vectors")
        scores, _ = subject.searcher().search(data.queries().astype(dtype), data.K)
        expect(scores.dtype == np.float32, f"scores of {np.dtype(dtype)} queries are {scores.dtype}, not float32")
    again = subject.fit(subject.configure(subject.budget), data.train().astype(np.float64), seed=0)
    expect_same_codes(codec, subject.codes(), again.encode(data.base()), "fit on float64 vectors")


@check
def refuses_nan_and_infinity(subject: Subject) -> None:
    """A value that is not finite is refused by fit, encode and search; the message names its row."""
    codec, searcher = subject.fitted(), subject.searcher()
    fresh = subject.configure(subject.budget)
    for value in (np.nan, np.inf, -np.inf):
        bad = data.queries().copy()
        bad[17, data.DIM // 2] = value
        expect_error(MethodError, lambda bad=bad: subject.fit(fresh, bad), f"fit on {value}", "17")  # type: ignore[misc]
        expect_error(MethodError, lambda bad=bad: codec.encode(bad), f"encode of {value}", "17")  # type: ignore[misc]
        expect_error(MethodError, lambda bad=bad: searcher.search(bad, 3), f"search for {value}", "17")  # type: ignore[misc]


@check
def refuses_wrong_shapes(subject: Subject) -> None:
    """Vectors of another dimension, a single vector, codes of another size and no training vectors are refused."""
    codec, searcher = subject.fitted(), subject.searcher()
    fresh = subject.configure(subject.budget)
    narrow, flat = data.base()[:, :-1], data.base()[0]
    expect_error(MethodError, lambda: subject.fit(fresh, narrow), "fit on narrower vectors", str(data.DIM))
    expect_error(MethodError, lambda: codec.encode(narrow), "encode of narrower vectors", str(data.DIM))
    expect_error(MethodError, lambda: searcher.search(narrow, 3), "search for narrower queries", str(data.DIM))
    expect_error(MethodError, lambda: codec.encode(flat), "encode of a single vector without a row axis")
    expect_error(MethodError, lambda: subject.fit(fresh, data.base()[:0]), "fit on no vectors")
    expect_error(MethodError, lambda: codec.searcher(subject.codes()[:, 1:]), "codes of another size")
    expect_error(MethodError, lambda: searcher.search(data.queries(), 0), "search for k=0")


@check
def refuses_use_before_fit(subject: Subject) -> None:
    """encode, decode and searcher raise NotFitted; the size of a code is known all the same."""
    codec = subject.configure(subject.budget)
    codes = np.zeros((2, codec.code_size), np.uint8)
    expect_error(NotFitted, lambda: codec.encode(data.base()), "encode before fit")
    expect_error(NotFitted, lambda: codec.decode(codes), "decode before fit")
    expect_error(NotFitted, lambda: codec.searcher(codes), "searcher before fit")


@check
def learns_from_queries_only_if_it_says_so(subject: Subject) -> None:
    """Without queries a method that uses them is not fitted; any other is not fitted with them."""
    codec, train = subject.configure(subject.budget), data.train()
    if codec.uses_queries:
        expect_error(NeedsQueries, lambda: codec.fit(train), "fit without queries", "queries")
        return
    queries = data.training_queries(train)
    expect_error(MethodError, lambda: codec.fit(train, queries=queries), "fit with queries, uses_queries is False")


@check
def refuses_unknown_parameters(subject: Subject) -> None:
    """A keyword that the method does not have is refused rather than ignored."""
    if subject.registered:
        expect_error(
            MethodError,
            lambda: registry.for_budget(subject.name, data.DIM, subject.budget, subject.metric, no_such_parameter=1),
            "for_budget with an unknown parameter",
            "no_such_parameter",
        )
    params = {**subject.fitted().params(), "no_such_parameter": 1}
    expect_error(TypeError, lambda: subject.cls(**params), "the constructor with an unknown parameter")


@check
def refuses_unsupported_metrics(subject: Subject) -> None:
    """A metric that is not declared in ``metrics`` raises UnsupportedMetric when configured."""
    for metric in set(Metric) - set(subject.metrics):
        expect_error(
            UnsupportedMetric,
            lambda metric=metric: subject.configure(subject.budget, metric),  # type: ignore[misc]
            f"metric={metric}, which is not in {subject.cls.__name__}.metrics",
        )
