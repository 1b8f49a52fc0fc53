"""The decoder on the page about serving codes decodes every form that codes of its method have."""

import re
from pathlib import Path

import numpy as np
import pytest

import methods

PAGE = Path(__file__).resolve().parents[1] / "docs" / "deploy.md"
DECODER = next(
    block for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if "def decode" in block
)


def test_the_decoder_has_at_most_40_lines():
    functions = DECODER[DECODER.index("def ") : DECODER.index("\n\ndecoded = ")]
    assert len([line for line in functions.splitlines() if line.strip()]) <= 40
    assert "import methods" not in DECODER


@pytest.mark.parametrize(
    ("budget", "metric", "offset", "size"),
    [("16x", "cosine", True, 3), ("4x", "ip", True, 2), ("32x", "ip", False, 0), ("4x", "l2", None, 0)],
)
def test_the_decoder_of_the_page_decodes(tmp_path, monkeypatch, budget, metric, offset, size):
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((800, 84)) * np.geomspace(1, 0.05, 84) + 0.5  # so that groups differ in bits
    vectors[3] = vectors.mean(axis=0)
    codec = methods.create("transform_coding", 84, budget, metric, offset=offset).fit(vectors)
    codes = codec.encode(vectors)
    assert len(codec.parts().get("offset_range", [])) == size
    monkeypatch.chdir(tmp_path)
    codec.save("corpus.codec")
    np.save("codes.npy", codes)
    np.save("expected.npy", codec.decode(codes))
    space: dict = {}
    exec(DECODER, space)  # asserts that both are equal
    assert space["decoded"].shape == (800, 84)
