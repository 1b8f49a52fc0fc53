"""``bigbench-sentences`` on made-up texts: tasks, splitting, duplicates, held-out queries, and a build that goes on."""

import io
import json
import tarfile

import numpy as np
import pytest

from bench import datasets
from bench.datasets import DatasetError, builders
from bench.datasets.builders import bigbench, bigbench_sentences, squad, squad_sentences, squad_sentences_wordllama
from bench.datasets.cache import cache_dir
from methods import Metric

ROOT = "bigbench-1.0.0/bigbench/benchmark_tasks/"


def write_archive(path, contents):
    """A sdist with ``contents`` by member, and every other file of a chosen task without an example."""
    nothing = {"examples": [], "data": []}
    with tarfile.open(path, "w:gz") as tar:
        for name, content in {**dict.fromkeys(bigbench.TASKS, nothing), **contents}.items():
            packed = json.dumps(content).encode()
            member = tarfile.TarInfo(ROOT + name)
            member.size = len(packed)
            tar.addfile(member, io.BytesIO(packed))
    return path


def examples(*rows):
    return {"description": "What is asked of a model here?", "examples": list(rows)}


def test_chosen_tasks_and_fields_are_read_and_no_others(tmp_path):
    contents = {
        "topical_chat/task.json": examples({"input": "one", "target": ["two", "three"], "comment": "four"}),
        "gem/e2e_nlg/task.json": examples({"input": "name: Giraffe", "target": "five"}),
        "hyperbaton/task.json": examples({"input": "six", "target": "seven"}),
        "real_or_fake_text/gpt2/task.json": examples({"input": "eight"}),
        "squad_shifts/nyt_v1.0.json": {"data": [{"paragraphs": [{"context": "nine", "qas": [{"question": "ten"}]}]}]},
    }
    read = list(bigbench.read_archive(write_archive(tmp_path / "texts.tar.gz", contents)))
    assert sorted(read) == ["five", "nine", "one", "three", "two"]


def test_only_the_english_examples_of_paragraph_segmentation_are_read():
    task = bigbench.TASKS["paragraph_segmentation/task.json"]
    content = {"examples": [{"input": f"{row}", "target": "0 1"} for row in range(3_000)]}
    assert list(bigbench.texts(content, task)) == [f"{row}" for row in range(1_000, 2_000)]


def test_no_task_is_both_chosen_and_left_out():
    folders = {name.split("/")[0] for name in bigbench.TASKS} | set(bigbench.TASKS)
    named = {word for tasks in bigbench.LEFT_OUT.values() for word in tasks.replace(",", " ").split()}
    assert "hyperbaton" in named
    assert not {word for word in named if word in folders and word != "natural_instructions"}
    assert set(squad.MEMBERS) <= {ROOT + name for name in bigbench.TASKS}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The cat sat on the mat. No! And it slept there.", ["The cat sat on the mat.", "And it slept there."]),
        ("A first line of it\nand a second line", ["A first line of it", "and a second line"]),
        (
            "Passage: The cat sat on the mat. \nQuestion: Where did the cat sit?",
            ["The cat sat on the mat.", "Where did the cat sit?"],
        ),
        (
            'agent_A: "I like the cat a lot." agent_B: "So do I, believe me."',
            ["I like the cat a lot.", 'So do I, believe me."'],
        ),
        ("Paragraph- Sent 1: The cat sat down.Sent 12: It slept all day.", ["The cat sat down.", "It slept all day."]),
        ("The cat was in the hat. ----- Who said the cat was in it?", ["The cat was in the hat."]),
        ("On September 27 2011, the following claim was made: The cat is very fat.", ["The cat is very fat."]),
        ("A\u00a0cat   with\tmuch  white space", ["A cat with much white space"]),
        ("word " * 201 + ".", []),
        ("word " * 199 + ".", ["word " * 199 + "."]),
        ("Much too short.", []),
    ],
)
def test_sentences_are_cut_at_marks_lines_and_labels(text, expected):
    assert list(bigbench.sentences(text)) == expected


