"""The published table of kinds: measuring goes on where it was stopped, and the pages say what the table says."""

import functools
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from methods import registry
from methods.checks.kinds import KINDS

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def kinds(monkeypatch, tmp_path):
    """The program, on fewer vectors and with a table of its own."""
    monkeypatch.syspath_prepend(str(ROOT / "results" / "scripts"))
    spec = importlib.util.spec_from_file_location("published_kinds", ROOT / "results" / "scripts" / "kinds.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "published_kinds", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "TABLE", tmp_path / "kinds.csv")
    monkeypatch.setattr(module, "BASE", 300)
    monkeypatch.setattr(module, "QUERIES", 40)
    return module


def test_measuring_adds_what_is_missing(kinds):
    assert kinds.measure_missing(["sign", "float32"], (48,)) == 0
    first = kinds.TABLE.read_text()
    cells = kinds.read(kinds.TABLE)
    assert len({cell.key for cell in cells}) == len(cells) == 2 * len(kinds.columns())
    assert {len(cell.hits) for cell in cells if cell.method == "sign"} == {40}
    assert {cell.hits for cell in cells if cell.method == "float32"} == {""}

    assert kinds.measure_missing(["sign", "float32"], (48,)) == 0
    assert kinds.TABLE.read_text() == first


def test_a_torn_line_is_measured_again(kinds):
    kinds.measure_missing(["sign"], (48,))
    whole = kinds.TABLE.read_text()
    kinds.TABLE.write_text(whole[:-7])
    kinds.measure_missing(["sign"], (48,))
    assert kinds.TABLE.read_text() == whole


@pytest.mark.thorough
def test_another_version_is_measured_again_and_shown_alone(kinds, monkeypatch):
    kinds.measure_missing(["sign"], (48,))
    before = kinds.current(kinds.read(kinds.TABLE))
    monkeypatch.setattr(registry.get("sign"), "version", "of-tomorrow")
    assert kinds.current(kinds.read(kinds.TABLE)) == {}
    kinds.measure_missing(["sign"], (48,))
    again = kinds.current(kinds.read(kinds.TABLE))
    assert again.keys() == before.keys()
    assert {cell.version for cell in again.values()} == {"of-tomorrow"}


def test_codecs_of_few_training_vectors_see_no_others(kinds, monkeypatch):
    sizes, fit = [], registry.get("sign").fit
    monkeypatch.setattr(
        registry.get("sign"), "fit", lambda *args, **more: sizes.append(len(args[1])) or fit(*args, **more)
    )
    kinds.measure_missing(["sign"], (48,))
    assert sizes.count(100) == 1
    assert set(sizes) == {100, 300}
    few = [cell for cell in kinds.read(kinds.TABLE) if "training" in cell.kind]
    assert [cell.kind for cell in few] == list(kinds.FEW)


def test_a_failing_method_leaves_the_others(kinds, monkeypatch, capsys):
    def fail(*_):
        raise RuntimeError("no luck")

    monkeypatch.setattr(registry.get("simhash"), "_fit", fail)
    assert kinds.measure_missing(["simhash", "sign"], (48,)) == 1
    assert {cell.method for cell in kinds.read(kinds.TABLE)} == {"sign"}
    assert "simhash" in capsys.readouterr().err


def test_hits_are_the_recall_of_each_query(kinds):
    kinds.measure_missing(["sign"], (48,))
    for cell in kinds.read(kinds.TABLE):
        assert cell.recalls.shape == (40,)
        assert cell.recalls.mean() == pytest.approx(float(cell.recall), abs=1e-4)
        assert np.isin(np.round(10 * cell.recalls, 9), np.arange(11)).all()


def cell_of(kinds, method, kind, digits, codec_bytes=1000):
    version = registry.get(method).version
    return kinds.Cell(method, version, kind, "ip", 96, "96", str(codec_bytes), "0", "", digits * 40)


def test_pages_mark_losses_and_the_first(kinds):
    cell = functools.partial(cell_of, kinds)
    rows = [cell("pq", "plain", "9"), cell("pq", "average cosine .5", "4")]
    rows += [cell("opq", "plain", "8"), cell("opq", "average cosine .5", "8")]
    table = kinds.current(rows)
    page = kinds.whole_page(table)
    assert "| `pq` | **.900** | - | - | .400! |" in page
    assert "| `opq` | .800 | - | - | **.800** |" in page
    assert "| average cosine .5, ip | `opq` .800 | - | - | - | - | - | - | .800 | .400! |" in kinds.quoted(table)
    assert kinds.quoted({}) == []


def test_a_codec_larger_than_the_vectors_is_never_first(kinds):
    rows = [cell_of(kinds, "rq", "plain", "9", kinds.VECTOR_BYTES), cell_of(kinds, "opq", "plain", "8")]
    table = kinds.current(rows)
    assert kinds.verdict(table, "plain", "ip", 96) == ("opq", [])
    assert "| `rq` | (.900) |" in kinds.whole_page(table)


@pytest.mark.thorough
def test_the_page_on_embeddings_quotes_the_table_and_names_every_kind(kinds, monkeypatch):
    monkeypatch.setattr(kinds, "BASE", 6000)
    monkeypatch.setattr(kinds, "QUERIES", 400)
    text = (ROOT / "docs" / "embeddings.md").read_text()
    table = kinds.current(kinds.read(ROOT / "results" / "published" / "kinds.csv"))
    assert len(table) > 500, "kinds.csv is of earlier versions of the methods"
    between = text.partition("<!-- kinds -->\n")[2].partition("<!-- /kinds -->")[0]
    quoted = kinds.quoted(table)
    assert quoted, "kinds.csv holds no figures of present versions"
    assert between.strip() == "\n".join(quoted), "docs/embeddings.md is older than kinds.csv; run make publish"
    for name in KINDS:
        assert name.removeprefix("average cosine ") in text, name
