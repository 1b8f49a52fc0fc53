"""The metric: other tools' names for it, what a file says, what the caller says, and neighbors that came along."""

import h5py
import numpy as np
import pytest

from bench import datasets
from bench.datasets import DatasetError
from bench.datasets.distances import known_metric, parse_metric
from bench.errors import UsageError
from bench.recommend.question import Question
from methods import Metric

from .conftest import write_hdf5

BASE = np.random.default_rng(0).standard_normal((80, 4)).astype(np.float32)
QUERIES = np.random.default_rng(1).standard_normal((9, 4)).astype(np.float32)

NAMES = {
    Metric.IP: (
        "ip IP dot Dot DOT dot_product dotProduct dotproduct DOT_PRODUCT_DISTANCE inner_product innerproduct "
        "InnerProduct inner-product METRIC_INNER_PRODUCT vector_ip_ops max_inner_product MAXIMUM_INNER_PRODUCT mips "
        "negative_inner_product negdotprod"
    ),
    Metric.COSINE: (
        "cosine Cosine COSINE cos angular Angular cosinesimil cosine_similarity cosine-distance COSINE_DISTANCE "
        "vector_cosine_ops normalized prenormalized-angular"
    ),
    Metric.L2: (
        "l2 L2 l2_norm l2-squared L2Squared l2sq squared_l2 SQUARED_L2_DISTANCE METRIC_L2 vector_l2_ops euclidean "
        "Euclidean Euclid euclidean_distance sqeuclidean squared_euclidean l2_distance"
    ),
}
OTHERS = ("l1", "manhattan", "hamming", "jaccard", "chebyshev", "correlation", "METRIC_L1", "distance", "geodegrees")


@pytest.mark.parametrize(("metric", "name"), [(m, name) for m, names in NAMES.items() for name in names.split()])
def test_names_of_other_tools_are_understood(tmp_path, metric, name):
    np.save(tmp_path / "v.npy", BASE)
    assert parse_metric(name) is metric
    assert datasets.load("path", base=str(tmp_path / "v.npy"), metric=name).metric is metric
    file = str(write_hdf5(tmp_path / "v.hdf5", BASE, QUERIES, distance=name))
    assert datasets.load("path", base=file).metric is metric
    Question(data="v.npy", budget="8x", metric=name)


@pytest.mark.parametrize("name", [*OTHERS, ""])
def test_other_distances_are_refused_in_one_line(tmp_path, name):
    assert known_metric(name) is None
    with pytest.raises(DatasetError, match=r"is unknown; use one of ip, cosine, l2 \(also dot,") as caught:
        parse_metric(name)
    assert "\n" not in str(caught.value)
    with pytest.raises(UsageError, match="use one of ip, cosine, l2"):
        Question(data="v.npy", budget="8x", metric=name)


@pytest.mark.parametrize("said", ["jaccard", "angular", None])
@pytest.mark.parametrize("metric", ["l2", "euclidean", "dot"])
def test_the_callers_metric_wins_over_the_files(tmp_path, said, metric):
    file = str(write_hdf5(tmp_path / "v.hdf5", BASE, QUERIES, nearest("cosine"), said))
    found = datasets.load("path", base=file, metric=metric)
    assert found.metric is known_metric(metric)
    assert found.neighbors is None
    datasets.ground_truth(found, 5)
    if said == "jaccard":
        with pytest.raises(DatasetError, match=r"distance 'jaccard'; supported are angular.*choose by metric=cosine"):
            datasets.load("path", base=file)


@pytest.mark.parametrize(
    "said", ["euclidean", b"euclidean", np.array(["euclidean"], object), np.array([b"Euclidean"]), np.bytes_("l2")]
)
@pytest.mark.parametrize("name", ["distance", "metric"])
def test_a_distance_is_read_in_whatever_form_the_file_keeps_it(tmp_path, said, name):
    file = write_hdf5(tmp_path / "v.hdf5", BASE, QUERIES)
    with h5py.File(file, "a") as opened:
        opened.attrs[name] = said
    assert datasets.load("path", base=str(file)).metric is Metric.L2