def test_one_sentence_in_other_case_space_or_marks_is_kept_once(tmp_path):
    texts = [
        "The Earth's air is thin. It is cold up there.",
        "THE EARTH 'S  AIR IS THIN ! What is asked of it?",
        "The Earths air is thick. ------------------ .",
        "What is Asked of it ? Straße und Platz\nSTRASSE UND PLATZ",
    ]
    bigbench_sentences.write_sentences(tmp_path / "s.txt", texts, ["What is asked of it?"])
    assert (tmp_path / "s.txt").read_text().splitlines() == [
        "The Earth's air is thin.",
        "It is cold up there.",
        "The Earths air is thick.",
        "Straße und Platz",
    ]


class FakeModel:
    """Encodes a text by its letters; is interrupted after so many blocks."""

    def __init__(self, blocks=None):
        self.blocks, self.encoded = blocks, []

    def embed(self, texts, norm):
        assert norm
        if self.blocks is not None and len(self.encoded) == self.blocks:
            raise KeyboardInterrupt
        self.encoded.append(len(texts))
        return np.stack([vector_of(text) for text in texts])


def vector_of(text):
    vector = np.random.default_rng(list(text.encode())).standard_normal(256)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


SENTENCES = [f"This is sentence number {number}." for number in range(40)]
QUESTIONS = ["What is number one of them?", "Which number is it?", "WHICH NUMBER IS IT", "Is it sentence number two?"]


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """A sdist with 40 sentences, two of them twice, and four questions, of which one repeats and one is a sentence."""
    context = " ".join([*SENTENCES[:20], SENTENCES[3].upper()])
    paragraph = {"context": context, "qas": [{"question": q, "answers": [{"answer_start": 0}]} for q in QUESTIONS]}
    squad_file = {"data": [{"paragraphs": [paragraph]}]}
    contents = {name.removeprefix(ROOT): {"data": []} for name in squad.MEMBERS}
    contents["squad_shifts/squaddev_v1.1.json"] = squad_file
    chat = " ".join([*SENTENCES[20:], SENTENCES[5], "Is  it Sentence number two"])
    contents["topical_chat/task.json"] = examples({"input": chat, "target": ""})
    path = write_archive(tmp_path / "texts.tar.gz", contents)
    monkeypatch.setattr(bigbench_sentences, "verified", lambda _archive, source: source)
    monkeypatch.setattr(bigbench_sentences, "HELD_OUT", 6)
    monkeypatch.setattr(bigbench_sentences, "_BLOCK", 8)
    use(monkeypatch, FakeModel())
    return path


def use(monkeypatch, model):
    for module in (bigbench_sentences, squad_sentences_wordllama):
        monkeypatch.setattr(module, "load_encoder", lambda: model)
    return model


def stored(target):
    return {name: np.load(target / f"{name}.npy") for name in ("base", "queries")}


def test_base_and_queries_are_all_sentences_and_no_query_is_in_the_base(archive):
    builders.build("bigbench-sentences", archive)
    dataset = datasets.load("bigbench-sentences")
    assert (dataset.metric, dataset.base.shape, dataset.queries.shape) == (Metric.COSINE, (34, 256), (9, 256))
    by_vector = {vector_of(text).tobytes(): text for text in SENTENCES + QUESTIONS}
    base = [by_vector[row.tobytes()] for row in dataset.base.read(0, 34)]
    queries = [by_vector[row.tobytes()] for row in dataset.queries]
    assert base == [sentence for sentence in SENTENCES if sentence not in queries]
    kinds = ["".join("SQ"[text in QUESTIONS] for text in queries)]
    assert kinds == ["SQSQSQSSS"]
    assert len({bigbench.key(text) for text in queries + base}) == 43
    assert "even rows: 6 sentences" in dataset.card["queries"]
    assert "odd rows: 3 questions" in dataset.card["queries"]
    assert dataset.card["base"].startswith("34 sentences")
    assert dataset.card["near_duplicates"].startswith("0 vectors equal an earlier one")
    assert list((cache_dir() / "encoded").iterdir()) == []


