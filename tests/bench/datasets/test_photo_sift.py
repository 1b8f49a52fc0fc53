"""``photo-sift``: photographs out of packages, rows shuffled on disk, builds that resume, and what OpenCV describes."""

import hashlib
import importlib.util
import json

import numpy as np
import pytest

from bench import datasets
from bench.datasets import DatasetError, builders
from bench.datasets.__main__ import main
from bench.datasets.builders import debian, fetch, photo_sift, photographs, shuffle, sift
from bench.datasets.cache import cache_dir
from bench.datasets.formats import open_vectors

from .conftest import write_deb

needs_opencv = pytest.mark.skipif(importlib.util.find_spec("cv2") is None, reason="opencv-python-headless is absent")
BASE, QUERIES = ("lake", "wood", "sea"), ("hill", "dog")


def rows_of(name, kind, count):
    """Descriptors that no other photograph or kind has."""
    seed = int.from_bytes(hashlib.sha256(f"{name} {kind}".encode()).digest()[:4])
    return np.random.default_rng(seed).integers(0, 256, (count, sift.DIM), np.uint8)


def made(names, kind, count):
    return np.concatenate([rows_of(name, kind, count) for name in names])


def sorted_rows(rows):
    return rows[np.lexsort(rows.T)]


@pytest.fixture
def described(monkeypatch):
    """SIFT without OpenCV: a photograph is its own name, with 20 keypoints and 100 points of grids; what was asked."""
    calls = []

    def describe(kind, count):
        def describer(name):
            calls.append((name, kind))
            return rows_of(name, kind, count)

        return describer

    monkeypatch.setattr(sift, "load_opencv", lambda: None)
    monkeypatch.setattr(sift, "decoded", bytes.decode)
    monkeypatch.setattr(sift, "keypoints", describe("keypoints", 20))
    monkeypatch.setattr(sift, "grids", describe("grids", 100))
    monkeypatch.setattr(shuffle, "BLOCK_ROWS", 37)
    monkeypatch.setattr(photo_sift, "QUERIES", 30)
    return calls


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """A folder of two packages that hold three photographs for the base, two for queries, and a link to one."""
    folder, collections = tmp_path / "packages", []
    folder.mkdir()
    for number, (base, queries) in enumerate(((BASE[:2], QUERIES[:1]), (BASE[2:], QUERIES[1:]))):
        files = {f"./{name}.jpg": name.encode() for name in (*base, *queries)}
        path = write_deb(folder / f"{number}.deb", {"./copy.jpg": "lake.jpg", **files, "./drawing.jpg": b"drawing"})
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        archive = fetch.Archive(f"p{number}", "1", digest, path.name, fetch.apt_download)
        collections.append(photographs.Collection(archive, "./{}.jpg", base, queries, "CC0"))
    monkeypatch.setattr(photographs, "COLLECTIONS", tuple(collections))
    return folder


def test_rows_of_files_are_gathered_in_the_given_order(tmp_path, monkeypatch):
    monkeypatch.setattr(shuffle, "BLOCK_ROWS", 7)
    arrays = [rows_of(name, "", count) for name, count in (("a", 5), ("b", 0), ("c", 30))]
    files = [tmp_path / f"{number}.npy" for number in range(3)]
    for file, array in zip(files, arrays):
        np.save(file, array)
    order = np.random.default_rng(0).permutation(35)[:24]
    blocks = list(shuffle.gathered(files, [len(array) for array in arrays], order))
    assert [len(block) for block in blocks] == [7, 7, 7, 3]
    np.testing.assert_array_equal(np.concatenate(blocks), np.concatenate(arrays)[order])


@pytest.mark.parametrize(("rows", "kept", "others"), [(30, 10, 20), (500, 10, 90), (6, 6, 0)])
def test_all_of_the_first_and_a_choice_of_others_are_shuffled(rows, kept, others):
    order = shuffle.shuffled(10, 90, rows, seed=0)
    assert ((order < 10).sum(), (order >= 10).sum()) == (kept, others)
    assert len(np.unique(order)) == len(order)
    assert order.max() < 100
    assert (np.diff(order) < 0).any()
    np.testing.assert_array_equal(order, shuffle.shuffled(10, 90, rows, seed=0))
    assert not np.array_equal(order, shuffle.shuffled(10, 90, rows, seed=1))


