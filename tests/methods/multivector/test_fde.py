"""Fixed dimensional encodings: another implementation's outputs, the paper's properties, wrong input."""

from __future__ import annotations

from pathlib import Path

import kernel_paths
import numpy as np
import pytest

from methods.errors import MethodError
from methods.kernels.errors import KernelError
from methods.kernels.sets.fde import SetEncoder, encode_reference, gray_decode, partitions
from methods.multivector import FixedDimensionalEncoding, Ragged, single_vector
from methods.multivector.muvera import Muvera

GOLDEN = Path(__file__).parents[2] / "data" / "muvera_fde.npz"
with np.load(GOLDEN, allow_pickle=False) as _arrays:
    CASES: dict[str, dict[str, np.ndarray]] = {}
    for _key in _arrays.files:
        _case, _, _name = _key.partition("/")
        CASES.setdefault(_case, {})[_name] = _arrays[_key]


def random_set(n, dim, seed=0):
    return np.random.default_rng(seed).standard_normal((n, dim), np.float32)


def encode(fde, vectors, query=False):
    method = fde.encode_queries if query else fde.encode_documents
    return method(vectors, np.array([0, len(vectors)]))[0]


def chamfer(query, document):
    return float((query.astype(np.float64) @ document.T.astype(np.float64)).max(axis=1).sum())


@pytest.mark.parametrize("case", CASES)
def test_equals_the_authors_implementation(case):
    arrays = CASES[case]
    fde = FixedDimensionalEncoding.from_arrays(
        arrays["hyperplanes"],
        arrays.get("inner_projection"),
        arrays.get("final_index"),
        arrays.get("final_sign"),
        fill_empty=bool(arrays["params"][3]),
        final_dim=int(arrays["params"][4]) or None,
    )
    expected = arrays["expected"]
    found = encode(fde, arrays["points"], query=bool(arrays["params"][5]))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("path", kernel_paths.WIDEST)
@pytest.mark.parametrize("query", [False, True])
@pytest.mark.parametrize("earliest", [False, True])
@pytest.mark.parametrize(("points", "dim", "bits", "inner"), [(1, 7, 2, 3), (5, 16, 3, None), (40, 33, 5, 20)])
def test_the_kernel_equals_its_reference(path, query, earliest, points, dim, bits, inner):
    fde = FixedDimensionalEncoding(dim, 4, bits, inner, seed=1)
    vectors = random_set(points, dim)
    encoder = SetEncoder(fde.hyperplanes, fde.inner_projection, path=path)
    how = {"query": query, "fill_empty": True, "earliest": earliest}
    found = encoder.encode(vectors, np.array([0, points]), **how)[0]
    expected = encode_reference(vectors, fde.hyperplanes, fde.inner_projection, **how)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_partitions_are_numbered_by_gray_code():
    bits = np.array([[0, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 1], [1, 0, 0], [1, 0, 1], [1, 1, 0], [1, 1, 1]])
    assert gray_decode(bits).tolist() == [0, 1, 3, 2, 7, 6, 4, 5]


def test_a_point_disagrees_with_its_own_partition_in_no_bit():
    fde = FixedDimensionalEncoding(16, 3, 5, seed=2)
    vectors = random_set(50, 16)
    found = partitions(vectors, fde.hyperplanes)
    bits = np.einsum("nd,rdk->rnk", vectors, fde.hyperplanes) > 0
    gray = found ^ (found >> 1)
    assert np.array_equal((gray[..., None] >> np.arange(4, -1, -1)) & 1, bits)


@pytest.mark.parametrize("seed", range(5))
def test_without_filling_the_product_is_at_most_the_chamfer_score(seed):
    """A query vector meets the mean of some of the document's vectors, or nothing: never more than its maximum.

    Holds for vectors whose inner products are not negative, as where a missing partition counts as 0.
    """
    query, document = np.abs(random_set(8, 24, seed)), np.abs(random_set(30, 24, seed + 100))
    fde = FixedDimensionalEncoding(24, 6, 3, fill_empty=False, seed=seed)
    product = float(encode(fde, query, query=True) @ encode(fde, document)) / 6
    assert product <= chamfer(query, document) * (1 + 1e-6)