@pytest.mark.parametrize("said", [3, b"", np.zeros(4)])
def test_a_distance_that_is_no_name_counts_as_none(tmp_path, said):
    file = write_hdf5(tmp_path / "v.hdf5", BASE, QUERIES)
    with h5py.File(file, "a") as opened:
        opened.attrs["distance"] = said
    assert datasets.load("path", base=str(file)).metric is Metric.COSINE


def nearest(metric, k=5):
    base, queries = BASE.astype(float), QUERIES.astype(float)
    if metric == "l2":
        return np.argsort(np.square(queries[:, None] - base).sum(2), axis=1)[:, :k]
    return np.argsort(-queries @ (base / np.linalg.norm(base, axis=1, keepdims=True)).T, axis=1)[:, :k]


def padded(kind, fill=-1):
    """True neighbors of which every query lacks some; the last has none."""
    ids = nearest("l2").astype(np.float64 if kind == "f8" else np.int64)
    ids[np.arange(9), np.arange(9) % 5] = fill
    ids[::2, 3:] = fill
    ids[-1] = fill
    return ids.astype(kind)


@pytest.mark.parametrize(
    "ids",
    [
        *(padded(kind) for kind in ("i4", "i8", ">i8", "f8")),
        padded("u4", np.iinfo("u4").max),
        padded("i8").astype("u8"),
        padded("f8", np.nan),
        nearest("l2").astype(np.float32),
        np.full((9, 5), -1),
        np.empty((9, 0), np.int64),
    ],
    ids=["i4", "i8", ">i8", "f8", "u4", "u8", "NaN", "whole f4", "none at all", "no columns"],
)
def test_neighbors_padded_with_nothing_are_usable(tmp_path, ids, recwarn):
    file = str(write_hdf5(tmp_path / "v.hdf5", BASE, QUERIES, ids, "euclidean"))
    found = datasets.ground_truth(datasets.load("path", base=file), 5)
    np.testing.assert_array_equal(found.ids, nearest("l2"))
    assert not recwarn.list


def test_wrong_neighbors_beside_padding_are_noticed(tmp_path):
    ids = padded("i8")
    ids[ids >= 0] = (ids[ids >= 0] + 40) % 80
    file = str(write_hdf5(tmp_path / "v.hdf5", BASE, QUERIES, ids, "euclidean"))
    with pytest.raises(DatasetError, match="differ from exact search by l2 for 8 of 8 sampled queries"):
        datasets.ground_truth(datasets.load("path", base=file), 5)


@pytest.mark.parametrize("extra", [{}, {"test": QUERIES}, {"test": QUERIES, "distance": "angular"}])
def test_files_without_neighbors_are_usable(tmp_path, extra):
    file = str(write_hdf5(tmp_path / "v.hdf5", BASE, **extra))
    assert datasets.ground_truth(datasets.load("path", base=file), 3).ids.shape[1] == 3


def test_neighbors_by_another_metric_say_by_which(tmp_path):
    file = str(write_hdf5(tmp_path / "v.hdf5", BASE, QUERIES, nearest("l2"), "angular"))
    with pytest.raises(DatasetError, match="they are in the order of l2: use metric=l2"):
        datasets.ground_truth(datasets.load("path", base=file), 5)
    silent = str(write_hdf5(tmp_path / "w.hdf5", BASE, QUERIES, nearest("l2")))
    with pytest.raises(DatasetError, match="they are in the order of l2: use metric=l2"):
        datasets.ground_truth(datasets.load("path", base=silent), 5)
    found = datasets.ground_truth(datasets.load("path", base=silent, metric="l2"), 5)
    np.testing.assert_array_equal(found.ids, nearest("l2"))


def test_where_the_caller_says_the_metric_wrong_neighbors_are_a_warning(tmp_path):
    file = str(write_hdf5(tmp_path / "v.hdf5", BASE, QUERIES, nearest("l2"), "angular"))
    with pytest.warns(UserWarning, match="differ from exact search by cosine .*; ours are used"):
        found = datasets.ground_truth(datasets.load("path", base=file, metric="cosine"), 5)
    np.testing.assert_array_equal(found.ids, nearest("cosine"))
