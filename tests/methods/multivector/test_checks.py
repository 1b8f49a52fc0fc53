"""Every method of the track passes every check, and checks can fail."""

from __future__ import annotations

import numpy as np
import pytest

from methods.multivector import Ragged
from methods.multivector.base import Codes
from methods.multivector.checks import check_method, checks, parametrize
from methods.multivector.first_k_tokens import FirstKTokens
from methods.multivector.mean_pooling import MeanPooling
from methods.multivector.single_vector import SingleVectorSearcher

BY_NAME = {check.name: check for check in checks()}


@parametrize()
def test_method_passes(method, check):
    check(method)


class TooLarge(FirstKTokens):
    def code_sizes(self, lengths):
        return super().code_sizes(lengths) + 1


class Careless(FirstKTokens):
    @classmethod
    def for_budget(cls, dim, code_bytes, lengths):
        found = FirstKTokens.for_budget(dim, max(code_bytes, 30), lengths)
        return cls(dim, found.kept + 2)


class Contextual(MeanPooling):
    def _document_vectors(self, documents):
        found = super()._document_vectors(documents)
        return found - found.mean(axis=0)


class Unseeded(MeanPooling):
    def _fit_map(self, documents, seed):
        self.shift_ = np.random.rand(self.dim).astype(np.float32)  # noqa: NPY002

    def _document_vectors(self, documents):
        return super()._document_vectors(documents) + self.shift_


class Forgetful(Unseeded):
    """Does not keep what it learned among its parts."""

    def _fit_map(self, documents, seed):
        self.shift_ = documents.vectors.mean(axis=0)

    def _load_parts(self, parts):
        super()._load_parts(parts)
        self.shift_ = np.zeros(self.dim, np.float32)


class Writing(FirstKTokens):
    def _searcher(self, codes):
        codes.data[:3] += 1
        return super()._searcher(codes)


class Hoarding(MeanPooling):
    def _searcher(self, codes):
        class Heavier(SingleVectorSearcher):
            @property
            def nbytes(self):
                return super().nbytes + 4 * self.size

        return Heavier(self, self.codec_.searcher(codes.rows(self.codec_.code_size)))


class Reversed(MeanPooling):
    def _query_vectors(self, queries):
        return -super()._query_vectors(queries)


class Ascending(FirstKTokens):
    def _searcher(self, codes):
        searcher = super()._searcher(codes)
        search = searcher._search
        searcher._search = lambda queries, k: tuple(part[:, ::-1] for part in search(queries, k))
        return searcher


class Halving(FirstKTokens):
    """Decodes to half of what its searcher scores."""

    def decode(self, codes):
        found = super().decode(codes)
        return Ragged(found.vectors / 2, found.offsets)


class Silent(FirstKTokens):
    summary = ""


BROKEN = [
    ("describes_itself", Silent),
    ("codes_fit_the_budget_and_are_of_the_sizes_told", TooLarge),
    ("budget_error_names_the_smallest_code", Careless),
    ("a_code_depends_on_its_document_alone", Contextual),
    ("refit_is_deterministic_and_forgets", Unseeded),
    ("leaves_global_random_state_alone", Unseeded),
    ("parts_rebuild_the_codec", Forgetful),
    ("never_writes_to_its_input", Writing),
    ("the_searcher_keeps_no_more_than_the_codes", Hoarding),
    ("finds_documents_and_more_bytes_find_no_fewer", Reversed),
    ("returns_valid_ids_best_first", Ascending),
    ("decodes_to_sets_or_says_not", Halving),
]


@pytest.mark.parametrize(("name", "broken"), [pytest.param(n, c, id=f"{c.__name__}-{n}") for n, c in BROKEN])
def test_a_broken_method_fails_its_check(name, broken):
    cls = type(broken.__name__, (broken,), {"name": ""})  # not the registered name of its base
    with pytest.raises(AssertionError, match=rf"^{broken.__name__}: {name}: .+"):
        BY_NAME[name](cls)


def test_a_declared_exception_is_reported_with_its_reason():
    class Declared(Silent):
        name = ""
        check_exceptions = {"describes_itself": "nothing to say"}  # noqa: RUF012

    outcome = check_method(Declared)
    assert outcome.pop("describes_itself") == "exempt: nothing to say"
    assert set(outcome.values()) == {"passed"}


def test_codes_are_sliced_and_taken_with_their_sizes():
    codes = Codes(np.arange(10, dtype=np.uint8), np.array([0, 4, 5, 10]), fixed=False)
    assert codes.sizes.tolist() == [12, 9, 13]
    assert codes.nbytes == 34
    assert codes[1:].offsets.tolist() == [0, 1, 6]
    taken = codes.take(np.array([2, 0]))
    assert taken.data.tolist() == [5, 6, 7, 8, 9, 0, 1, 2, 3]
