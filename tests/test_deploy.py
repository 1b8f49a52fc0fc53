"""The decoder on the page about serving codes decodes every form that codes of its methods have."""

import re
from pathlib import Path

import numpy as np
import pytest

import methods

PAGE = Path(__file__).resolve().parents[1] / "docs" / "deploy.md"
LEVELS = PAGE.parents[1] / "methods" / "transform" / "trellis" / "codebooks.npz"
DECODER = next(
    block for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if "def decode" in block
)


def test_the_decoder_is_short_and_needs_numpy_alone():
    functions = DECODER[DECODER.index("def ") : DECODER.index("\n\nparams, parts = ")]
    assert len([line for line in functions.splitlines() if line.strip()]) <= 66
    assert set(re.findall(r"^(?:import|from) (\w+)", DECODER, re.MULTILINE)) == {"json", "math", "statistics", "numpy"}


def decoded_by_the_page(codec, vectors, tmp_path, monkeypatch):
    """What the page decodes, which asserts itself that the codec does so too."""
    codes = codec.encode(vectors)
    rows = codec.searcher(codes).search(vectors[:5], 10)[1]
    monkeypatch.chdir(tmp_path)
    codec.save("corpus.codec")
    np.save("codes.npy", codes)
    np.savez("expected.npz", queries=vectors[:5].astype(np.float32), rows=rows, decoded=codec.decode(codes))
    Path("codebooks.npz").write_bytes(LEVELS.read_bytes())
    space: dict = {}
    exec(DECODER, space)
    return space


def vectors_of(count=800, dim=84):
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((count, dim)) * np.geomspace(1, 0.05, dim) + 0.5  # so that groups differ in bits
    vectors[3] = vectors.mean(axis=0)
    return vectors


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("method", "budget", "metric", "options", "offset_bytes"),
    [
        ("transform_coding", "16x", "cosine", {"offset": True}, 1),
        ("transform_coding", "4x", "ip", {"offset": True}, 2),
        ("transform_coding", "32x", "ip", {"offset": False}, 0),
        ("transform_coding", "4x", "l2", {}, 0),
        ("trellis", "16x", "cosine", {"offset": True}, 1),
        ("trellis", "4x", "ip", {"offset": True}, 2),  # with scalar groups before the path
        ("trellis", "16x", "l2", {"state_bits": 12}, 0),
        ("trellis", "3B", "ip", {"offset": False}, 0),  # too short for a path
        ("trellis", "5B", "ip", {"offset": False, "state_bits": 12}, 0),  # a path of fewer states
        ("rq_trellis", "16x", "cosine", {"offset": True, "state_bits": 10}, 1),
        ("rq_trellis", "8x", "ip", {"stages": 2, "offset": False}, 0),
        ("rq_trellis", "16x", "cosine", {"offset": False, "state_bits": 10}, 0),  # a byte for size and factor
        ("rq_trellis", "8x", "l2", {"stages": 2}, 0),
        ("rq_trellis", "8B", "l2", {"stages": 1}, 0),
        ("rq_trellis", "8B", "ip", {"offset": False}, 0),
    ],
)
def test_the_decoder_of_the_page_decodes(tmp_path, monkeypatch, method, budget, metric, options, offset_bytes):
    vectors = vectors_of(2000 if method == "rq_trellis" else 800)
    codec = methods.create(method, 84, budget, metric, **options).fit(vectors)
    assert {0: 0, 2: 2, 3: 1}[len(codec.parts().get("offset_range", []))] == offset_bytes
    space = decoded_by_the_page(codec, vectors, tmp_path, monkeypatch)
    assert space["decoded"].shape == vectors.shape
    if metric != "l2":
        assert (space["rows"][:, 0] == np.load("expected.npz")["rows"][:, 0]).mean() >= 0.8


@pytest.mark.thorough
def test_the_decoder_of_the_page_decodes_codes_without_factors(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((4000, 64)) * 0.8
    for size in (1, 0.8, 0.6):
        vectors += size * rng.standard_normal((32, 64))[rng.integers(0, 32, 4000)]
    codec = methods.get("rq_trellis")(64, "l2", stages=4, level_bytes=3, state_bits=10).fit(vectors)
    assert "level_gain" in codec.parts()
    decoded_by_the_page(codec, vectors, tmp_path, monkeypatch)


@pytest.mark.thorough
@pytest.mark.parametrize("offset", [False, True])
def test_the_decoder_of_the_page_makes_vectors_of_one_length(tmp_path, monkeypatch, offset):
    vectors = vectors_of(2000)
    codec = methods.create("rq_trellis", 84, "8B", "cosine", offset=offset, state_bits=10).fit(vectors)
    assert "length" in codec.parts()
    decoded = decoded_by_the_page(codec, vectors, tmp_path, monkeypatch)["decoded"]
    # One vector, the mean of all, is an offset alone, which may be longer.
    assert (np.abs(np.linalg.norm(decoded, axis=1) - 1) < 1e-4).mean() > 0.99


def test_the_cases_have_paths_and_scalars():
    vectors = vectors_of()
    large = methods.create("trellis", 84, "4x", "ip", offset=True).fit(vectors).parts()["bits"]
    assert large.max() > 6
    assert large.min() <= 6
    assert methods.create("trellis", 84, "3B", "ip", offset=False).fit(vectors).parts()["bits"].sum() < 3
