"""Vectors in a cone: one direction mixed into all, computed when read, under a name and a checksum of its own."""

import numpy as np
import pytest

from bench import datasets
from bench.config import RunConfig
from bench.datasets import DatasetError
from bench.datasets.cone import Cone, common_direction
from bench.datasets.store import ArrayStore
from bench.execution.plan import prepare
from bench.records import DatasetInfo
from bench.tracks import dense
from methods import Metric

from .conftest import write_hdf5


def whole(store):
    return store.read(0, store.shape[0])


def cosines(vectors):
    """All cosines of two different rows."""
    unit = vectors.astype(np.float64) / np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return (unit @ unit.T)[~np.eye(len(unit), dtype=bool)]


@pytest.fixture
def files(tmp_path):
    """Paths of base (400, 64), queries (30, 64) and training vectors (90, 64), as options of ``path``."""
    rng = np.random.default_rng(0)
    made = {}
    for name, rows in {"base": 400, "queries": 30, "train": 90}.items():
        made[name] = str(tmp_path / f"{name}.npy")
        np.save(made[name], rng.standard_normal((rows, 64)).astype(np.float32))
    return made


@pytest.mark.parametrize("cone", [0.5, 0.75, 0.9])
def test_the_average_cosine_is_what_was_asked_for(files, cone):
    dataset = datasets.load("path", **files, cone=cone)
    for vectors in (whole(dataset.base), dataset.queries, whole(dataset.train)):
        assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-6
        assert cosines(vectors).mean() == pytest.approx(cone, abs=0.02)
        assert cosines(np.stack([vectors.mean(axis=0), common_direction(64)])).min() > 0.97


def test_each_vector_is_mixed_as_the_formula_says(files):
    vectors = np.load(files["base"]).astype(np.float64)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    mixed = np.sqrt(0.4) * unit + np.sqrt(0.6) * common_direction(64)
    expected = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    found = whole(datasets.load("path", **files, cone=0.6).base)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7)
    assert (found.dtype, found.flags.c_contiguous) == (np.float32, True)


def test_a_row_is_the_same_in_every_block(monkeypatch, gaussian):
    vectors = gaussian(200, 33, seed=1)
    store = Cone(ArrayStore(vectors), 0.75)
    at_once = whole(store)
    monkeypatch.setattr("bench.datasets.cone._BLOCK_BYTES", 8 * 33 * 7)
    np.testing.assert_array_equal(whole(store), at_once)
    np.testing.assert_array_equal(np.concatenate([store.read(row, row + 1) for row in range(200)]), at_once)
    rows = np.array([199, 3, 3, 0])
    np.testing.assert_array_equal(store.take(rows), at_once[rows])
    assert store.read(190, 999).shape == (10, 33)


def test_scale_does_not_matter_and_zero_rows_become_the_direction(gaussian):
    vectors = gaussian(20, 8, seed=2)
    vectors[4] = 0
    plain = whole(Cone(ArrayStore(vectors), 0.75))
    np.testing.assert_allclose(plain[4], common_direction(8), atol=1e-7)
    for scale in (1e-30, 1e30):
        np.testing.assert_allclose(whole(Cone(ArrayStore(vectors * np.float32(scale)), 0.75)), plain, atol=1e-6)


def test_a_cone_has_its_own_name_checksum_key_and_truth(files, tmp_path):
    plain = datasets.load("path", **files)
    cones = [datasets.load("path", **files, cone=cone) for cone in (0.5, 0.75)]
    assert [dataset.name for dataset in (plain, *cones)] == ["base", "base+cone.5", "base+cone.75"]
    assert len({found.checksum for found in (plain, *cones)}) == 3
    assert datasets.load("path", **files, cone=0.75).checksum == cones[1].checksum
    truth = datasets.ground_truth(cones[1], 10)
    base, queries = whole(cones[1].base).astype(np.float64), cones[1].queries.astype(np.float64)
    np.testing.assert_array_equal(truth.ids, np.argsort(-(queries @ base.T), axis=1)[:, :10])
    assert (truth.ids != datasets.ground_truth(plain, 10).ids).any()

    def plan(cone):
        made = {"name": "path", **files, "cone": cone}
        return prepare(RunConfig(method={"name": "sign"}, dataset=made, results=str(tmp_path)))

    assert (
        plan(None).key
        == prepare(RunConfig(method={"name": "sign"}, dataset={"name": "path", **files}, results=str(tmp_path))).key
    )
    assert len({plan(cone).key for cone in (None, 0.5, 0.75)}) == 3
    described = dense.describe(plan(0.75).config, plan(0.75).dataset)
    assert isinstance(described, DatasetInfo)
    assert (described.name, described.checksum) == ("base+cone.75", cones[1].checksum)


def test_a_remembered_checksum_is_not_taken_for_the_cones(files, monkeypatch):
    monkeypatch.setattr("bench.datasets.checksum._REMEMBER_BYTES", 0)
    sums = [datasets.load("path", **files, cone=cone).checksum for cone in (None, 0.5, 0.75, None, 0.5, 0.75)]
    assert sums[:3] == sums[3:]
    assert len(set(sums)) == 3


def test_held_out_and_sampled_rows_are_those_of_the_plain_set(files):
    chosen = {"base": files["base"], "holdout": 40, "max_base": 50, "seed": 3}
    plain, cone = datasets.load("path", **chosen), datasets.load("path", **chosen, cone=0.5)
    np.testing.assert_array_equal(whole(Cone(plain.base, 0.5)), whole(cone.base))
    np.testing.assert_array_equal(whole(Cone(ArrayStore(plain.queries), 0.5)), cone.queries)


def test_neighbors_of_the_plain_file_are_not_taken_over(tmp_path):
    rng = np.random.default_rng(5)
    base, queries = rng.standard_normal((80, 4)), rng.standard_normal((9, 4))
    path = write_hdf5(tmp_path / "a.hdf5", base, queries, rng.integers(0, 80, (9, 6)), "angular")
    dataset = datasets.load("path", base=str(path), cone=0.75)
    assert (dataset.neighbors, dataset.metric) == (None, Metric.COSINE)


@pytest.mark.parametrize("cone", [0, 1, -0.1, 1.5, float("nan"), True, "a lot"])
def test_a_cone_out_of_range_is_refused(files, cone):
    with pytest.raises(DatasetError, match=r"cone=.* is out of range; use a number between 0 and 1, as \.75"):
        datasets.load("path", **files, cone=cone)


def test_a_row_that_is_not_finite_is_named_by_its_row_in_the_file(files, recwarn):
    vectors = np.load(files["base"])
    vectors[123, 5] = np.inf
    np.save(files["base"], vectors)
    for options in (files, {"base": files["base"], "holdout": 10}):
        with pytest.raises(DatasetError, match="in row 123"):
            datasets.load("path", **options, cone=0.75)
    assert not recwarn.list


@pytest.mark.parametrize("name", ["squad-tokens-mini", "ml-100k"])
def test_sets_and_clicks_have_no_cone(name):
    assert "cone" not in datasets.options(name)
    with pytest.raises(DatasetError, match="has no option 'cone'"):
        datasets.load(name, cone=0.75)
