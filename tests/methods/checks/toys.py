"""A small sound codec, and copies of it that are each broken in one way, to see that the checks notice."""

from __future__ import annotations

import numpy as np

from methods.base import Codec, Metric
from methods.errors import BudgetError, MethodError
from methods.search.decoding import DecodingSearcher


class Toy(Codec):
    """The first ``code_bytes`` dimensions in 8 bits each over one common range."""

    family = "toy"
    summary = "a prefix of the vector in 8 bits"
    source = "the tests"
    kind_exceptions = dict.fromkeys(("common direction", "lengths", "values"), "a prefix, and one range for all")

    def __init__(self, dim, metric=Metric.IP, kept=1):
        self.kept = kept
        super().__init__(dim, metric)

    @classmethod
    def for_budget(cls, dim, code_bytes, metric):
        if code_bytes < 1:
            raise BudgetError("toy", code_bytes, 1)
        return cls(dim, metric, min(code_bytes, dim))

    @property
    def code_size(self):
        return self.kept

    def parts(self):
        return {"range": self.range_}

    def _load_parts(self, parts):
        self.range_ = parts["range"]

    def _fit(self, vectors, seed):
        reach = np.abs(vectors).max()
        self.range_ = np.array([-reach, 2 * reach / 255], np.float32)

    def _levels(self, vectors):
        low, step = self.range_
        return (vectors[:, : self.kept] - low) / (step or np.float32(1))

    def _encode(self, vectors):
        return np.clip(np.rint(self._levels(vectors)), 0, 255).astype(np.uint8)

    def _decode(self, codes):
        low, step = self.range_
        found = np.zeros((len(codes), self.dim), np.float32)
        found[:, : self.kept] = low + step * codes
        return found


BROKEN: list[tuple[str, type[Codec]]] = []


def breaks(check):
    """The decorated class must fail ``check``."""

    def decorate(cls):
        BROKEN.append((check, cls))
        return cls

    return decorate


@breaks("learns_from_queries_only_if_it_says_so")
class TakesAnyQueries(Toy):
    def fit(self, vectors, seed=0, queries=None):
        return super().fit(vectors, seed)


@breaks("describes_itself")
class SaysNothing(Toy):
    summary = ""


@breaks("family_is_its_folder")
class InAnotherFolder(Toy):
    __module__ = "methods.binary.toy"


@breaks("describes_itself")
class TrainsWithoutFit(Toy):
    """``trains`` is True where nothing is said, and nothing is learned."""

    _fit = Codec._fit


@breaks("accepts_read_only_and_strided_input")
class FitReturnsNone(Toy):
    def fit(self, vectors, seed=0):
        super().fit(vectors, seed)


@breaks("accepts_read_only_and_strided_input")
class ReadsRawMemory(Toy):
    def encode(self, vectors):
        return super().encode(np.frombuffer(vectors.tobytes("A"), vectors.dtype).reshape(vectors.shape))


@breaks("never_writes_to_its_input")
class NormalizesInPlace(Toy):
    def encode(self, vectors):
        if self.metric is Metric.COSINE and vectors.flags.writeable:
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return super().encode(vectors)


@breaks("accepts_other_number_types")
class TakesFloat32Only(Toy):
    def encode(self, vectors):
        return super().encode(vectors.view(np.float32))


@breaks("refuses_nan_and_infinity")
class RepairsNaN(Toy):
    def encode(self, vectors):
        return super().encode(np.nan_to_num(vectors))


@breaks("refuses_wrong_shapes")
class CutsAndFills(Toy):
    def encode(self, vectors):
        return super().encode(np.resize(vectors, (len(vectors), self.dim)))


@breaks("refuses_use_before_fit")
class NeedsNoFit(Toy):
    range_ = np.array([-1, 0.01], np.float32)

    def _check_fitted(self):
        pass


@breaks("refuses_unknown_parameters")
class TakesAnything(Toy):
    def __init__(self, dim, metric=Metric.IP, kept=1, **ignored):
        super().__init__(dim, metric, kept)

    def params(self):
        return {"dim": self.dim, "metric": self.metric, "kept": self.kept}


@breaks("refuses_unsupported_metrics")
class DoesMoreThanDeclared(Toy):
    metrics = frozenset({Metric.IP})

    def _check_shape(self):
        pass


