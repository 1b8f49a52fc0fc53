"""Files are written whole or not at all, and what cannot be written is said before the work."""

import os

import pytest

from bench.errors import UsageError
from bench.files import check_writable, write_csv, write_whole


def test_what_was_there_stays_when_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / "table.csv"
    write_whole(path, "before\n")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, "after\n")
    assert path.read_bytes() == b"before\n"
    assert os.listdir(tmp_path) == ["table.csv"]


def test_lines_end_as_given(tmp_path):
    assert write_whole(tmp_path / "x", "a\nb\n").read_bytes() == b"a\nb\n"


def test_a_table_is_written_whole_and_what_a_row_lacks_is_empty(tmp_path):
    path = tmp_path / "table.csv"
    assert write_csv(path, ["a", "b"], [{"a": 1}, {"a": 2, "b": "x,y"}]).read_bytes() == b'a,b\n1,\n2,"x,y"\n'


def test_a_table_stays_as_it_was_when_its_rows_fail(tmp_path):
    """Scripts that open their table first and then make its rows left an empty one behind."""
    path = write_csv(tmp_path / "table.csv", ["a"], [{"a": 1}])
    with pytest.raises(ZeroDivisionError):
        write_csv(path, ["a"], ({"a": 1 // n} for n in (1, 0)))
    assert path.read_bytes() == b"a\n1\n"


@pytest.mark.parametrize("where", ["", "missing/file.json"])
def test_a_path_that_cannot_be_written_is_refused(tmp_path, where):
    with pytest.raises(UsageError, match="cannot write"):
        check_writable(tmp_path / where)
    check_writable(tmp_path / "fine.json")
    assert not os.listdir(tmp_path)
