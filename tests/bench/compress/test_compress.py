"""Codes of files: whole, resumed, appended to, checked; every wrong word is one line."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import methods
from bench.compress import __main__ as command
from bench.compress import encoding, source
from bench.compress.check import check
from bench.compress.job import Request, append, compress
from bench.errors import UsageError
from bench.measure.decoding_error import decoding_error

OUTPUTS = ("corpus.codec", "codes.npy", "ids.npy", "SHA256SUMS")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Files of a few blocks."""
    for module in (source, encoding):
        monkeypatch.setattr(module, "BLOCK", 100)


def vectors_of(count, dim=16, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    centers = rng.standard_normal((8, dim)).astype(np.float32)
    return scale * (centers[rng.integers(8, size=count)] + 0.5 * rng.standard_normal((count, dim), np.float32))


@pytest.fixture
def npy(tmp_path):
    np.save(tmp_path / "my.npy", vectors_of(730))
    return tmp_path / "my.npy"


def parquet(path, vectors, ids=None, rows=1 << 20):
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    table = {"vector": column} | ({} if ids is None else {"id": pa.array(ids)})
    pq.write_table(pa.table(table), path, row_group_size=rows)
    return path


def run(*words):
    """Exit status of the command."""
    before, sys.argv = sys.argv, ["bench.compress", *map(str, words)]
    try:
        command.main()
    except SystemExit as end:
        return end.code
    finally:
        sys.argv = before


def contents(folder):
    return {name: (folder / name).read_bytes() for name in OUTPUTS if (folder / name).exists()}


def test_codes_are_those_of_the_fitted_codec(npy, tmp_path):
    done = compress(Request(str(npy), str(tmp_path / "out"), "int8", "4x", train=300))
    vectors = np.load(npy)
    rows = np.sort(np.random.default_rng(0).choice(730, 300, replace=False))
    codec = methods.create("int8", 16, "4x", "cosine").fit(vectors[rows], 0)
    np.testing.assert_array_equal(np.load(tmp_path / "out/codes.npy"), codec.encode(vectors))
    assert methods.load(tmp_path / "out/corpus.codec").metric == "cosine"
    assert done.corpus.head["work"] is None
    assert sorted(os.listdir(tmp_path / "out")) == ["SHA256SUMS", "codes.npy", "corpus.codec", "corpus.json"]
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=tmp_path / "out", check=True)


@pytest.mark.thorough
@pytest.mark.parametrize("rows", [37, 100, 1 << 20])
def test_every_size_of_row_groups_gives_equal_codes(npy, tmp_path, rows):
    ids = [f"item {i}" + "é" * (i % 3) for i in range(730)]
    file = parquet(tmp_path / "my.parquet", np.load(npy), ids, rows)
    compress(Request(str(npy), str(tmp_path / "a"), "pq", "16x", params={"bits": 4}, train=400))
    compress(Request(str(file), str(tmp_path / "b"), "pq", "16x", params={"bits": 4}, train=400, ids="id"))
    a, b = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert a["codes.npy"] == b["codes.npy"]
    assert a["corpus.codec"] == b["corpus.codec"]
    assert [one.decode() for one in np.load(tmp_path / "b/ids.npy")] == ids


def test_a_large_row_group_is_not_decoded_whole(npy, tmp_path, monkeypatch):
    from bench.datasets.formats import parquet as reader

    monkeypatch.setattr(reader, "_LARGE_GROUP", 500)
    monkeypatch.setattr(reader.ParquetStore, "_decode", lambda *_: pytest.fail("a whole row group was decoded"))
    file = parquet(tmp_path / "my.parquet", np.load(npy))
    compress(Request(str(file), str(tmp_path / "out"), "int8", "4x", train=300))
    assert np.load(tmp_path / "out/codes.npy").shape == (730, 16)


def test_a_stream_of_a_large_row_group_takes_little_memory(tmp_path):
    vectors = np.random.default_rng(0).standard_normal((200_000, 64), np.float32)  # 51 MB
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), 64)
    table = pa.table({"vector": column})
    pq.write_table(table, tmp_path / "my.parquet", row_group_size=1 << 20, use_dictionary=False, compression="none")
    del table, column
    before, most = pa.total_allocated_bytes(), 0
    for first, block in source.open_source(str(tmp_path / "my.parquet")).store.stream(30_000, 1000):
        np.testing.assert_array_equal(block, vectors[first : first + 1000])
        most = max(most, pa.total_allocated_bytes() - before)
    assert first == 199_000
    assert most < vectors.nbytes / 3


