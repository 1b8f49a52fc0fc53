"""What ``python -m bench.datasets info`` says of vectors: figures, and the kinds that they make."""

from __future__ import annotations

import numpy as np
import pytest

from bench import datasets
from bench.datasets.__main__ import main
from bench.datasets.diagnosis import diagnose
from bench.measure.kind_advice import advice_of, losing
from bench.measure.kinds import Kind, few_training_vectors, kinds_of, warnings_of
from methods.vectors import normalized


@pytest.fixture
def kinds(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))

    def named(base, queries=None, metric="ip"):
        np.save(tmp_path / "base.npy", base)
        options = {"base": str(tmp_path / "base.npy"), "metric": metric}
        if queries is not None:
            np.save(tmp_path / "queries.npy", queries)
            options["queries"] = str(tmp_path / "queries.npy")
        data = datasets.load("path", **options)
        found = diagnose(data)
        return found, {
            each.name for each in (*kinds_of(found, data.dim, metric), *warnings_of(found, len(data.queries)))
        }

    return named


def test_plain_vectors_are_of_no_kind(kinds, unit):
    found, names = kinds(unit(1500, 48))
    assert names == set()
    assert found.mean_length < 0.1
    assert 40 < found.effective_rank <= 48


def test_a_common_direction_is_named_with_its_figures(kinds, unit):
    found, names = kinds(normalized(0.5 * unit(1500, 48) + np.sqrt(0.75 / 48)), metric="cosine")
    assert "common direction" in names
    assert abs(found.average_cosine - 0.75) < 0.02
    assert abs(found.mean_length - 0.87) < 0.02


def test_lengths_outliers_and_rogue_dimensions_are_named(kinds, gaussian, unit):
    lengths = np.random.default_rng(1).lognormal(0, 0.7, (1500, 1))
    assert "lengths vary" in kinds((unit(1500, 48) * lengths).astype(np.float32))[1]
    outlier = unit(1500, 48)
    outlier[17] *= 1000
    assert "one row too long" in kinds(outlier, metric="l2")[1]
    rogue = gaussian(1500, 48)
    rogue[:, 3] *= 12
    assert "rogue dimensions" in kinds(rogue, metric="l2")[1]


def test_heavy_tails_are_told_from_normal_values(kinds, gaussian):
    vectors = gaussian(1500, 48)
    plain, names = kinds(vectors, metric="l2")
    assert abs(plain.kurtosis - 3) < 0.3
    assert "heavy tails" not in names
    tailed, names = kinds(vectors * np.abs(vectors), metric="l2")  # 105 / 9 in theory
    assert 9 < tailed.kurtosis < 14
    assert "heavy tails" in names
    assert kinds(np.ones((20, 8), np.float32))[0].kurtosis is None


def test_a_kind_says_what_it_means_for_a_code_and_who_loses():
    shared = Kind("common direction", "vectors share a direction")
    (line,) = advice_of([shared], "ip")
    assert "center=offset" in line
    assert "anisotropic_pq" in line
    assert len(losing("common direction", "ip")) > 8
    assert line.endswith("more")
    assert "recall is lost" not in advice_of([shared], "ip", names=False)[0]
    assert "need no centering" in advice_of([shared], "l2")[0]
    assert losing("lengths vary", "ip") == ["itq", "semantic_hashing", "sign", "simhash", "spectral_hashing"]
    assert losing("lengths vary", "cosine") == []
    assert advice_of([Kind("zero rows", "2 vectors are zero")], "ip") == []


def test_zero_rows_duplicates_and_queries_in_the_base_are_counted(kinds, unit):
    base = unit(1500, 48)
    base[100:200] = base[:100]
    base[300] = 0
    found, names = kinds(base, base[400:450])
    assert {"zero rows", "duplicates", "queries in the base"} <= names
    assert (found.zero_rows, found.duplicates, found.queries_in_base) == (1, 100, 1.0)


@pytest.mark.parametrize("metric", ["cosine", "ip"])
def test_queries_that_tell_nothing_are_told(kinds, unit, metric):
    """A query of zeros is as near to all vectors, so that whatever a method returns was counted as found in silence."""
    queries = unit(200, 48)[::-1].copy()
    assert "queries that tell nothing" not in kinds(unit(1500, 48), queries, metric)[1]
    queries[3] = 0
    found, names = kinds(unit(1500, 48), queries, metric)
    assert "queries that tell nothing" in names
    assert found.indistinct == 1 / 200
    assert any("for 0.5% of the queries all true" in kind.sentence for kind in warnings_of(found, 200))


def test_info_of_a_file_names_its_kind(tmp_path, capsys, unit):
    np.save(tmp_path / "mine.npy", normalized(0.5 * unit(1500, 48) + np.sqrt(0.75 / 48)))
    assert main(["info", "--vectors", str(tmp_path / "mine.npy"), "metric=cosine"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "vectors share a direction" in printed
    assert "effective rank" in printed
    assert "the mean has to be kept apart" in printed


def test_info_without_a_name_says_what_it_needs(capsys):
    assert main(["info"]) == 2
    assert "--vectors FILE" in capsys.readouterr().err


@pytest.mark.parametrize(("training", "few"), [(1, True), (255, True), (256, False)])
def test_few_training_vectors_are_told(training, few):
    sentences = [kind.sentence for kind in few_training_vectors(training, 64)]
    assert bool(sentences) == few
    assert all("fewer than 4 a dimension" in sentence and "64 dimensions" in sentence for sentence in sentences)


def test_vectors_that_methods_are_fitted_on_are_counted(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    np.save(tmp_path / "base.npy", rng.standard_normal((300, 16)).astype(np.float32))
    np.save(tmp_path / "train.npy", rng.standard_normal((40, 16)).astype(np.float32))
    np.save(tmp_path / "queries.npy", rng.standard_normal((5, 16)).astype(np.float32))
    files = {"base": str(tmp_path / "base.npy"), "queries": str(tmp_path / "queries.npy")}
    assert datasets.load("path", **files).n_train == 300
    assert datasets.load("path", **files, train=str(tmp_path / "train.npy")).n_train == 40
