"""A long search that is killed goes on; shards of several machines are merged to what one search finds."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench import datasets
from bench.datasets import DatasetError, GroundTruth, parts
from bench.datasets.__main__ import main
from bench.datasets.base import Dataset
from bench.datasets.exact import exact_search, search_rows
from bench.datasets.shards import merge_shards, search_shard, shards_folder
from bench.datasets.store import ArrayStore, Span
from methods import Metric

K = 12
KILLED_AFTER_TWO = """
import os, signal, sys
from bench import datasets
from bench.datasets import parts

parts._PART_FLOPS = 5e3
search, searched = parts.search_rows, []

def killed(*arguments):
    if len(searched) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    searched.append(arguments)
    return search(*arguments)

parts.search_rows = killed
datasets.ground_truth(datasets.load("path", base="base.npy", queries="queries.npy", metric=sys.argv[1]), 12)
"""


def vectors(kind, seed=0):
    """Base and queries: few values, so that many scores tie; or a common part that float32 rounds neighbors with."""
    rng = np.random.default_rng(seed)
    if kind == "ties":
        return tuple(rng.integers(-1, 2, (rows, 4)).astype(np.float32) for rows in (400, 9))
    base, queries = rng.standard_normal((400, 8), np.float32), rng.standard_normal((9, 8), np.float32)
    base[:, 0] = queries[:, 0] = 1_000
    return base, queries


def dataset(kind, metric=Metric.L2, checksum="c" * 64):
    base, queries = vectors(kind)
    return Dataset("made", Metric(metric), ArrayStore(base), queries, None, None, checksum)


def assert_equal(truth: GroundTruth, other: GroundTruth) -> None:
    np.testing.assert_array_equal(truth.ids, other.ids)
    np.testing.assert_array_equal(truth.scores, other.scores)


@pytest.fixture
def short_parts(monkeypatch):
    monkeypatch.setattr(parts, "_PART_FLOPS", 5e3)


@pytest.fixture
def searched(monkeypatch):
    """The rows that were searched."""
    spans = []

    def search(data, k, start, stop):
        spans.append((start, stop))
        return search_rows(data, k, start, stop)

    monkeypatch.setattr(parts, "search_rows", search)
    return spans


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("kind", ["ties", "close"])
def test_parts_have_the_neighbors_of_one_search(kind, metric, cache, short_parts, searched):
    data = dataset(kind, metric)
    assert_equal(datasets.ground_truth(data, K), exact_search(data, K))
    assert len(searched) > 5
    assert len(files(cache)) == 1  # the parts are gone


@pytest.mark.integration
def test_a_killed_search_goes_on_with_what_it_had(cache, tmp_path, monkeypatch, searched):
    monkeypatch.chdir(tmp_path)
    base, queries = vectors("close")
    np.save("base.npy", base)
    np.save("queries.npy", queries)
    environment = os.environ | {"PYTHONPATH": str(Path(parts.__file__).parents[2])}
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_AFTER_TWO, "l2"], env=environment, capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = [name for name in files(cache) if ".parts/" in name]
    assert len(left) == 2
    monkeypatch.setattr(parts, "_PART_FLOPS", 5e3)
    data = datasets.load("path", base="base.npy", queries="queries.npy", metric="l2")
    truth = datasets.ground_truth(data, K)
    assert searched
    assert not {f"{low}-{high}.npz" for low, high in searched} & {Path(name).name for name in left}
    assert_equal(truth, exact_search(data, K))
    assert not [name for name in files(cache) if ".parts/" in name]


def test_parts_of_an_interrupted_search_that_were_altered_are_made_anew(cache, short_parts, monkeypatch):
    data = dataset("ties")

    def interrupted(data, k, start, stop):
        if start > 200:
            raise KeyboardInterrupt
        return search_rows(data, k, start, stop)

    with monkeypatch.context() as patch:
        patch.setattr(parts, "search_rows", interrupted)
        with pytest.raises(KeyboardInterrupt):
            datasets.ground_truth(data, K)
    kept = list(cache.rglob("*.parts/*.npz"))
    assert len(kept) > 2
    about, part = parts.read_part(kept[0])
    kept[0].write_bytes(kept[0].read_bytes()[:-100])
    part.scores[:] = 0  # as sound a file as any, but its checksum is that of others
    text = np.load(kept[1])
    np.savez(kept[1], about=text["about"], scores=text["scores"] * 0, ids=text["ids"], sha256=text["sha256"])
    assert_equal(datasets.ground_truth(data, K), exact_search(data, K))
    assert about.k == K


@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("kind", ["ties", "close"])
@pytest.mark.parametrize("count", [1, 3, 60])
def test_merged_shards_have_the_neighbors_of_one_search(kind, metric, count, cache, tmp_path):
    data = dataset(kind, metric)
    for number in range(1, count + 1):  # 60: fewer rows in a shard than neighbors
        search_shard(data, K, f"{number}/{count}", tmp_path / "shards")
    assert_equal(merge_shards(data, tmp_path / "shards"), exact_search(data, K))
    assert_equal(datasets.ground_truth(data, K), exact_search(data, K))


def test_rows_without_a_score_in_float32_are_one_shard_of_others(tmp_path):
    base, queries = vectors("close")
    base[:200] *= np.float32(1e-42)
    data = Dataset("made", Metric.IP, ArrayStore(base), queries, None, None, "f" * 64)
    for shard in ("1/2", "2/2"):
        search_shard(data, K, shard, tmp_path / "shards")
    assert_equal(merge_shards(data, tmp_path / "shards"), exact_search(data, K))


def test_a_shard_that_is_there_is_not_searched_again(tmp_path, searched):
    path = search_shard(dataset("ties"), K, "2/3", tmp_path)
    assert path.name == "shard-2-of-3.npz"
    search_shard(dataset("ties"), K, "2/3", tmp_path)
    assert searched == [(133, 266)]
    search_shard(dataset("ties"), K + 1, "2/3", tmp_path)
    assert len(searched) == 2


def test_a_killed_shard_goes_on(tmp_path, short_parts, monkeypatch, cache):
    data = dataset("close")

    def interrupted(data, k, start, stop):
        if start > 250:
            raise KeyboardInterrupt
        spans.append(start)
        return search_rows(data, k, start, stop)

    spans: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(parts, "search_rows", interrupted)
        with pytest.raises(KeyboardInterrupt):
            search_shard(data, K, "2/2", tmp_path)
    assert spans
    first = set(spans)
    spans.clear()
    monkeypatch.setattr(parts, "search_rows", lambda *a: (spans.append(a[2]), search_rows(*a))[1])
    search_shard(data, K, "2/2", tmp_path)
    assert spans
    assert not first & set(spans)
    assert not files(cache)


@pytest.mark.parametrize("shard", ["17/16", "0/16", "3", "3/x", "1/401"])
def test_a_shard_that_cannot_be_is_refused(tmp_path, shard):
    with pytest.raises(DatasetError, match=f"--shard {shard}"):
        search_shard(dataset("ties"), K, shard, tmp_path)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("missing", r"lacks shard 2/3; compute it by python -m bench.datasets truth made --shard I/N"),
        ("none", "has no shards"),
        ("cut", r"shard-2-of-3.npz is no file of neighbors, or was altered; compute it again: .* --shard 2/3"),
        ("altered", r"shard-2-of-3.npz was altered: its checksum"),
        ("renamed", r"shard-2-of-3.npz is of start = 266, not 133"),
        ("other data", r"shard-2-of-3.npz is of a data set of checksum dddddddddddd, not cccccccccccc"),
        ("other metric", r"shard-2-of-3.npz is of metric ip, not l2"),
        ("other k", r"shard-2-of-3.npz is of k = 13, not 12"),
        ("other count", r"has shards of 3 and of 4"),
    ],
)
def test_shards_that_do_not_fit_are_named(tmp_path, fault, message):
    data = dataset("ties")
    one, two, three = (search_shard(data, K, f"{number}/3", tmp_path) for number in (1, 2, 3))
    if fault == "missing":
        two.unlink()
    elif fault == "none":
        for path in (one, two, three):
            path.unlink()
    elif fault == "cut":
        two.write_bytes(two.read_bytes()[:-50])
    elif fault == "altered":
        arrays = dict(np.load(two))
        np.savez(two, **{**arrays, "ids": arrays["ids"][:, ::-1]})
    elif fault == "renamed":
        two.write_bytes(three.read_bytes())
    elif fault == "other data":
        search_shard(dataset("ties", checksum="d" * 64), K, "2/3", tmp_path)
    elif fault == "other metric":
        search_shard(dataset("ties", Metric.IP), K, "2/3", tmp_path)
    elif fault == "other k":
        search_shard(data, K + 1, "2/3", tmp_path)
    else:
        search_shard(data, K, "2/4", tmp_path)
    with pytest.raises(DatasetError, match=message):
        merge_shards(data, tmp_path)


def test_the_command_line_finds_shards_and_merges_them(capsys, cache):
    name, option = "squad-sentences-mini", "max_base=900"
    for shard in ("1/2", "2/2"):
        assert main(["truth", name, "--shard", shard, "--k", "20", option]) == 0
    data = datasets.load(name, max_base=900)
    assert len(list(shards_folder(data).iterdir())) == 2
    assert main(["merge", name, option]) == 0
    assert "20 neighbors of 1,000 queries among 900 vectors" in capsys.readouterr().out
    assert not shards_folder(data).exists()
    assert_equal(datasets.ground_truth(data, 20), exact_search(data, 20))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["truth", "squad-sentences-mini", "--shard", "17/16"], "--shard 17/16 is out of range"),
        (["truth", "squad-sentences-mini", "--k", "0"], "--k 0 is not a number of neighbors"),
        (["truth", "squad-sentences-mini", "--to", "x"], "without --shard"),
        (["truth", "squad-tokens-mini"], "holds no single vectors"),
        (["merge", "squad-sentences-mini", "--from", "nowhere"], "nowhere has no shards"),
        (["merge", "squad-sentences-mini", "--from", "nowhere", "--k"], "unrecognized arguments: --k"),
        (["truth", "squad-sentences-mini", "--k", "5", "max_base"], "unrecognized arguments: max_base"),
    ],
)
def test_bad_input_is_one_line(capsys, arguments, message):
    assert main(arguments) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1


def test_a_span_is_rows_of_its_store():
    array = np.arange(40, dtype=np.float32).reshape(10, 4)
    span = Span(ArrayStore(array), 3, 99)
    assert span.shape == (7, 4)
    np.testing.assert_array_equal(span.read(2, 50), array[5:])
    np.testing.assert_array_equal(Span(ArrayStore(array), 3, 6).read(1, 50), array[4:6])
    np.testing.assert_array_equal(span.take(np.array([6, 0])), array[[9, 3]])
    with pytest.raises(IndexError):
        span.take(np.array([7]))