@breaks("code_bytes_equal_code_size_and_fit_the_budget")
class SignedCodes(Toy):
    def encode(self, vectors):
        return super().encode(vectors).astype(np.int8)


@breaks("code_bytes_equal_code_size_and_fit_the_budget")
class OverBudget(Toy):
    @classmethod
    def for_budget(cls, dim, code_bytes, metric):
        return super().for_budget(dim, code_bytes + 1 if code_bytes else 0, metric)


@breaks("budget_error_names_the_smallest_code")
class NamesTooMuch(Toy):
    @classmethod
    def for_budget(cls, dim, code_bytes, metric):
        if code_bytes < 1:
            raise BudgetError("toy", code_bytes, 4)
        return super().for_budget(dim, code_bytes, metric)


@breaks("budget_error_names_the_smallest_code")
class TakesZeroBytes(Toy):
    @classmethod
    def for_budget(cls, dim, code_bytes, metric):
        return super().for_budget(dim, max(1, code_bytes), metric)


@breaks("batches_encode_as_one")
class ScalesByBatch(Toy):
    def _encode(self, vectors):
        return super()._encode(vectors / np.abs(vectors).max() * np.abs(self.range_[0]))


@breaks("duplicates_get_equal_codes_and_scores")
class DithersByPosition(Toy):
    def _encode(self, vectors):
        shift = np.random.default_rng(0).uniform(-20, 20, vectors.shape).astype(np.float32)
        return super()._encode(vectors + shift * self.range_[1])


@breaks("refit_is_deterministic")
class FitsByChance(Toy):
    def _fit(self, vectors, seed):
        super()._fit(vectors, seed)
        self.range_ = self.range_ * np.float32(np.random.default_rng().uniform(1, 2))


@breaks("refit_forgets_the_earlier_fit")
class RemembersRange(Toy):
    _reach = 0.0

    def _fit(self, vectors, seed):
        self._reach = max(self._reach, float(np.abs(vectors).max()))
        super()._fit(np.full((1, self.dim), self._reach, np.float32), seed)


@breaks("leaves_global_random_state_alone")
class SeedsGlobally(Toy):
    def _fit(self, vectors, seed):
        np.random.seed(seed)  # noqa: NPY002
        super()._fit(vectors, seed)


@breaks("parts_rebuild_the_codec")
class ForgetsAPart(Toy):
    def parts(self):
        return {"low": self.range_[:1]}

    def _load_parts(self, parts):
        self.range_ = np.append(parts["low"], np.float32(0.01))


@breaks("parts_rebuild_the_codec")
class HasAParameterNotInParams(Toy):
    def params(self):
        return {"dim": self.dim, "metric": self.metric}


@breaks("decodes_to_finite_float32_or_says_not")
class DecodesToFloat64(Toy):
    def _decode(self, codes):
        return super()._decode(codes).astype(np.float64)


@breaks("decodes_to_finite_float32_or_says_not")
class DecodesThoughItSaysNot(Toy):
    decodable = False

    def decode(self, codes):
        return self._decode(codes)


@breaks("reconstruction_error_falls_with_bytes")
class WorseWithMore(Toy):
    def _decode(self, codes):
        decoded = super()._decode(codes)
        decoded[:, 8 if self.kept > 20 else self.dim :] = 0
        return decoded


@breaks("saturates_beyond_the_training_range")
class WrapsAround(Toy):
    def _encode(self, vectors):
        return np.rint(self._levels(vectors)).astype(np.int64).astype(np.uint8)


class ToySearcher(DecodingSearcher):
    """A searcher whose results :meth:`change` spoils."""

    def _search(self, queries, k):
        return self.change(*super()._search(queries, k))

    def change(self, scores, ids):
        return scores, ids


def searching(searcher):
    """A toy that is searched by ``searcher(codec, codes)``."""

    class Searching(Toy):
        def _searcher(self, codes):
            return searcher(self, codes)

    Searching.__name__ = Searching.__qualname__ = f"SearchedBy{searcher.__name__}"
    return Searching


def breaks_search(check):
    """A toy that is searched by the decorated class must fail ``check``."""

    def decorate(cls):
        breaks(check)(searching(cls))
        return cls

    return decorate


@breaks_search("returns_valid_ids_best_first")
class WorstFirst(ToySearcher):
    def change(self, scores, ids):
        return scores[:, ::-1], ids[:, ::-1]