def test_an_interrupted_build_goes_on_and_makes_the_same(archive, monkeypatch, tmp_path):
    once = builders.build("bigbench-sentences", archive, tmp_path / "once")
    use(monkeypatch, FakeModel(blocks=4))  # two of queries, two of the base
    monkeypatch.setattr(squad_sentences_wordllama, "_BLOCK", 5)
    with pytest.raises(KeyboardInterrupt):
        builders.build("bigbench-sentences", archive, tmp_path / "twice")
    assert not (tmp_path / "twice").exists()
    (base,) = (cache_dir() / "encoded").glob("*/base.npy")
    with base.open("ab") as file:
        file.write(b"a part of a block")

    def not_again(_path):
        raise AssertionError("the sentences were read again")

    monkeypatch.setattr(bigbench, "read_archive", not_again)
    model = use(monkeypatch, FakeModel())
    twice = builders.build("bigbench-sentences", archive, tmp_path / "twice")
    assert model.encoded[2:] == [8, 8, 2]
    for name, array in stored(once).items():
        np.testing.assert_array_equal(stored(twice)[name], array)
    assert (once / "card.json").read_text() == (twice / "card.json").read_text()


def test_vectors_of_other_texts_are_not_gone_on_with(archive, tmp_path):
    (tmp_path / "s.txt").write_text("\n".join(SENTENCES) + "\n")
    np.save(tmp_path / "base.npy", np.ones((39, 256), np.float32))
    bigbench_sentences.write_base(tmp_path / "base.npy", tmp_path / "s.txt", np.array([7, 3]), 38, FakeModel())
    rest = [sentence for row, sentence in enumerate(SENTENCES) if row not in (3, 7)]
    np.testing.assert_array_equal(np.load(tmp_path / "base.npy"), np.stack([vector_of(text) for text in rest]))


def test_near_duplicates_are_counted(tmp_path):
    vectors = np.stack([vector_of(sentence) for sentence in SENTENCES])
    vectors[10:14] = vectors[9]
    vectors[20] = vectors[19] * np.float32(1 - 1e-4) + vectors[25] * np.float32(0.1)
    np.save(tmp_path / "base.npy", vectors)
    told = bigbench_sentences.near_duplicates(tmp_path / "base.npy")
    assert told.startswith("4 vectors equal an earlier one; of 40 drawn")
    assert "12.5% at a cosine of 0.999 or more, 17.5% at a cosine of 0.99 or more" in told


def test_a_sdist_without_a_chosen_task_is_refused(tmp_path):
    with tarfile.open(tmp_path / "texts.tar.gz", "w:gz"):
        pass
    with pytest.raises(DatasetError, match=r"abstract_narrative_understanding.*build again"):
        list(bigbench.read_archive(tmp_path / "texts.tar.gz"))
    (tmp_path / "noise.tar.gz").write_bytes(b"noise")
    with pytest.raises(DatasetError, match="build again"):
        list(bigbench.read_archive(tmp_path / "noise.tar.gz"))


def test_a_missing_encoder_is_told_before_the_archive_is_read(archive, monkeypatch):
    def missing():
        raise DatasetError("the text encoder needs wordllama")

    monkeypatch.setattr(bigbench_sentences, "load_encoder", missing)
    monkeypatch.setattr(squad, "read_archive", lambda _path: pytest.fail("the archive was read"))
    with pytest.raises(DatasetError, match="wordllama"):
        builders.build("bigbench-sentences", archive)


def test_a_vector_does_not_depend_on_the_texts_beside_it():
    pytest.importorskip("wordllama")
    model = squad_sentences_wordllama.load_encoder()
    alone = np.concatenate([model.embed([text], norm=True) for text in SENTENCES])
    beside = model.embed([*SENTENCES, "A far longer text is beside them. " * 20], norm=True)[:-1]
    np.testing.assert_array_equal(beside, alone)


def test_questions_are_the_first_queries_of_squad_sentences():
    none = np.zeros(20_000, np.int64)
    corpus = squad.Corpus([], [f"Is it {number}?" for number in range(20_000)], none, none)
    rows = squad_sentences.choose_questions(corpus)
    expected = [corpus.questions[row] for row in rows]
    corpus.questions[rows[3]] = expected[1].upper()
    assert bigbench_sentences.choose_questions(corpus) == [*expected[:3], *expected[4:5_001]]
