"""Makes ``results/tokens/recommend.txt`` and the example of `recommend multivector` in docs/multivector.md.

    python results/scripts/recommend_sets.py [--measure]

With ``--measure`` the command runs, on ``squad-tokens-128`` as two files of a user's, for two minutes.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from quotes import ROOT, put

from bench import datasets
from bench.datasets import RaggedDataset
from bench.datasets.sets.formats import save_npz
from bench.files import write_whole

FILE = ROOT / "results" / "tokens" / "recommend.txt"
COMMAND = (
    "python -m bench.recommend multivector --data docs.npz --queries questions.npz --budget 320B --disk-budget 100kB "
    "--methods mean_pooling,muvera,first_k_tokens --time 120"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", action="store_true")
    if parser.parse_args().measure:
        write_whole(FILE, measured())
    put(ROOT / "docs" / "multivector.md", "recommended", example())


def measured() -> str:
    """What the command answers."""
    data = datasets.load("squad-tokens-128", max_queries=500)
    assert isinstance(data, RaggedDataset)
    with tempfile.TemporaryDirectory() as folder:
        for name, sets in (("docs", data.base), ("questions", data.queries)):
            save_npz(Path(folder) / f"{name}.npz", sets)
        words = [sys.executable, *shlex.split(COMMAND)[1:]]
        return subprocess.run(words, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout


def example() -> list[str]:
    """The command, and its answer."""
    return ["```text", COMMAND, "```", "", "```console", *FILE.read_text().splitlines(), "```"]


if __name__ == "__main__":
    main()
