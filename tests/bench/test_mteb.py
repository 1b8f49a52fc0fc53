"""``bench.mteb``: an encoder whose documents MTEB searches as codes. Skipped where mteb is not installed."""

from __future__ import annotations

import sys
import zlib

import numpy as np
import pytest

import methods
from bench.errors import UsageError
from bench.mteb import CompressedEncoder

DIM, DOCUMENTS = 32, 80


def vectors_of(texts):
    """A random vector for each word, added up: the same text has the same vector."""

    def of_word(word):
        return np.random.default_rng(zlib.crc32(word.encode())).standard_normal(DIM)

    return np.array([np.sum([of_word(word) for word in text.split()], axis=0) for text in texts], np.float32)


@pytest.fixture(scope="module")
def mteb():
    return pytest.importorskip("mteb", reason="the extra mteb is not installed")


@pytest.fixture
def encoder(mteb):
    from mteb.models.model_meta import ModelMeta
    from mteb.similarity_functions import cos_sim, pairwise_cos_sim

    class Words:
        def __init__(self):
            given = {"name": "toy/words", "revision": "1", "similarity_fn_name": "cosine"}
            self.mteb_model_meta = ModelMeta.create_empty(given)

        def encode(self, inputs, **kwargs):
            return vectors_of([text for batch in inputs for text in batch["text"]])

        def similarity(self, a, b):
            return cos_sim(a, b)

        def similarity_pairwise(self, a, b):
            return pairwise_cos_sim(a, b)

    return Words()


@pytest.fixture
def tiny(mteb):
    """A function that makes a task of documents, each of which answers the query of some of its words."""
    from datasets import Dataset
    from mteb.abstasks.retrieval import AbsTaskRetrieval
    from mteb.abstasks.retrieval_dataset_loaders import RetrievalSplitData
    from mteb.abstasks.task_metadata import TaskMetadata

    rng = np.random.default_rng(0)
    documents = [" ".join(f"w{word}" for word in rng.integers(300, size=8)) for _ in range(DOCUMENTS)]
    queries = [" ".join(documents[row].split()[:5]) for row in range(40)]

    class Tiny(AbsTaskRetrieval):
        metadata = TaskMetadata(
            name="Tiny",
            description="Documents of random words.",
            reference=None,
            dataset={"path": "none", "revision": "1"},
            type="Retrieval",
            category="t2t",
            eval_splits=["test"],
            eval_langs=["eng-Latn"],
            main_score="ndcg_at_10",
        )

        def load_data(self, **kwargs):
            self.dataset = {
                "default": {
                    "test": RetrievalSplitData(
                        queries=Dataset.from_list([{"id": f"q{i}", "text": text} for i, text in enumerate(queries)]),
                        corpus=Dataset.from_list([{"id": f"d{i}", "text": text} for i, text in enumerate(documents)]),
                        relevant_docs={f"q{i}": {f"d{i}": 1} for i in range(len(queries))},
                        top_ranked=top_ranked,
                    )
                }
            }
            self.data_loaded = True

    top_ranked = None

    def make(ranked=None):
        nonlocal top_ranked
        top_ranked = ranked
        return Tiny()

    return make


def score(mteb, model, task):
    return mteb.evaluate(model, task, cache=None, co2_tracker=False, show_progress_bar=False)[0].get_score()


def test_a_fine_code_scores_as_the_vectors_do_and_a_coarse_one_less(mteb, encoder, tiny):
    plain = score(mteb, encoder, tiny())
    fine, coarse = CompressedEncoder(encoder, "float16", "2x"), CompressedEncoder(encoder, "pq", 2, bits=4)
    assert score(mteb, fine, tiny()) == pytest.approx(plain, abs=1e-6)
    assert score(mteb, coarse, tiny()) < plain - 0.1
    (size,) = coarse.sizes
    assert (size.task, size.split, size.documents, size.dim, size.code) == ("Tiny", "test", DOCUMENTS, DIM, 2)
    assert size.searcher == 2 * DOCUMENTS
    assert size.parts == 4 * DIM * 2**4  # a codebook of 16 for each subspace
    assert size.ratio == 64


