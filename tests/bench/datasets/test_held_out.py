"""``train=held_out``: methods are fitted on as many vectors as are searched, and on none of these."""

import numpy as np
import pytest

from bench import datasets, run
from bench.datasets import DatasetError
from bench.datasets.held_out import halves
from bench.errors import UsageError

from .conftest import write_hdf5


def read_all(store):
    return store.read(0, store.shape[0])


@pytest.fixture
def files(tmp_path):
    """Paths of base (401, 16), of distinct rows, and queries (20, 16)."""
    rng = np.random.default_rng(0)
    made = {}
    for name, rows in {"base": 401, "queries": 20}.items():
        made[name] = str(tmp_path / f"{name}.npy")
        np.save(made[name], rng.standard_normal((rows, 16)).astype(np.float32))
    return made


@pytest.mark.parametrize(("max_base", "searched", "trained"), [(None, 201, 200), (100, 100, 100), (300, 201, 200)])
def test_base_and_training_vectors_share_no_row(files, max_base, searched, trained):
    dataset = datasets.load("path", **files, train="held_out", max_base=max_base)
    base, train = read_all(dataset.base), read_all(dataset.train)
    assert (len(base), len(train)) == (searched, trained)
    every = np.load(files["base"])
    rows = {row.tobytes() for row in every}
    assert len({row.tobytes() for row in np.vstack([base, train])} & rows) == searched + trained


def test_the_base_is_that_of_max_base_under_another_name(files):
    beside = datasets.load("path", **files, max_base=150)
    held_out = datasets.load("path", **files, max_base=150, train="held_out")
    np.testing.assert_array_equal(read_all(held_out.base), read_all(beside.base))
    assert held_out.name == "base+held_out"
    assert beside.name == "base"
    assert held_out.checksum != beside.checksum
    assert held_out.n_train == 150
    assert "not searched" in held_out.card["train"]


def test_another_seed_draws_another_half(files):
    first, second = (read_all(datasets.load("path", **files, train="held_out", seed=seed).base) for seed in (0, 1))
    assert not np.array_equal(first, second)


def test_a_cone_is_mixed_into_both_halves(files):
    dataset = datasets.load("path", **files, train="held_out", cone=0.75)
    assert dataset.name == "base+cone.75+held_out"
    for vectors in (read_all(dataset.base), read_all(dataset.train)):
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        assert (unit @ unit.T).mean() == pytest.approx(0.75, abs=0.02)


def test_judgements_follow_the_rows_that_are_searched(files, tmp_path):
    judged = np.stack([np.arange(20), np.arange(20) * 20, np.ones(20, np.int64)], axis=1)
    np.save(tmp_path / "judged.npy", judged)
    dataset = datasets.load("path", **files, relevance=str(tmp_path / "judged.npy"), train="held_out")
    every, base = np.load(files["base"]), read_all(dataset.base)
    kept = dataset.relevance
    assert 0 < len(kept.query) < 20
    np.testing.assert_array_equal(base[kept.item], every[kept.query * 20])


def test_what_cannot_be_split_is_refused(files, tmp_path):
    with pytest.raises(DatasetError, match="use train=held_out, or null"):
        datasets.load("squad-sentences-mini", train="halves")
    with pytest.raises(DatasetError, match="at least 2"):
        halves(1, None, 0)
    file = tmp_path / "own.hdf5"
    rng = np.random.default_rng(0)
    write_hdf5(file, train=rng.standard_normal((50, 8)), test=rng.standard_normal((5, 8)), distance="angular")
    assert datasets.load("path", base=str(file), train="held_out").base.shape == (25, 8)


def test_scenarios_that_choose_their_training_vectors_refuse(files, tmp_path):
    with pytest.raises(UsageError, match="scenario=drift fits on its own vectors"):
        run(
            method={"name": "pq"},
            dataset={"name": "path", **files, "train": "held_out"},
            scenario={"name": "drift"},
            results=str(tmp_path),
        )


@pytest.mark.thorough
@pytest.mark.usefixtures("in_this_process")
def test_a_run_is_fitted_on_the_other_half_and_says_so(tmp_path):
    options = {"name": "squad-sentences-mini", "max_base": 2000, "max_queries": 50}
    on_base, held_out = (
        run(
            method={"name": "pq"},
            dataset={**options, "train": train},
            budget="32x",
            results=str(tmp_path),
            latency_s=0.1,
        )
        for train in (None, "held_out")
    )
    assert on_base.dataset.name == "squad-sentences-mini"
    assert held_out.dataset.name == "squad-sentences-mini+held_out"
    # Centroids of 2,000 vectors know these better than others.
    assert on_base.quality["recall@10"].value > held_out.quality["recall@10"].value + 0.02
