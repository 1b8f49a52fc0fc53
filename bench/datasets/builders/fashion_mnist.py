"""Builds ``fashion-mnist``: 60,000 images of 28 x 28 gray values as vectors, the 10,000 test images as queries (L2)."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from bench.datasets import formats
from bench.datasets.base import DatasetError
from bench.datasets.builders import debian, folder
from bench.datasets.builders.fetch import Archive, apt_download, fetch, verified

ARCHIVE = Archive(
    package="dataset-fashion-mnist",
    version="0.0~git20200523.55506a9-1",
    sha256="39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
    filename="dataset-fashion-mnist_0.0~git20200523.55506a9-1_all.deb",
    command=apt_download,
)
DIM, ITEMS, QUERIES = 784, 60_000, 10_000
_MEMBERS = [f"./usr/share/datasets/fashion-mnist/{part}-images-idx3-ubyte.gz" for part in ("train", "t10k")]


def build(target: Path, source: Path | None = None) -> None:
    """Write the data set to ``target``; ``source`` is the ``.deb`` or the ann-benchmarks HDF5, fetched if None."""
    if source is not None and source.suffix in formats.HDF5_SUFFIXES:
        base, queries = read_hdf5(source)
        origin = {"source": "Fashion-MNIST (Xiao et al. 2017), ann-benchmarks HDF5"}
    else:
        base, queries = read_deb(fetch(ARCHIVE) if source is None else verified(ARCHIVE, source))
        packed = f"Debian package {ARCHIVE.package} {ARCHIVE.version}"
        origin = {"source": f"Fashion-MNIST (Xiao et al. 2017), {packed}", "source_sha256": ARCHIVE.sha256}
    card = {
        "title": "Images of clothes, 28 x 28 grey values from 0 to 255",
        "metric": "l2",
        **origin,
        "licence": "MIT",
        "queries": "the 10,000 test images",
        "base": "the 60,000 training images",
    }
    folder.save(target, base, queries, None, card)


def read_deb(archive: Path) -> tuple[np.ndarray, np.ndarray]:
    """Base (60000, 784) and queries (10000, 784) uint8 from the Debian package; nothing is unpacked or run."""
    files = dict(debian.regular_files(archive, _MEMBERS))
    base, queries = (_images(files[name]) for name in _MEMBERS)
    return base, queries


def read_hdf5(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Base and queries as uint8 from ``fashion-mnist-784-euclidean.hdf5`` (stored there as float32)."""
    file = formats.read_hdf5(path)
    shapes = file.base.shape, None if file.queries is None else file.queries.shape
    if file.queries is None or shapes != ((ITEMS, DIM), (QUERIES, DIM)):
        raise DatasetError(
            f"{path} has train and test of shapes {shapes}; Fashion-MNIST has (60000, 784), (10000, 784)"
        )
    return file.base.read(0, ITEMS).astype(np.uint8), file.queries.read(0, QUERIES).astype(np.uint8)


def _images(packed: bytes) -> np.ndarray:
    return np.frombuffer(gzip.decompress(packed), np.uint8, offset=16).reshape(-1, DIM)