@pytest.mark.parametrize("at", [0, 1, 4, 7])
def test_interrupted_work_goes_on_to_equal_bytes(npy, tmp_path, monkeypatch, at):
    monkeypatch.setattr(encoding, "_NOTED_S", 0.0)
    request = Request(str(npy), str(tmp_path / "out"), "rabitq", "4x", train=200)
    compress(Request(**{**vars(request), "out": str(tmp_path / "once")}))
    read, encoded = source.Source.blocks, []

    def stopping(self, start=0):
        for number, (first, block) in enumerate(read(self, start)):
            if number == at and not encoded:
                raise KeyboardInterrupt
            yield first, block

    monkeypatch.setattr(source.Source, "blocks", stopping)
    with pytest.raises(KeyboardInterrupt):
        compress(request)
    assert not (tmp_path / "out/codes.npy").exists()
    starts = []
    monkeypatch.setattr(source.Source, "blocks", lambda self, start=0: starts.append(start) or read(self, start))
    fit = methods.get("rabitq").fit
    monkeypatch.setattr(methods.get("rabitq"), "fit", lambda *a: pytest.fail("fitted again"))
    compress(request)
    monkeypatch.setattr(methods.get("rabitq"), "fit", fit)
    assert starts == [100 * at]
    assert contents(tmp_path / "out") == contents(tmp_path / "once")
    assert compress(request).nothing_new


@pytest.mark.integration
def test_a_killed_process_leaves_what_can_go_on(tmp_path):
    np.save(tmp_path / "my.npy", vectors_of(150_000, 8))
    words = [sys.executable, "-m", "bench.compress", "my.npy", "--method", "int4", "--budget", "8x", "--out"]
    process = subprocess.Popen([*words, "out"], cwd=tmp_path)
    while process.poll() is None and not (tmp_path / "out/codes.npy.part").exists():
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "out/codes.npy").exists()
    for out in ("out", "once"):
        subprocess.run([*words, out], cwd=tmp_path, check=True, capture_output=True)
    assert contents(tmp_path / "out") == contents(tmp_path / "once")


def test_another_file_or_option_is_refused_on_resume(npy, tmp_path):
    request = Request(str(npy), str(tmp_path / "out"), "int8", "4x", train=300)
    compress(request)
    with pytest.raises(UsageError, match="begun with budget 4x, and this is budget 3x"):
        compress(Request(str(npy), str(tmp_path / "out"), "int8", "3x", train=300))
    os.utime(npy, ns=(1, 1))
    with pytest.raises(UsageError, match="its time of change is another"):
        compress(request)
    np.save(npy, vectors_of(730, seed=5))
    with pytest.raises(UsageError, match="its first vectors is another"):
        compress(request)


@pytest.mark.thorough
def test_appended_codes_stand_behind_the_earlier_ones(npy, tmp_path, capsys):
    out, new = tmp_path / "out", tmp_path / "new.npy"
    np.save(new, vectors_of(250)[:, ::-1] * 3)
    assert run(npy, "--method", "pq", "--budget", "16x", "--metric", "l2", "--train", 300, "--out", out, "bits=4") == 0
    before = np.load(out / "codes.npy")
    assert run(new, "--append", "--out", out) == 0
    text = capsys.readouterr()
    codes, codec = np.load(out / "codes.npy"), methods.load(out / "corpus.codec")
    np.testing.assert_array_equal(codes, np.concatenate([before, codec.encode(np.load(new))]))
    assert "times that of the first ones" in text.out
    assert "warning: that is more than 1.5" in text.err
    assert json.loads((out / "corpus.json").read_text())["inputs"][1]["error_ratio"] > 5
    assert append(str(new), str(out)).nothing_new
    assert check(str(out), [str(npy), str(new)]).rows == 980


def test_vectors_of_the_same_kind_are_no_warning(tmp_path):
    vectors, out = np.random.default_rng(0).standard_normal((3_000, 16), np.float32), str(tmp_path / "out")
    for name, part in (("first", vectors[:1_000]), ("new", vectors[1_000:])):
        np.save(tmp_path / f"{name}.npy", part)
    compress(Request(str(tmp_path / "first.npy"), out, "pq", "16x", metric="l2"))
    codec = methods.load(f"{out}/corpus.codec")
    by_heart, others = decoding_error(codec, vectors[:1_000]), decoding_error(codec, vectors[1_000:])
    assert others > 1.25 * by_heart  # what a comparison with training vectors would say
    assert 0.85 < append(str(tmp_path / "new.npy"), out).ratio < 1.15


