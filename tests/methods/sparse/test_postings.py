"""BM25's postings: what is packed is what is searched, in the bytes that are counted."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from methods.errors import BudgetError, MethodError
from methods.kernels import postings as kernel
from methods.sparse.bm25 import bm25
from methods.sparse.postings import Postings
from methods.sparse.words import hash_of, words

TEXTS = 900


@pytest.fixture(scope="module")
def texts():
    """Texts of words with frequencies from 1 to most texts, of varied length; the first has none."""
    rng = np.random.default_rng(0)
    common = [f"w{min(int(rank), 3_000)}" for rank in rng.zipf(1.3, 15 * TEXTS)]
    ends = np.sort(rng.integers(0, len(common), TEXTS - 2))
    pieces = [" ".join(part) for part in np.split(np.array(common), ends)]
    return ["...", *pieces[: TEXTS - 1]]


@pytest.fixture(scope="module")
def queries(texts):
    rng = np.random.default_rng(1)
    known = [" ".join(rng.permutation(words(texts[row]))[:6]) for row in rng.integers(0, TEXTS, 60)]
    return [*known, "w1 w1 w2", "nowhere", ""]


def brute_force(postings, queries, k):
    """The same by loops over the unpacked postings of all terms."""
    key, frequency, text, level = postings.unpacked()
    rarity = np.log(1 + (postings.texts - frequency + 0.5) / (frequency + 0.5))
    scores, ids = np.zeros((len(queries), k)), np.full((len(queries), k), -1)
    for row, query in enumerate(queries):
        sums = np.zeros(postings.texts, np.int64)
        for word, times in Counter(words(query)).items():
            of_term = key == hash_of(word) >> (48 - postings.bucket_bits)
            weight = np.rint(times * kernel.SCALE * rarity[of_term] * level[of_term]).astype(np.int64)
            np.add.at(sums, text[of_term], weight)
        best = np.lexsort((np.arange(len(sums)), -sums))[:k]
        best = best[sums[best] > 0]
        scores[row, : len(best)], ids[row, : len(best)] = sums[best] / kernel.SCALE, best
    return scores, ids


@pytest.mark.thorough
@pytest.mark.parametrize(("bits", "most"), [(8, None), (4, None), (4, 10.0), (1, 6.0)])
def test_a_search_is_bm25_of_the_quantized_weights(texts, queries, bits, most):
    postings = Postings.build(bm25(texts), bits, most and most * TEXTS)
    for k in (10, TEXTS + 5):
        scores, ids = postings.search(queries, k)
        expected = brute_force(postings, queries, min(k, TEXTS))
        np.testing.assert_array_equal(ids[:, :TEXTS], expected[1])
        np.testing.assert_allclose(scores[:, :TEXTS], expected[0], rtol=1e-6)
    assert (ids[-2:] == -1).all()
    assert (ids[:, TEXTS:] == -1).all()


def test_weights_are_those_of_the_formula():
    texts = ["red red blue", "blue", "Green, green-blue sky!"]
    weights = bm25(texts, k1=1.5, b=0.6)
    row = int(np.flatnonzero(weights.keys == hash_of("red") >> 48)[0])
    assert weights.frequency[row] == 1
    saturation = 2 * 2.5 / (2 + 1.5 * (1 - 0.6 + 0.6 * 3 / (8 / 3)))
    np.testing.assert_allclose(weights.weight[weights.term == row], np.log(1 + 2.5 / 1.5) * saturation, rtol=1e-6)
    assert sorted(weights.frequency) == [1, 1, 1, 3]


def test_levels_are_within_half_a_step_of_the_weights(texts):
    weights = bm25(texts)
    for bits in (8, 3):
        key, frequency, text, level = Postings.build(weights, bits).unpacked()
        order = np.lexsort((text, key))
        np.testing.assert_array_equal(key[order], weights.keys[weights.term])
        np.testing.assert_array_equal(text[order], weights.text)
        np.testing.assert_array_equal(frequency[order], weights.frequency[weights.term])
        half = 0.51 * np.ptp(weights.saturation) / (2**bits - 1)
        assert np.abs(level[order] - weights.saturation).max() < half


@pytest.mark.parametrize("most", [3.0, 8.0, 12.0])
def test_bytes_are_used_up_by_the_heaviest_terms(texts, most):
    weights = bm25(texts)
    postings = Postings.build(weights, 4, most * TEXTS)
    assert most * TEXTS - 16 <= postings.nbytes <= most * TEXTS
    assert postings.nbytes == sum(array.nbytes for array in postings.parts().values())
    key, frequency, text, _ = postings.unpacked()
    of_key = dict(zip(weights.keys, weights.frequency))
    assert all(of_key[one] == f for one, f in zip(key, frequency))  # how many have the term, not how many keep it
    counts, terms = np.bincount(text, minlength=TEXTS), np.bincount(weights.text, minlength=TEXTS)
    short = counts < counts.max() - 1
    np.testing.assert_array_equal(counts[short], terms[short])
    for row in (3, 57, 400):
        mine = np.flatnonzero(weights.text == row)
        kept = np.isin(weights.keys[weights.term[mine]], key[text == row])
        assert kept.sum() == counts[row]
        if 0 < counts[row] < len(mine):
            assert weights.weight[mine[kept]].min() >= weights.weight[mine[~kept]].max()


def test_gaps_far_beyond_the_mean_are_kept():
    first, text = np.array([0, 901]), np.append(np.arange(900), 99_999)  # a gap of 99,100 where all others are 1
    level, words_, starts = np.arange(901) % 16, np.zeros(4_000, np.uint64), np.zeros(2, np.uint32)
    args = np.array([7]), np.array([3]), first, text
    needed = kernel.packed_bits(100_000, 4, np.array([0]), *args[1:])
    assert kernel.pack(100_000, 4, *args, level, words_, starts) == needed < 64 * 4_000
    out = kernel.unpack(words_, starts, 100_000, 4, 901)
    assert (out[0] == 7).all()
    assert (out[1] == 901 + 3 - 1).all()
    np.testing.assert_array_equal(out[2], text)
    np.testing.assert_array_equal(out[3], level)


def test_what_cannot_be_packed_is_refused(texts):
    weights = bm25(texts)
    with pytest.raises(MethodError, match="bits=0 of a weight is out of range; use 1 to 16"):
        Postings.build(weights, 0)
    with pytest.raises(BudgetError, match="an index of postings cannot go down to 20 bytes"):
        Postings.build(weights, 8, 20)
    with pytest.raises(MethodError, match="no text has a word; BM25 needs at least one"):
        bm25(["...", ""])
    with pytest.raises(MethodError, match=r"k1=0, b=0.75 is out of range; use k1 above 0, and b from 0 to 1"):
        bm25(texts, k1=0)