def test_with_one_partition_the_encoding_is_sum_and_mean():
    fde = FixedDimensionalEncoding(8, 1, 0)
    vectors = random_set(5, 8)
    np.testing.assert_allclose(encode(fde, vectors), vectors.mean(axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(encode(fde, vectors, query=True), vectors.sum(axis=0), rtol=1e-5, atol=1e-6)


def test_one_vector_fills_all_partitions_of_a_document_one_of_a_query():
    fde = FixedDimensionalEncoding(8, 3, 2)
    vector = random_set(1, 8)
    assert np.array_equal(encode(fde, vector), np.tile(vector[0], 12))
    blocks = encode(fde, vector, query=True).reshape(3, 4, 8)
    assert (np.abs(blocks).sum(axis=2) > 0).sum(axis=1).tolist() == [1, 1, 1]


def test_zero_vectors_encode_to_zero():
    fde = FixedDimensionalEncoding(8, 3, 2, inner_dim=4, final_dim=10)
    zeros = np.zeros((3, 8), np.float32)
    assert not encode(fde, zeros).any()
    assert not encode(fde, zeros, query=True).any()


def test_a_partition_without_query_vectors_is_zero():
    fde = FixedDimensionalEncoding(8, 1, 4)
    vectors = random_set(3, 8)
    blocks = encode(fde, vectors, query=True).reshape(16, 8)
    occupied = np.unique(partitions(vectors, fde.hyperplanes)[0])
    assert np.flatnonzero(np.abs(blocks).sum(axis=1)).tolist() == occupied.tolist()


def test_an_encoding_depends_on_its_set_alone():
    fde = FixedDimensionalEncoding(32, 5, 4, inner_dim=8, final_dim=100)
    lengths = np.random.default_rng(0).integers(1, 30, 40)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    vectors = random_set(offsets[-1], 32)
    together = fde.encode_documents(vectors, offsets, threads=2)
    for i in range(40):
        alone = encode(fde, vectors[offsets[i] : offsets[i + 1]])
        assert np.array_equal(together[i], alone)


def test_seeds_share_no_hyperplane():
    first, second = (FixedDimensionalEncoding(16, 4, 3, inner_dim=8, seed=seed) for seed in (0, 1))
    for plane in first.hyperplanes.transpose(0, 2, 1).reshape(-1, 16):
        assert not (np.abs(second.hyperplanes - plane[None, :, None]).max(axis=1) < 1e-6).any()
    again = FixedDimensionalEncoding(16, 4, 3, inner_dim=8, seed=0)
    assert np.array_equal(first.hyperplanes, again.hyperplanes)


def test_centering_moves_every_document_s_score_equally():
    """With a document's own vectors centered, one partition: <F(q), F(p)> falls by <sum q, mean>."""
    vectors = random_set(20, 8) + 3
    plain = FixedDimensionalEncoding(8, 1, 0)
    centered = FixedDimensionalEncoding(8, 1, 0, center=True).fit(vectors)
    query = random_set(4, 8, 1)
    shift = float(query.sum(axis=0) @ vectors.mean(axis=0))
    for document in (vectors[:5], vectors[5:]):
        before = encode(plain, query, True) @ encode(plain, document)
        after = encode(centered, query, True) @ encode(centered, document)
        assert before - after == pytest.approx(shift, rel=1e-4)


def test_a_centered_query_falls_into_the_partitions_of_centered_documents():
    vectors = random_set(20, 8) + 3
    centered = FixedDimensionalEncoding(8, 2, 3, fill_empty=False, center=True).fit(vectors)
    as_query = np.abs(encode(centered, vectors, True).reshape(16, 8)).sum(axis=1) > 0
    as_document = np.abs(encode(centered, vectors).reshape(16, 8)).sum(axis=1) > 0
    assert np.array_equal(as_query, as_document)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"repetitions": 0}, "repetitions=0 is out of range"),
        ({"simhash_bits": -1}, "from 0 to 16"),
        ({"simhash_bits": 17}, "from 0 to 16"),
        ({"inner_dim": 0}, "inner_dim=0"),
        ({"final_dim": 2.5}, "final_dim=2.5"),
        ({"repetitions": 100_000, "simhash_bits": 10}, "values; use at most"),
    ],
)
def test_impossible_parameters_are_refused(arguments, message):
    with pytest.raises(MethodError, match=message):
        FixedDimensionalEncoding(**{"dim": 8, "repetitions": 2, "simhash_bits": 2, **arguments})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"final_sign": np.ones(10)}, r"final_sign has shape \(10,\), the encoding has 64 values"),
        ({"final_index": [0] * 63}, r"final_index has shape \(63,\)"),
        ({"final_index": np.full(64, 0.5)}, "final_index is not of integers"),
        ({"final_sign": np.zeros(64)}, "final_sign is not of 1 and -1"),
        ({"hyperplanes": np.full((2, 8, 2), np.nan)}, "hyperplanes hold NaN"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(change, message):
    own = FixedDimensionalEncoding(8, 2, 2, final_dim=20)
    names = ("hyperplanes", "inner_projection", "final_index", "final_sign")
    arrays = {name: getattr(own, name) for name in names} | {"final_dim": 20}
    assert FixedDimensionalEncoding.from_arrays(**arrays).fde_dim == 20
    with pytest.raises(MethodError, match=message):
        FixedDimensionalEncoding.from_arrays(**arrays | change)


def test_encodings_are_made_in_blocks_of_bounded_size(monkeypatch):
    documents = Ragged(random_set(60, 8), np.arange(0, 61, 2))
    codec = Muvera(8, 4, 3, codec="float32").fit(documents)
    whole = codec.encode(documents)
    rows = []
    encode = codec.fde_.encode_documents
    monkeypatch.setattr(codec.fde_, "encode_documents", lambda v, o: rows.append(len(o) - 1) or encode(v, o))
    monkeypatch.setattr(single_vector, "_BLOCK_BYTES", 7 * 4 * codec.fde_.fde_dim)
    assert np.array_equal(codec.encode(documents).data, whole.data)
    assert rows == [7, 7, 7, 7, 2]


@pytest.mark.parametrize(
    ("vectors", "offsets", "message"),
    [
        (random_set(4, 7), [0, 4], "dimension 7, expected 8"),
        (random_set(4, 8), [0, 2, 2, 4], "set 1 of documents is empty"),
        (random_set(4, 8), [0, 3, 2, 4], "out of order: 3 is before 2"),
        (random_set(4, 8), [0, 3], "they must go from 0 to 4"),
        (np.full((4, 8), np.nan, np.float32), [0, 4], "NaN"),
        (np.full((4, 8), np.nan, np.float16), [0, 2, 4], "NaN or infinity in vector 0 of set 0"),
    ],
)
def test_wrong_sets_are_refused_in_one_line(vectors, offsets, message):
    fde = FixedDimensionalEncoding(8, 2, 2)
    with pytest.raises(MethodError, match=message) as error:
        fde.encode_documents(vectors, np.array(offsets))
    assert "\n" not in str(error.value)


def test_the_kernel_reads_any_layout_and_refuses_what_it_cannot():
    fde = FixedDimensionalEncoding(8, 2, 2, 4)
    encoder = SetEncoder(fde.hyperplanes, fde.inner_projection)
    vectors, offsets = np.random.default_rng(0).standard_normal((9, 8), np.float32), np.array([0, 4, 9])
    expected = encoder.encode(vectors, offsets)
    assert np.array_equal(encoder.encode(np.asfortranarray(vectors), offsets), expected)
    assert np.array_equal(encoder.encode(np.repeat(vectors, 2, axis=0)[::2], offsets), expected)
    for wrong in (vectors[:, :7], vectors.astype(np.float64), vectors[0]):
        with pytest.raises(KernelError, match=r"vectors must be float32 \(total, 8\)"):
            encoder.encode(wrong, offsets)
    with pytest.raises(KernelError, match="offsets must ascend from 0 to at most 9"):
        encoder.encode(vectors, np.array([0, 4, 10]))