def test_check_draws_no_query_that_was_trained_on_whatever_was_kept_then(tmp_path):
    file, out = str(tmp_path / "first.npy"), tmp_path / "out"
    np.save(file, np.random.default_rng(0).standard_normal((1_000, 16), np.float32))
    compress(Request(file, str(out), "pq", "16x", metric="l2"))
    head = json.loads((out / "corpus.json").read_text())
    assert head["trained"] == 900
    assert check(str(out), [file], count=100).trained == 0
    del head["trained"]  # of a version that kept none
    (out / "corpus.json").write_text(json.dumps(head))
    assert check(str(out), [file], count=100).trained == 100


def test_like_vectors_are_appended_without_a_warning(npy, tmp_path, capsys):
    np.save(npy, vectors_of(3000)[:2000])
    np.save(tmp_path / "more.npy", vectors_of(3000)[2000:])
    assert run(npy, "--method", "pq", "--budget", "16x", "--train", 300, "--out", tmp_path / "out") == 0
    assert run(tmp_path / "more.npy", "--append", "--out", tmp_path / "out") == 0
    assert "warning" not in capsys.readouterr().err  # though a codec of 256 centroids knows 300 vectors by heart


def test_an_interrupted_append_goes_on_to_equal_bytes(npy, tmp_path, monkeypatch):
    monkeypatch.setattr(encoding, "_NOTED_S", 0.0)
    first = parquet(tmp_path / "first.parquet", np.load(npy), np.arange(730))
    new = parquet(tmp_path / "new.parquet", vectors_of(250, seed=3), np.arange(250) + 1000)
    for out in ("out", "once"):
        compress(Request(str(first), str(tmp_path / out), "itq", "32x", train=300, ids="id"))
    append(str(new), str(tmp_path / "once"))
    read = source.Source.blocks

    def stopping(self, start=0):
        for first, block in read(self, start):
            if first == 200:
                raise KeyboardInterrupt
            yield first, block

    monkeypatch.setattr(source.Source, "blocks", stopping)
    with pytest.raises(KeyboardInterrupt):
        append(str(new), str(tmp_path / "out"))
    assert len(np.load(tmp_path / "out/codes.npy")) == 730
    with pytest.raises(UsageError, match=r"not finished; start the command that encodes new.parquet again"):
        check(str(tmp_path / "out"), [str(first)])
    monkeypatch.setattr(source.Source, "blocks", read)
    assert append(str(new), str(tmp_path / "out")).ratio is None  # bits do not decode
    assert contents(tmp_path / "out") == contents(tmp_path / "once")
    np.testing.assert_array_equal(np.load(tmp_path / "out/ids.npy"), [*range(730), *range(1000, 1250)])


def test_check_finds_all_in_exact_codes_and_less_in_short_ones(npy, tmp_path):
    recalls = {}
    for method, budget in (("float32", "1x"), ("sign", "32x")):
        out = str(tmp_path / method)
        compress(Request(str(npy), out, method, budget, train=300))
        checked = check(out, [str(npy)], count=200)
        recalls[method] = checked.recall.value
        assert (checked.queries, checked.own, checked.trained, checked.k) == (200, True, 0, 10)
    assert recalls["float32"] == 1.0
    assert 0.1 < recalls["sign"] < 0.9


def test_check_takes_queries_and_refuses_other_vectors(npy, tmp_path, capsys):
    out, queries = tmp_path / "out", tmp_path / "queries.npy"
    np.save(queries, vectors_of(40, seed=0))
    assert run(npy, "--method", "int8", "--budget", "4x", "--out", out) == 0
    assert run("check", out, npy, "--queries", queries, "--json") == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (answer["queries"], answer["code_bytes"], answer["vectors"]) == (40, 16, 730)
    assert answer["recall_low"] <= answer["recall"] <= answer["recall_high"]
    assert run("check", out, npy, "--min-recall", 1) == 1
    assert "were trained on" in capsys.readouterr().out
    assert run("check", out, queries) == 2
    codes = bytearray((out / "codes.npy").read_bytes())
    codes[-1] ^= 1
    (out / "codes.npy").write_bytes(codes)
    assert run("check", out, npy) == 2
    assert "codes.npy was altered" in capsys.readouterr().err