def test_queries_and_documents_have_one_codec(encoder, tiny, mteb):
    task = tiny()
    task.load_data()
    data = task.dataset["default"]["test"]
    place = {"task_metadata": task.metadata, "hf_split": "test", "hf_subset": "default", "encode_kwargs": {}}
    documents, queries = (vectors_of(data[part]["text"]) for part in ("corpus", "queries"))
    codec = methods.create("pq", DIM, 4, "cosine", bits=4).fit(documents, 0)
    decoded = codec.decode(codec.encode(documents))
    for compress in (True, False):
        model = CompressedEncoder(encoder, "pq", 4, bits=4, compress_queries=compress)
        model.index(data["corpus"], num_proc=None, **place)
        scores = model.search(data["queries"], top_k=DOCUMENTS, num_proc=None, **place)
        searched = codec.decode(codec.encode(queries)) if compress else queries
        expected = searched / np.linalg.norm(searched, axis=1, keepdims=True) @ decoded.T
        listed = [[scores[f"q{i}"][f"d{j}"] for j in range(DOCUMENTS)] for i in range(len(queries))]
        np.testing.assert_allclose(listed, expected, atol=1e-4)


def test_candidates_of_a_query_are_ordered_by_their_codes(mteb, encoder, tiny):
    ranked = {f"q{i}": [f"d{(i + j) % DOCUMENTS}" for j in range(5, -1, -1)] for i in range(40)}
    model = CompressedEncoder(encoder, "int8", "4x")
    assert score(mteb, model, tiny(ranked)) > 0.95  # the first of six by chance: 0.6
    assert score(mteb, CompressedEncoder(encoder, "sign", "32x"), tiny(ranked)) > 0.75  # distances, less is better


def test_results_are_kept_apart_from_those_of_the_encoder(encoder):
    before = encoder.mteb_model_meta
    model = CompressedEncoder(encoder, "pq", "16x", bits=4)
    assert encoder.mteb_model_meta is before
    assert model.mteb_model_meta != before
    assert model.mteb_model_meta.experiment_kwargs == {
        "codec": "pq",
        "budget": "16x",
        "compress_queries": True,
        "bits": 4,
        "seed": 0,
        "trained_on": "documents",
    }
    vectors = vectors_of(["a b", "b c"])
    ones = [CompressedEncoder(encoder, "int8", "4x", train=each, seed=1) for each in (vectors, 2 * vectors)]
    first, second = (one.mteb_model_meta.experiment_kwargs for one in ones)
    assert first["seed"] == second["seed"] == 1
    assert first["trained_on"] != second["trained_on"]
    assert model.mteb_model_meta.name == "toy/words"


def test_tasks_without_documents_need_vectors_to_fit_on(encoder):
    texts = [f"a{row} b{row % 7}" for row in range(60)]
    inputs = [{"text": texts}]
    with pytest.raises(UsageError, match="int8 is not fitted: such a task has no documents; give CompressedEncoder tr"):
        CompressedEncoder(encoder, "int8", "4x").encode(inputs)
    given = vectors_of(texts)
    decoded = CompressedEncoder(encoder, "int8", "4x", train=given).encode(inputs)
    unit = given / np.linalg.norm(given, axis=1, keepdims=True)
    np.testing.assert_allclose(decoded / np.linalg.norm(decoded, axis=1, keepdims=True), unit, atol=0.02)
    with pytest.raises(UsageError, match="codes of simhash do not decode"):
        CompressedEncoder(encoder, "simhash", "32x", train=given).encode(inputs)


def test_an_encoder_of_sets_of_vectors_is_refused(encoder):
    encoder.mteb_model_meta = encoder.mteb_model_meta.model_copy(update={"similarity_fn_name": "MaxSim"})
    with pytest.raises(UsageError, match="the encoder's similarity is MaxSim, of single vectors it is one of cosine"):
        CompressedEncoder(encoder, "int8", "4x")


def test_a_missing_mteb_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "mteb", None)
    monkeypatch.setitem(sys.modules, "mteb.models", None)
    with pytest.raises(UsageError, match=r"bench.mteb needs mteb .*; pip install 'vector-compression-bench\[mteb\]'"):
        CompressedEncoder(None, "int8", "4x")
