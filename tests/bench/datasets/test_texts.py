"""Texts of vectors: read in their order, cut as the vectors are, made beside a data set."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bench.datasets import load, texts
from bench.datasets.__main__ import main
from bench.datasets.base import DatasetError
from bench.datasets.builders import squad, squad_sentences, squad_sentences_mini
from bench.datasets.builders import texts as builder

N = 50


@pytest.fixture
def base(tmp_path):
    np.save(tmp_path / "v.npy", np.random.default_rng(0).standard_normal((N, 4), np.float32))
    (tmp_path / "v.txt").write_text("".join(f"text {row}\n" for row in range(N)))
    return {"base": str(tmp_path / "v.npy"), "texts": str(tmp_path / "v.txt")}


def test_texts_follow_the_vectors_that_are_held_out_and_sampled(base):
    vectors = np.load(base["base"])
    data = load("path", **base, holdout=10, max_base=20, max_queries=4, seed=3)
    found = data.texts.base.read(20)
    for row, text in enumerate(found):
        np.testing.assert_array_equal(data.base.read(row, row + 1)[0], vectors[int(text.split()[1])])
    for row, text in enumerate(data.texts.queries.read(4)):
        np.testing.assert_array_equal(data.queries[row], vectors[int(text.split()[1])])


def test_texts_are_no_part_of_the_checksum(base):
    plain = load("path", base=base["base"], holdout=10)
    assert plain.texts is None
    assert load("path", **base, holdout=10).checksum == plain.checksum


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2 is no JSON; give one text a line"),
        ("7", "line 2 holds no text"),
        ('{"title": "a"}', "line 2 holds no text"),
    ],
)
def test_a_line_that_is_no_text_is_named(tmp_path, line, message):
    file = tmp_path / "t.jsonl"
    file.write_text(f'"a"\n{line}\n')
    with pytest.raises(DatasetError, match=message):
        texts.TextFile(file).read(2)


def test_lines_may_hold_strings_or_objects(tmp_path):
    file = tmp_path / "t.jsonl"
    file.write_text('"a\\nb"\n{"text": "c", "id": 4}\n')
    assert texts.TextFile(file).read(2) == ["a\nb", "c"]
    with pytest.raises(DatasetError, match="has 2 texts for 3 vectors"):
        texts.TextFile(file).read(3)


def test_queries_texts_are_refused_where_queries_are_held_out(base):
    with pytest.raises(DatasetError, match="is for a file of queries; those held out have theirs in"):
        load("path", **base, queries_texts=base["texts"])
    with pytest.raises(DatasetError, match=r"is of a file of queries; name it by dataset.queries=FILE"):
        load("path", base=base["base"], relevance=base["base"])


@pytest.fixture
def corpus(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    count = squad_sentences_mini.ITEMS + 7
    answers = np.random.default_rng(0).integers(count, size=1_500)
    made = squad.Corpus(
        [f"s{row}" for row in range(count)], [f"q{row}" for row in range(1_500)], answers, answers // 10
    )
    monkeypatch.setattr(squad, "read_archive", lambda archive: made)
    monkeypatch.setattr(builder, "verified", lambda archive, path: path)
    return made


def test_texts_stand_in_the_rows_of_their_vectors(corpus, tmp_path, capsys):
    assert main(["texts", "squad-sentences", "--from", "x"]) == 0
    assert "the texts of squad-sentences are in" in capsys.readouterr().out
    chosen = squad_sentences.choose_questions(corpus)
    kept = texts.built("squad-sentences")
    assert kept.base.read(len(corpus.sentences)) == corpus.sentences
    assert kept.queries.read(len(chosen)) == [corpus.questions[row] for row in chosen]
    builder.build("squad-sentences-mini", tmp_path)
    mini = texts.built("squad-sentences-mini")
    base, queries = mini.base.read(squad_sentences_mini.ITEMS), mini.queries.read(squad_sentences_mini.QUERIES)
    for query, row in zip(queries, chosen, strict=False):
        assert query == corpus.questions[row]
        assert corpus.sentences[corpus.answers[row]] in base
    assert json.loads((tmp_path / "texts/squad-sentences-mini/base.jsonl").read_text().splitlines()[0]) == base[0]


def test_a_set_without_texts_says_how_to_get_them(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    with pytest.raises(DatasetError, match=r"run `python -m bench.datasets texts squad-sentences-mini`"):
        load("squad-sentences-mini").texts.base.read(20_000)
    with pytest.raises(DatasetError, match="there are no texts of 'squad-sentence'; did you mean squad-sentences"):
        builder.build("squad-sentence")
