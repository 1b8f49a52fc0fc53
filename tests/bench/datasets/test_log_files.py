"""Click logs as people really have them: every line is read, or the file is refused in one line."""

import bz2
import gzip
import io
import lzma
import zipfile

import numpy as np
import pytest

from bench.datasets import DatasetError, builders
from bench.datasets.builders.click_logs import AVAZU, CRITEO_KAGGLE
from bench.datasets.builders.log_lines import CountedLines

from .probing import LFS_POINTER, WEB_PAGE

RNG = np.random.default_rng(0)
WORDS = ["", "68fd1e64", "80e26c9b"]
CRITEO = [
    "\t".join([str(i % 2), *RNG.choice(["", "0", "1", "5", "99"], 13), *RNG.choice(WORDS, 26)]) for i in range(60)
]
HEAD = ",".join(AVAZU.columns)
CLICKS = [
    ",".join([f"1000{i}", str(i % 2), "14102100", *RNG.choice(["a", "b"], len(AVAZU.columns) - 3)]) for i in range(60)
]


def text(lines, end="\n"):
    return (end.join(lines) + end).encode()


def with_line(line, place=30):
    return text([*CRITEO[:place], line, *CRITEO[place:]])


def with_last(value):
    return with_line(CRITEO[0].rpartition("\t")[0] + "\t" + value)


def with_count(value):
    return with_line("\t".join(["1", value, *CRITEO[0].split("\t")[2:]]))


def zipped(content):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("train.txt", content)
    return held.getvalue()


def damaged(content):
    return content[:60] + bytes(30) + content[90:]


def build(folder, form, name, content):
    """Labels of all parts of the data set that becomes of a log."""
    (folder / name).write_bytes(content)
    builders.build(form, folder / name, folder / "built")
    return np.concatenate(
        [np.load(folder / "built" / f"{part}-labels.npy") for part in ("train", "validation", "test")]
    )


GOOD, CSV = text(CRITEO), text([HEAD, *CLICKS])
READ = {
    "Criteo": ("train.txt", GOOD, 60),
    "no line feed at the end": ("train.txt", GOOD[:-1], 60),
    "lines of Windows": ("train.txt", text(CRITEO, "\r\n"), 60),
    "a byte order mark": ("train.txt", b"\xef\xbb\xbf" + GOOD, 60),
    "blank lines": ("train.txt", with_line("") + b"\n\n", 60),
    "blank lines of Windows": ("train.txt", text([*CRITEO[:9], "", *CRITEO[9:], ""], "\r\n"), 60),
    "a quote in a value": ("train.txt", with_last('a"b'), 61),
    "a quote before a value": ("train.txt", with_last('"abc'), 61),
    "a value in quotes": ("train.txt", with_last('"abc"'), 61),
    "a zero byte": ("train.txt", with_last("a\0b"), 61),
    "NA": ("train.txt", with_last("NA"), 61),
    **{f"a count of {value}": ("train.txt", with_count(value), 61) for value in ("-5", "2.5", " 3", "1e30", "9" * 20)},
    "gzip": ("train.gz", gzip.compress(GOOD), 60),
    "gzip in parts": ("train.gz", gzip.compress(GOOD[:5000]) + gzip.compress(GOOD[5000:]), 60),
    "bzip2": ("train.bz2", bz2.compress(GOOD), 60),
    "xz": ("train.XZ", lzma.compress(GOOD), 60),
    "Avazu": ("train.csv", CSV, 60),
    "Avazu of Windows": ("train.csv", text([HEAD, *CLICKS], "\r\n"), 60),
    "Avazu with a byte order mark": ("train.csv", b"\xef\xbb\xbf" + CSV, 60),
    "Avazu in quotes": ("train.csv", text([HEAD, *('"' + x.replace(",", '","') + '"' for x in CLICKS)]), 60),
    "Avazu by gzip": ("train.gz", gzip.compress(CSV), 60),
}


@pytest.mark.parametrize("variant", READ)
def test_every_line_of_a_log_is_read(tmp_path, variant):
    name, content, lines = READ[variant]
    labels = build(tmp_path, "avazu" if "Avazu" in variant else "criteo-kaggle", name, content)
    assert len(labels) == lines
    assert labels.sum() == 30 + ("count" in variant)  # the line more is a click there