def test_every_slice_of_the_order_has_its_share_of_each_kind():
    order = shuffle.shuffled(2_000, 8_000, 10_000, seed=0)
    shares = (order.reshape(10, 1_000) < 2_000).mean(axis=1)
    assert np.abs(shares - 0.2).max() < 0.06


def test_base_and_queries_are_of_different_photographs(described, packages, tmp_path):
    target = builders.build("photo-sift", packages, tmp_path / "built")
    base, queries = (open_vectors(target / f"{part}.u8bin") for part in ("base", "queries"))
    assert (base.shape, queries.shape) == ((360, 128), (30, 128))
    wanted = np.concatenate([made(BASE, "keypoints", 20), made(BASE, "grids", 100)])
    np.testing.assert_array_equal(sorted_rows(base.read(0, 360)), sorted_rows(wanted))
    of_queries = {row.tobytes() for row in made(QUERIES, "keypoints", 20)}
    assert {row.astype(np.uint8).tobytes() for row in queries.read(0, 30)} < of_queries
    assert {name for name, kind in described if kind == "grids"} == set(BASE)


def test_the_card_counts_kinds_and_repeats(described, packages, tmp_path, monkeypatch):
    monkeypatch.setattr(photo_sift, "ROWS", 200)
    monkeypatch.setattr(sift, "grids", lambda name: np.zeros((100, sift.DIM), np.uint8))
    card = json.loads((builders.build("photo-sift", packages, tmp_path / "built") / "card.json").read_text())
    assert (card["keypoints_in_base"], card["grids_in_base"]) == (60, 140)
    assert card["repeats"].startswith("140 vectors of the base equal another (70.000%); 0 queries")
    assert "hill, dog" in card["queries"]


def test_a_query_that_the_base_holds_is_counted(described, packages, tmp_path, monkeypatch):
    monkeypatch.setattr(sift, "keypoints", lambda name: np.full((20, sift.DIM), len(name), np.uint8))
    card = json.loads((builders.build("photo-sift", packages, tmp_path / "built") / "card.json").read_text())
    # Of the queries, "hill" has as many letters as "lake" and "dog" as "sea".
    assert "30 queries equal one of the base (100.000%)" in card["repeats"]


def test_a_build_resumes_photograph_by_photograph(described, packages, tmp_path, monkeypatch, capsys):
    grids, work = sift.grids, cache_dir() / "encoded"

    def stopped(name):
        if name == "sea":
            raise KeyboardInterrupt
        return grids(name)

    monkeypatch.setattr(sift, "grids", stopped)
    assert main(["build", "photo-sift", "--from", str(packages)]) == 130
    assert not builders.is_built("photo-sift")
    done = set(described)
    assert ("lake", "grids") in done
    (damaged,) = work.glob("*/wood.keypoints.npy")
    damaged.write_bytes(damaged.read_bytes()[:-1])

    described.clear()
    monkeypatch.setattr(sift, "grids", grids)
    assert main(["build", "photo-sift", "--from", str(packages)]) == 0
    assert ("wood", "keypoints") in described
    assert set(described) & done == {("wood", "keypoints")}
    assert list(work.iterdir()) == []
    assert "5/5: dog" in capsys.readouterr().err
    whole = builders.build("photo-sift", packages, tmp_path / "whole")
    for name in ("base.u8bin", "queries.u8bin", "card.json"):
        assert (builders.folder_of("photo-sift") / name).read_bytes() == (whole / name).read_bytes()


def test_what_was_built_is_loaded_and_cut_to_size(described, packages):
    builders.build("photo-sift", packages)
    data = datasets.load("photo-sift", max_base=100, max_queries=10)
    assert (data.base.shape, data.queries.shape, str(data.metric)) == ((100, 128), (10, 128), "l2")
    assert data.checksum == datasets.load("photo-sift", max_base=100, max_queries=10).checksum


