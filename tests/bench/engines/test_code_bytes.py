"""Bytes by the catalogue's formula are those that files grow by with each vector."""

import numpy as np
import pytest

from bench.datasets.store import ArrayStore
from bench.engines import adaptors
from bench.engines.adaptors.base import BuildError
from bench.engines.adaptors.choosing import offered
from bench.engines.adaptors.finding import missing_packages

FEW, MANY, DIM = 1_024, 3_072, 64  # sqlite-vec stores chunks of 1,024
# Of each engine: the files that hold codes, and the bytes that stand with each code in the same file.
FILES = {
    "qdrant": (("quantized.data", "tq_vectors.dat"), (0, 0)),
    "lancedb": (("auxiliary.idx",), (0, 2)),  # a row id, compressed
    "usearch": (("index.usearch",), (148.5, 149.5)),  # links and a key
    "sqlite-vec": (("vectors.db",), (8, 42)),  # ids, and the rest of pages
}
SLOW = ("product", "IvfPq", "HnswPq")  # in training
SCHEMES = [
    pytest.param(name, scheme, marks=[pytest.mark.slow] * (scheme in SLOW))
    for name in FILES
    for scheme in adaptors.adaptor(name).schemes
]


@pytest.fixture(scope="module")
def vectors():
    vectors = np.random.default_rng(0).standard_normal((MANY, DIM), np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def built(offer, folder, vectors):
    if missing := missing_packages(adaptors.adaptor(offer.engine.name)):
        pytest.skip(f"{', '.join(missing)} is not installed")
    folder.mkdir(parents=True)
    adaptors.adaptor(offer.engine.name)(offer, folder).build(ArrayStore(vectors))
    return folder


def held(folder, files):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.name in files)


@pytest.mark.integration
@pytest.mark.parametrize("metric", ["cosine", "l2"])
@pytest.mark.parametrize(("name", "scheme"), SCHEMES)
def test_a_vector_takes_the_bytes_of_the_formula(name, scheme, metric, vectors, tmp_path):
    listed = offered(adaptors.adaptor(name), scheme, DIM, metric)
    if not listed:
        pytest.skip(f"not for {metric}")
    files, (least, most) = FILES[name]
    if (name, scheme) == ("qdrant", "datatype float16"):
        files = ("matrix.dat",)
    if (name, scheme) == ("lancedb", "float16 column"):
        pytest.skip("a column has no file of its own")
    for place, offer in enumerate(listed[:: max(1, len(listed) - 1)]):  # the first and the last setting
        few, many = (built(offer, tmp_path / f"{place}/{n}", vectors[:n]) for n in (FEW, MANY))
        grown = (held(many, files) - held(few, files)) / (MANY - FEW)
        assert offer.bytes * 0.98 + least <= grown <= offer.bytes * 1.02 + most, offer.settings


def test_values_that_sqlite_vec_would_clip_are_refused(vectors, tmp_path):
    (offer,) = offered(adaptors.adaptor("sqlite-vec"), "int8", DIM, "l2")
    with pytest.raises(BuildError, match="takes values from -1 to 1; these reach"):
        built(offer, tmp_path / "engine", 3 * vectors / np.abs(vectors).max())


def test_searches_of_lancedb_and_usearch_follow_their_option(vectors, tmp_path):
    for name, scheme, few, many in (("usearch", "f16", 1, 500), ("lancedb", "HnswSq", 1, 500)):
        engine = adaptors.adaptor(name)
        (offer,) = offered(engine, scheme, DIM, "cosine")
        folder = built(offer, tmp_path / name, vectors)
        queries, found = np.roll(vectors[:200], 1, axis=1), []
        for value in (few, many):
            opened = engine(offer, folder, search_value=value)
            opened.open()
            found.append(opened.search(queries, 10)[1])
            assert opened.index()["kind"] == "hnsw"
            opened.close()
        true = np.argsort(-queries @ vectors.T, axis=1)[:, :10]
        recalls = [np.mean([np.isin(row, near).mean() for row, near in zip(ids, true)]) for ids in found]
        assert recalls[0] < recalls[1] - 0.05, (name, recalls)
