"""``codec.to_faiss``: an index that faiss writes and reads, and that finds what the codec's searcher finds."""

import faiss
import numpy as np
import pytest

import methods
from methods.errors import NotInFaiss
from methods.faiss_tools import linear_transform

QUERIES, CODES, K = 1_000, 500, 10
BINARY = {"itq", "sign", "simhash", "spectral_hashing", "semantic_hashing"}
ROUNDED = {"rabitq", "pq_fastscan"}  # queries or their tables, to 8 bits
REDUCED = {"pca", "truncation"}  # scores lack what a query has outside the dimensions that are kept
NO_PRODUCTS = BINARY | {"rabitq", "truncation"}  # refused below
METHODS = {
    "pq": ("32x", {"bits": 6, "iterations": 3}),
    "opq": ("32x", {"bits": 6, "iterations": 3, "rotation_iterations": 1}),
    "pq_fastscan": ("16x", {"iterations": 3}),
    "rq": ("32x", {"iterations": 2}),
    "prq": ("16x", {"iterations": 2}),
    "lsq": ("48x", {"iterations": 1, "restarts": 1}),
    "int8": ("4x", {}),
    "int6": ("5x", {}),
    "int4": ("8x", {}),
    "int8_global": ("4x", {}),
    "float16": ("2x", {}),
    "bfloat16": ("2x", {}),
    "float32": ("1x", {}),
    "rabitq": ("8x", {}),
    "turboquant": ("8x", {"store_norm": False}),
    "sign": ("16x", {}),
    "itq": ("32x", {"iterations": 2}),
    "simhash": ("32x", {}),
    "spectral_hashing": ("32x", {}),
    "semantic_hashing": ("32x", {"epochs": 1}),
    "anisotropic_pq": ("32x", {"bits": 4, "iterations": 2}),
    "eden": ("8x", {}),
    "truncation": ("8x", {}),
    "pca": ("8x", {}),
    "random_projection": ("8x", {}),
    "random_rotation": ("8x", {}),
}


def vectors_of(count, dim, seed, scale=1.0):
    rng = np.random.default_rng(seed)
    return (scale * rng.standard_normal((count, dim)) * (0.5 + rng.random((count, 1)))).astype(np.float32)


def exported(codec, codes, tmp_path):
    """The index after it was written and read."""
    index, path = codec.to_faiss(codes), str(tmp_path / "codes.faiss")
    if isinstance(index, faiss.IndexBinary):
        faiss.write_index_binary(index, path)
        return faiss.read_index_binary(path)
    faiss.write_index(index, path)
    return faiss.read_index(path)


def assert_agree(codec, codes, index, queries, scores_too=True):
    """Ids are equal, but for those whose scores tie; and scores are, for some but for a constant of the query."""
    searcher = codec.searcher(codes)
    scores, ids = searcher.search(queries, K)
    binary = isinstance(index, faiss.IndexBinary)
    others, found_ids = index.search(codec.encode(queries) if binary else queries, K)
    every, order = searcher.search(queries, len(codes))
    table = np.empty_like(every)
    np.put_along_axis(table, order, every, axis=1)
    tolerance = (2e-3 if codec.name in ROUNDED else 1e-5) * np.abs(every).max(axis=1, keepdims=True)
    assert (np.sort(found_ids, axis=1)[:, 1:] != np.sort(found_ids, axis=1)[:, :-1]).all()
    assert (np.abs(np.take_along_axis(table, found_ids, axis=1) - scores) <= tolerance).all()
    if not binary:
        assert (found_ids == ids).mean() > 0.998
    if codec.name in REDUCED:
        others, scores = others - others[:, :1], scores - scores[:, :1]
    if scores_too:
        assert (np.abs(others.astype(np.float32) - scores) <= tolerance).all()


CASES = [
    (name, metric)
    for name in METHODS
    for metric in ("cosine", "l2", "ip")
    if metric in methods.get(name).metrics and (metric != "ip" or name not in NO_PRODUCTS)
]


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "metric"), CASES)
def test_faiss_finds_what_the_searcher_finds(name, metric, tmp_path):
    budget, params = METHODS[name]
    dim = 52  # which no method's subspaces divide evenly
    base = vectors_of(CODES, dim, 1)
    codec = methods.create(name, dim, budget, metric, **params).fit(base, 0)
    codes = codec.encode(base)
    index = exported(codec, codes, tmp_path)
    assert_agree(codec, codes, index, vectors_of(QUERIES, dim, 2))
    assert index.ntotal == CODES
    np.testing.assert_array_equal(stored(index), codes)


def stored(index):
    """The codes that an index holds, as they were made."""
    if isinstance(index, faiss.IndexBinary):
        return faiss.vector_to_array(index.xb).reshape(index.ntotal, -1)
    flat = faiss.downcast_index(index.index if isinstance(index, faiss.IndexPreTransform) else index)
    if isinstance(flat, faiss.IndexPQFastScan):  # in blocks of 32
        return unpacked(flat)
    return faiss.vector_to_array(flat.codes).reshape(flat.ntotal, -1)


def unpacked(flat):
    packer = flat.get_CodePacker()
    blocks = faiss.vector_to_array(flat.codes).reshape(-1, packer.block_size)
    return np.stack([packer.unpack_1(blocks, row) for row in range(flat.ntotal)])