def test_files_are_read_out_of_a_package_and_links_are_not(tmp_path):
    package = write_deb(tmp_path / "p.deb", {"./a": b"one", "./link": "a", "./b": b"two"})
    assert list(debian.regular_files(package, ["./b", "./a"])) == [("./a", b"one"), ("./b", b"two")]
    with pytest.raises(DatasetError, match=r"no regular file \./link"):
        list(debian.regular_files(package, ["./a", "./link"]))


def test_packages_of_a_folder_are_checked(packages):
    assert [path.name for path in photographs.packages(packages)] == ["0.deb", "1.deb"]
    (packages / "1.deb").write_bytes(b"other")
    with pytest.raises(DatasetError, match="pinned"):
        photographs.packages(packages)


def test_photographs_are_listed_once_and_none_for_base_and_queries():
    names = [name for collection in photographs.COLLECTIONS for name in (*collection.base, *collection.queries)]
    assert len(set(names)) == len(names) > 30


def test_without_opencv_one_line_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["build", "photo-sift"]) == 2
    printed = capsys.readouterr().err
    assert "pip install 'vector-compression-bench[photos]'" in printed
    assert printed.count("\n") == 1


@pytest.fixture
def picture():
    """(300, 400) uint8: noise of several scales on the left, one gray on the right."""
    cv2 = sift.load_opencv()
    rng = np.random.default_rng(0)
    noise = sum(cv2.resize(rng.random((300 // k, 250 // k)), (250, 300)) for k in (2, 5, 15)) / 3
    return np.hstack([(255 * noise).astype(np.uint8), np.full((300, 150), 130, np.uint8)])


@needs_opencv
def test_descriptors_are_whole_numbers_of_one_norm(picture):
    for descriptors in (sift.keypoints(picture), sift.grids(picture)):
        assert (descriptors.dtype, descriptors.shape[1]) == (np.uint8, 128)
        assert len(descriptors) > 300
        # Norm 512, but for what rounding and the cut at 255 change.
        assert np.abs(np.linalg.norm(descriptors.astype(float), axis=1) - 512).max() < 30


@needs_opencv
def test_grids_leave_out_the_border_and_flat_patches(picture):
    for scale in range(sift.SCALES):
        points = sift.grid(picture, sift.size_of(scale))
        margin, half = 5.3 * sift.size_of(scale), 3 * sift.size_of(scale)
        assert points.min() > margin
        assert (points[:, 0] < 250 + half).all()
        assert (points[:, 1] < 300 - margin).all()
        assert (np.diff(np.unique(points[:, 0])) == sift.STEP).all()
    assert len(sift.grids(np.full((300, 400), 7, np.uint8))) == 0
    assert len(sift.grids(picture[:30, :30])) == 0


@needs_opencv
def test_grid_descriptors_do_not_depend_on_other_scales(picture, monkeypatch):
    every = sift.grids(picture)
    monkeypatch.setattr(sift, "SCALES", 1)
    one = sift.grids(picture)
    np.testing.assert_array_equal(every[: len(one)], one)


@needs_opencv
def test_a_picture_is_decoded_to_gray_and_reduced(picture, monkeypatch):
    cv2 = sift.load_opencv()
    content = cv2.imencode(".png", picture)[1].tobytes()
    np.testing.assert_array_equal(sift.decoded(content), picture)
    monkeypatch.setattr(sift, "MOST_PIXELS", 30_000)
    assert sift.decoded(content).shape == (150, 200)
    with pytest.raises(DatasetError, match="cannot read a picture"):
        sift.decoded(b"noise")


@needs_opencv
def test_another_version_of_opencv_is_refused(monkeypatch):
    monkeypatch.setattr(sift, "VERSION", "4.0.0")
    with pytest.raises(DatasetError, match=r"made by 4\.0\.0; pip install"):
        sift.load_opencv()