@breaks_search("returns_valid_ids_best_first")
class RepeatsAnId(ToySearcher):
    def change(self, scores, ids):
        ids[:, -1] = ids[:, 0]
        return scores, ids


@breaks_search("single_queries_agree_with_a_batch")
class ScalesByQueries(ToySearcher):
    def change(self, scores, ids):
        return scores / np.abs(scores).max(), ids


@breaks_search("scores_equal_the_metric_on_decoded_vectors")
class BiasedScores(ToySearcher):
    def change(self, scores, ids):
        return scores * np.float32(1.02), ids


class ScoresByChance(ToySearcher):
    def change(self, scores, ids):
        scores = np.sort(np.random.default_rng(0).standard_normal(scores.shape).astype(np.float32), axis=1)
        ids = np.random.default_rng(1).permuted(ids, axis=1)
        return (scores[:, ::-1] if self.descending else scores), ids


@breaks("scores_follow_the_true_metric")
class EstimatesByChance(searching(ScoresByChance)):
    estimator = True


@breaks("scores_follow_the_true_metric")
class EstimatesAtAnotherScale(Toy):
    estimator = True

    def _searcher(self, codes):
        class Thousandfold(ToySearcher):
            def change(self, scores, ids):
                return 1000 * scores, ids

        return Thousandfold(self, codes)


@breaks_search("recall_is_far_above_chance")
class FindsByChance(ToySearcher):
    def change(self, scores, ids):
        return scores, (ids * 7 + 3) % self.size


@breaks("recall_rises_with_bytes")
class SearchesLessWithMore(Toy):
    def _searcher(self, codes):
        class Every(ToySearcher):
            def change(self, scores, ids):
                return (scores, ids) if self.codec.kept < 20 else (scores, ids[:, ::-1] // 2)

        return Every(self, codes)


@breaks_search("k_beyond_the_number_of_codes_is_padded")
class PadsWithZeros(ToySearcher):
    def search(self, queries, k):
        scores, ids = super().search(queries, k)
        return scores, np.maximum(ids, 0)


@breaks_search("searcher_keeps_nothing_but_codes")
class KeepsFloatsOpenly(ToySearcher):
    def __init__(self, codec, codes):
        super().__init__(codec, codes)
        self.floats = codec._decode(codes)

    @property
    def nbytes(self):
        return self.codes.nbytes + self.floats.nbytes


@breaks_search("searcher_keeps_nothing_but_codes")
class KeepsNormsInSecret(ToySearcher):
    def __init__(self, codec, codes):
        super().__init__(codec, codes)
        self.hidden = {"norms": [np.linalg.norm(codec._decode(codes), axis=1)]}


@breaks_search("scans_codes_where_they_lie_or_says_so")
class CopiesCodesInSecret(ToySearcher):
    def __init__(self, codec, codes):
        super().__init__(codec, codes.copy())


@breaks("searches_codes_it_may_not_write")
class FlipsCodesInPlace(Toy):
    def _searcher(self, codes):
        codes ^= 255
        codes ^= 255
        return super()._searcher(codes)


@breaks("fits_on_fewer_vectors_than_its_codebook")
class NeedsManyVectors(Toy):
    def _fit(self, vectors, seed):
        if len(vectors) < 256:
            raise MethodError("give at least 256 training vectors")
        super()._fit(vectors, seed)


@breaks("fits_on_equal_vectors")
class DividesByDeviation(Toy):
    def _fit(self, vectors, seed):
        super()._fit((vectors - vectors.mean(axis=0)) / vectors.std(axis=0), seed)


@breaks("zero_vectors_have_finite_scores")
class DividesByNorm(Toy):
    def _encode(self, vectors):
        return super()._encode(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


@breaks("handles_dimensions_that_nothing_divides")
class NeedsEvenDimensions(Toy):
    def _fit(self, vectors, seed):
        super()._fit(vectors.reshape(len(vectors), 2, self.dim // 2).reshape(len(vectors), -1), seed)


class _EverywhereSearcher(DecodingSearcher):
    def within(self, ranges):
        return self


@breaks("an_index_finds_what_a_scan_finds")
class IgnoresRanges(Toy):
    def _searcher(self, codes):
        return _EverywhereSearcher(self, codes)


@breaks("an_index_of_residuals_adds_what_centroids_score")
class RenormalizesResiduals(Toy):
    def _searcher(self, codes):
        return DecodingSearcher(self, codes, renormalize=True)
