"""What vectors take without loss, and how ``python -m bench.datasets info`` says it."""

from __future__ import annotations

import numpy as np
import pytest

from bench import datasets
from bench.datasets import lossless as module
from bench.datasets.__main__ import main
from bench.datasets.lossless import lossless


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))

    def load(base):
        np.save(tmp_path / "base.npy", base)
        return datasets.load("path", base=str(tmp_path / "base.npy"), metric="l2")

    return load


def test_normal_numbers_shrink_by_their_exponents(load, gaussian):
    measured = lossless(load(gaussian(3_000, 32)))
    assert 0.8 * 128 < measured.zstd["float32"] < 0.9 * 128
    assert 0.8 * 64 < measured.zstd["float16"] < 0.95 * 64
    assert 0.65 * 64 < measured.zstd["bfloat16"] < 0.8 * 64
    assert measured.exact == []


def test_numbers_that_were_float16_are_known_as_such(load, gaussian):
    measured = lossless(load(gaussian(3_000, 32).astype(np.float16).astype(np.float32)))
    assert measured.exact == ["float16"]
    assert measured.zstd["float32"] < 64


def test_numbers_beyond_float16_have_no_such_figure(load, gaussian):
    assert set(lossless(load(gaussian(3_000, 32) * 1e6)).zstd) == {"float32", "bfloat16"}


def test_pcodec_is_measured_where_it_is_installed(load, gaussian):
    pytest.importorskip("pcodec")
    measured = lossless(load(gaussian(3_000, 32)))
    assert set(measured.pcodec) == {"float32", "float16", "bfloat16"}
    assert 0.8 * 128 < measured.pcodec["float32"] < 0.9 * 128


def test_it_is_measured_once_and_again_with_another_pcodec(load, gaussian, monkeypatch):
    data, calls = load(gaussian(2_000, 16)), []
    monkeypatch.setattr(module, "zstd_size", lambda values: calls.append(values) or 1)
    monkeypatch.setattr(module, "_pcodec_size", lambda values: 1)
    assert lossless(data) == lossless(data)
    assert len(calls) == 3
    monkeypatch.setattr(module, "_pcodec_version", lambda: "another")
    assert lossless(data).pcodec is not None
    assert len(calls) == 6


def test_info_has_the_bytes_and_the_ratio(load, tmp_path, monkeypatch, capsys, gaussian):
    monkeypatch.setattr(module, "_pcodec_version", lambda: None)
    data = load(gaussian(3_000, 32))
    assert main(["info", "--vectors", str(tmp_path / "base.npy"), "metric=l2"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    size = lossless(data).zstd["float32"]
    assert f"without loss {size:,.0f} ({128 / size:.2f}x) by byte shuffle and zstd of 128 bytes (1x)" in printed
    assert "the same, bfloat16" in printed
    assert "vector-compression-bench[lossless]" in printed.replace(" ", "")