@pytest.mark.parametrize(
    ("name", "metric", "budget", "params"),
    [
        ("pca", "cosine", "6x", {"codec": "int6"}),
        ("pca", "ip", "4x", {"codec": "int8", "out_dim": 24}),
        ("pca", "l2", "16x", {"codec": "pq"}),
        ("truncation", "ip", "8x", {"renormalize": False}),
        ("truncation", "cosine", "16x", {"codec": "opq"}),
        ("random_rotation", "l2", "8x", {"codec": "rabitq"}),
        ("random_rotation", "l2", "28x", {"codec": "sign"}),
        ("eden", "l2", "12x", {"scale": "biased"}),
    ],
)
def test_a_map_stands_before_any_index(name, metric, budget, params, tmp_path):
    base = vectors_of(CODES, 52, 1) + np.float32(0.4)
    codec = methods.create(name, 52, budget, metric, **params).fit(base, 0)
    codes = codec.encode(base)
    assert_agree(
        codec, codes, exported(codec, codes, tmp_path), vectors_of(QUERIES, 52, 2), "rabitq" not in params.values()
    )


@pytest.mark.parametrize("metric", ["cosine", "l2", "ip"])
@pytest.mark.parametrize("name", ["pca", "truncation", "random_projection", "random_rotation"])
def test_faiss_maps_new_vectors_as_the_codec_does(name, metric, tmp_path):
    base = vectors_of(CODES, 52, 1) + np.float32(0.4)
    options = {"renormalize": False} if (name, metric) == ("truncation", "ip") else {}
    codec = methods.create(name, 52, "4x", metric, codec="int8", **options).fit(base, 0)
    index = exported(codec, codec.encode(base), tmp_path)
    index.add(vectors_of(300, 52, 3))
    levels = stored(index)[CODES:].astype(int) - codec.encode(vectors_of(300, 52, 3))
    assert np.abs(levels).max() <= 1  # values between two levels
    assert (levels == 0).mean() > 0.995


@pytest.mark.parametrize("scale", [1e-9, 1e6])
@pytest.mark.parametrize("name", ["float16", "rabitq", "pq"])
def test_tiny_and_huge_vectors_are_found_too(name, scale, tmp_path):
    base = vectors_of(CODES, 48, 1, scale)
    codec = methods.create(name, 48, METHODS[name][0], "l2", **METHODS[name][1]).fit(base, 0)
    codes = codec.encode(base)
    assert_agree(codec, codes, exported(codec, codes, tmp_path), vectors_of(QUERIES, 48, 2, scale), scores_too=False)


def test_faiss_encodes_new_vectors_into_equal_codes(tmp_path):
    base = vectors_of(CODES, 48, 1)
    codec = methods.create("opq", 48, "16x", "cosine", bits=6, iterations=3).fit(base, 0)
    index = exported(codec, codec.encode(base), tmp_path)
    index.add(vectors_of(300, 48, 3))
    np.testing.assert_array_equal(stored(index)[CODES:], codec.encode(vectors_of(300, 48, 3)))


def test_no_codes_are_an_empty_index(tmp_path):
    codec = methods.create("int8", 16, "4x").fit(vectors_of(50, 16, 1))
    index = exported(codec, np.empty((0, 16), np.uint8), tmp_path)
    assert index.ntotal == 0
    index.add(vectors_of(3, 16, 2))
    assert index.ntotal == 3


@pytest.mark.parametrize(
    ("name", "metric", "params", "reason"),
    [
        ("transform_coding", "cosine", {}, "these have: .*bfloat16, .*eden, float16, float32, int4"),
        ("rabitq", "ip", {}, "use metric=l2"),
        ("leanvec", "l2", {}, "leanvec has no index in faiss"),
        ("truncation", "ip", {}, "use metric=cosine, l2 or renormalize=false"),
        ("pca", "cosine", {"codec": "pq", "codec_params": {"bits": 4}}, "use metric=l2, or codec=int8"),
        ("pca", "l2", {"codec": "lvq"}, "lvq has no index in faiss"),
        ("sign", "ip", {}, "use scoring=hamming and metric=cosine or l2"),
        ("itq", "cosine", {"scoring": "asymmetric"}, "use scoring=hamming"),
        ("turboquant", "l2", {}, "use store_norm=false"),
        ("pq", "cosine", {"renormalize": True, "bits": 4}, "use renormalize=false"),
        ("int8", "cosine", {"center": "offset"}, "int8 has no index in faiss with center=offset"),
    ],
)
def test_what_faiss_cannot_do_is_refused(name, metric, params, reason):
    base = vectors_of(300, 32, 1)
    codec = methods.create(name, 32, "2x", metric, **params).fit(base, 0)
    with pytest.raises(NotInFaiss, match=reason):
        codec.to_faiss(codec.encode(base))


def test_a_mean_that_products_lose_all_else_in_is_refused():
    base = vectors_of(300, 32, 1) + np.float32(1e5)
    codec = methods.create("pca", 32, "4x", "ip", codec="int8").fit(base, 0)
    with pytest.raises(NotInFaiss, match="no more than a hundred times their spread"):
        codec.to_faiss(codec.encode(base))


def test_rows_of_a_matrix_are_what_a_transform_does():
    matrix, vectors = vectors_of(6, 4, 0), vectors_of(5, 6, 1)
    np.testing.assert_allclose(linear_transform(matrix).apply(vectors), vectors @ matrix, rtol=1e-5)


def test_a_method_with_an_offset_is_not_listed_as_able():
    lvq = methods.create("lvq", 16, "4x", center="offset").fit(vectors_of(50, 16, 1))
    codes = lvq.encode(vectors_of(3, 16, 2))
    with pytest.raises(NotInFaiss, match="with center=offset; leave it out"):
        lvq.to_faiss(codes)
    plain = methods.create("transform_coding", 16, "4x").fit(vectors_of(50, 16, 1))
    with pytest.raises(NotInFaiss) as refused:
        plain.to_faiss(plain.encode(vectors_of(3, 16, 2)))
    assert "lvq" not in str(refused.value)
    assert "rabitq" in str(refused.value)