SHORT = "columns, fewer than the 40; is it cut off?"
REFUSED = {
    "a short line": ("train.txt", with_line("1\t2\t3"), f"line 31 has 3 {SHORT}"),
    "a line without its last value": ("train.txt", with_line(CRITEO[0].rpartition("\t")[0]), f"line 31 has 39 {SHORT}"),
    "a short line at the start": ("train.txt", with_line("1", 0), ""),
    "a long line": ("train.txt", with_line(CRITEO[0] + "\tx"), "Expected 40 fields in line 31, saw 41"),
    "a cut line at the end": ("train.txt", GOOD + CRITEO[0][:20].encode(), "its last line has fewer than the 40"),
    "a cut line at the end of gzip": ("train.gz", gzip.compress(GOOD + b"1\t2"), f"line 61 has 2 {SHORT}"),
    "names of columns": ("train.txt", with_line("\t".join(CRITEO_KAGGLE.columns), 0), "other values than 0 and 1"),
    "no labels": ("test.txt", text([line.partition("\t")[2] for line in CRITEO]), "fewer than the 40"),
    "labels of fractions": ("train.txt", text([line.replace("0", "0.0", 1) for line in CRITEO]), "other values"),
    "labels of -1": ("train.txt", text(["-1" + line[1:] for line in CRITEO]), "other values than 0 and 1"),
    "a line without label": ("train.txt", with_line(CRITEO[0][1:]), "other values than 0 and 1"),
    "commas": ("train.txt", GOOD.replace(b"\t", b","), "fewer than the 40"),
    "spaces": ("train.txt", GOOD.replace(b"\t", b" "), "fewer than the 40"),
    **{f"a count of {value}": ("train.txt", with_count(value), "infinite") for value in ("inf", "-inf", "1e400")},
    **{f"a count of {value}": ("train.txt", with_count(value), "Unable to parse") for value in ("nan", "0x10", "1_0")},
    "a web page": ("train.txt", WEB_PAGE, "it is a web page"),
    "a web page as gzip": ("train.gz", WEB_PAGE, "it is a web page"),
    "a pointer": ("train.txt", LFS_POINTER, "git lfs pull"),
    "UTF-16": ("train.txt", GOOD.decode().encode("utf-16"), "fewer than the 40"),
    "Latin 1": ("train.txt", with_last("ä").decode().encode("latin-1"), "can't decode byte"),
    "zeros": ("train.txt", bytes(3000), "fewer than the 40"),
    "gzip as text": ("train.txt", gzip.compress(GOOD), "compressed by gzip; unpack it first"),
    "text as gzip": ("train.gz", GOOD, "Not a gzipped file"),
    "gzip cut": ("train.gz", gzip.compress(GOOD)[:-50], "ended before the end-of-stream"),
    "gzip damaged": ("train.gz", damaged(gzip.compress(GOOD)), "Error -3 while decompressing"),
    "bzip2 cut": ("train.bz2", bz2.compress(GOOD)[:-50], "ended before the end-of-stream"),
    "xz damaged": ("train.xz", damaged(lzma.compress(GOOD)), "Corrupt input data"),
    "zip": ("train.zip", zipped(GOOD), "is a zip archive; unpack it first"),
    "zstd": ("train.zst", b"\x28\xb5\x2f\xfd" + GOOD, "compressed by zstd; unpack it first"),
    "few lines": ("train.txt", text(CRITEO[:2]), "the log is too small"),
    "nothing": ("train.txt", b"", "No columns to parse"),
    "line feeds": ("train.txt", b"\n\n\n", "No columns to parse"),
    "one long line": ("train.txt", b"x" * 200_000, "fewer than the 40"),
    "Avazu without names": ("train.csv", text(CLICKS), "names a column '10000' where 'id' is expected"),
    "Avazu without clicks": ("test.csv", text([x.partition(",")[2] for x in [HEAD, *CLICKS]]), "fewer than the 24"),
    "Avazu in another order": ("train.csv", text([",".join(AVAZU.columns[::-1]), *CLICKS]), "'C21' where 'id'"),
    "Avazu in capitals": ("train.csv", text([HEAD.upper(), *CLICKS]), "names a column 'ID' where 'id' is expected"),
    "Avazu with a short line": ("train.csv", text([HEAD, *CLICKS[:30], "1,2", *CLICKS[30:]]), "line 32 has 2 columns"),
    "Avazu by semicolons": ("train.csv", CSV.replace(b",", b";"), "fewer than the 24"),
    "Avazu with an index": ("train.csv", text(["," + HEAD, *("1," + line for line in CLICKS)]), "25 columns where 24"),
    "Avazu of names alone": ("train.csv", text([HEAD]), "the log is too small"),
    "Avazu put together": ("train.csv", text([HEAD, *CLICKS[:20], HEAD, *CLICKS[20:]]), "other values than 0 and 1"),
}


@pytest.mark.parametrize("variant", REFUSED)
def test_a_log_that_cannot_be_read_is_refused(tmp_path, variant):
    name, content, fragment = REFUSED[variant]
    with pytest.raises(DatasetError) as caught:
        build(tmp_path, "avazu" if "Avazu" in variant else "criteo-kaggle", name, content)
    assert fragment in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "built").exists()


@pytest.mark.parametrize("size", [1, 2, 7, 100, 10**6])
def test_lines_are_counted_in_blocks_of_any_size(tmp_path, size):
    path = tmp_path / "log"
    path.write_bytes(b"a,b\n\n,\r\n\r\nc,d,e\n" * 9 + b"x,y")
    assert b"".join(parts_of(path, size)) == path.read_bytes()
    path.write_bytes(b"a,b\nc,d\ne\nf,g\n")
    with pytest.raises(ValueError, match="line 3 has 1 columns, fewer than the 2"):
        parts_of(path, size)


def parts_of(path, size):
    with CountedLines(path, ",", 2) as lines:
        return list(iter(lambda: lines.read(size), b""))