def test_duplicates_do_not_hide_a_query_from_itself(tmp_path):
    np.save(tmp_path / "my.npy", np.repeat(vectors_of(20), 30, axis=0))
    compress(Request(str(tmp_path / "my.npy"), str(tmp_path / "out"), "float32", "1x"))
    assert check(str(tmp_path / "out"), [str(tmp_path / "my.npy")]).recall.value == 1.0


def test_rows_that_are_not_finite_are_named_by_their_number(tmp_path):
    vectors = vectors_of(730)
    vectors[555, 3] = np.nan
    np.save(tmp_path / "my.npy", vectors)
    with pytest.raises(UsageError, match=r"infinity .* in row 555;"):
        compress(Request(str(tmp_path / "my.npy"), str(tmp_path / "out"), "int8", "4x", train=10))


NEW = ("--method", "int8", "--budget", "4x", "--out", "OUT")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "are required: --out"),
        (("none.npy", *NEW), "none.npy does not exist"),
        (("FILE", "--out", "OUT", "--budget", "4x"), "--method is missing"),
        (("FILE", "--out", "OUT", "--method", "int8"), "--budget is missing"),
        (("FILE", "--method", "int8", "--budget", "4x"), "required: --out"),
        (("FILE", *NEW, "--method", "pqq"), "did you mean pq"),
        (("FILE", *NEW, "--method", "muvera"), "track"),
        (("FILE", *NEW, "--budget", "lots"), "is not a budget"),
        (("FILE", *NEW, "--budget", "64x"), "smallest code is 16 B"),
        (("FILE", *NEW, "--metric", "l3"), "use one of ip, cosine, l2"),
        (("FILE", *NEW, "--train", "0"), "--train 0 is out of range"),
        (("FILE", *NEW, "--train", "some"), "invalid int value"),
        (("FILE", *NEW, "--seed", "-1"), "--seed -1 is out of range"),
        (("FILE", *NEW, "bits=4"), "no parameter 'bits'"),
        (("FILE", *NEW, "bits"), "write NAME=VALUE"),
        (("FILE", *NEW, "metric=l2"), "metric= is no parameter of a method"),
        (("FILE", *NEW, "dim=8"), "dim= is no parameter of a method"),
        (("FILE", *NEW, "--ids", "id"), "has no columns"),
        (("FILE", *NEW, "--column", "v"), "has no columns; --column v"),
        (("FILE", *NEW, "--out", "FULL"), "is not empty and no corpus"),
        (("FILE", *NEW, "--out", "FILE"), "is a file; name a folder"),
        (("FILE", "--append", "--out", "OUT"), "no finished codes to append to"),
        (("FILE", "--append", *NEW), "--append takes no method"),
        (("check", "OUT", "FILE"), "holds no codes"),
        (("check", "OUT", "FILE", "--count", "0"), "--count 0 is out of range"),
        (("check", "OUT", "FILE", "--min-recall", "7"), "--min-recall 7 is out of range"),
        (("check", "FULL", "FILE"), "is not empty and no corpus"),
    ],
)
def test_wrong_words_end_in_one_line_and_leave_nothing(npy, tmp_path, capsys, words, reason):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.tex").touch()
    places = {"FILE": str(npy), "OUT": str(tmp_path / "out"), "FULL": str(tmp_path / "full")}
    assert run(*[places.get(word, word) for word in words]) == 2
    error = capsys.readouterr().err
    assert reason in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()
    assert os.listdir(tmp_path / "full") == ["thesis.tex"]


def test_a_disk_without_room_is_refused_before_work(npy, tmp_path, monkeypatch):
    full = os.statvfs_result((4096, 4096, 10, 1, 0, 10, 10, 10, 0, 255))
    monkeypatch.setattr(encoding.os, "statvfs", lambda _: full)
    with pytest.raises(UsageError, match=r"0\.00 GB of room, and the codes take 0\.00 GB"):
        compress(Request(str(npy), str(tmp_path / "out"), "int8", "4x"))
    assert not (tmp_path / "out").exists()


def test_two_processes_do_not_write_into_one_folder(npy, tmp_path):
    from bench.compress.corpus import only_writer

    with only_writer(tmp_path / "out"), pytest.raises(UsageError, match="another process writes into"):
        compress(Request(str(npy), str(tmp_path / "out"), "int8", "4x"))
