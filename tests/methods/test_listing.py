"""``python -m methods`` tells what there is, quickly."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from methods import BudgetError, MethodError, registry
from methods.__main__ import describe, main
from methods.base import Metric
from methods.listing import code_sizes, in_words


def test_the_table_has_a_line_for_every_method(capsys):
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines[1:]} == set(registry.names())


@pytest.mark.thorough
def test_json_holds_every_method_with_sizes_and_parameters(capsys):
    assert main(["--json"]) == 0
    found = {method["name"]: method for method in json.loads(capsys.readouterr().out)}
    assert set(found) == set(registry.names())
    assert found["float32"]["code_sizes"] == [1536]
    assert found["sign"]["code_sizes"] == [48]
    assert found["itq"]["code_sizes"] == list(range(1, 49))
    assert found["itq"]["parameters"] == {"iterations": 50, "scoring": "hamming"}


def test_markdown_is_a_table_of_one_family(capsys):
    assert main(["--markdown", "--family", "binary"]) == 0
    head, rule, *rows = capsys.readouterr().out.splitlines()
    assert head.startswith("| method | what it is |")
    assert set(rule) == {"|", "-"}
    assert any(row.startswith("| `sign` |") for row in rows)
    assert not any("`pq`" in row for row in rows)
    assert {row.count(" | ") for row in rows} == {head.count(" | ")}
    assert "any from 1" in next(row for row in rows if "simhash" in row)


def test_an_unknown_family_dimension_or_method_is_an_error_in_one_line(capsys):
    for arguments, hint in (
        (["--family", "binry"], "binary"),
        (["--dim", "0"], "at least 1"),
        (["--check", "sing"], "did you mean sign"),
        (["PQ"], "did you mean pq"),
    ):
        assert main(arguments) == 2
        text = capsys.readouterr().err
        assert text.count("\n") == 1
        assert hint in text


def test_one_method_says_where_it_loses_each_reason_once(capsys):
    assert main(["pq"]) == 0
    text = capsys.readouterr().out
    assert text.count("errors along the direction that all vectors share") == 1
    assert "loses recall on common direction, ip; common direction, cosine: errors" in text
    assert main(["rabitq"]) == 0
    assert "loses recall on no kind of vectors" in capsys.readouterr().out
    assert main(["feature_multiplexing"]) == 0  # of embedding tables: no kinds
    assert "loses recall" not in capsys.readouterr().out


def test_one_method_is_told_as_json_or_markdown_too(capsys):
    assert main(["pq", "--json"]) == 0
    (method,) = json.loads(capsys.readouterr().out)
    assert method["name"] == "pq"
    assert main(["pq", "--markdown"]) == 0
    assert "\n| `pq` | product |" in capsys.readouterr().out


def test_check_tells_every_outcome(capsys):
    assert main(["--check", "spectral_hashing"]) == 0
    text = capsys.readouterr().out
    assert "passed  refit_is_deterministic" in text
    assert "exempt  recall_rises_with_bytes: " in text


def test_a_fault_that_fails_many_checks_is_told_once(capsys, monkeypatch):
    class Sizeless(registry.get("sign")):
        name = "sizeless"
        code_size = 0

    monkeypatch.setitem(registry._METHODS, "sizeless", Sizeless)
    assert main(["--check", "sizeless"]) == 1
    text = capsys.readouterr().out
    assert "fit_the_budget: a budget of 0 bytes is accepted, with code_size=0; " in text
    assert "FAILED  sizeless: batches_encode_as_one: as code_bytes_equal_code_size_and_fit_the_budget\n" in text


def test_a_package_that_is_broken_is_an_error_in_one_line(capsys, monkeypatch):
    def broken(track=None):
        raise MethodError("the entry point mine cannot be imported")

    monkeypatch.setattr(registry, "names", broken)
    assert main([]) == 2
    assert capsys.readouterr().err == "error: the entry point mine cannot be imported\n"


@pytest.mark.thorough
@pytest.mark.integration
def test_listing_does_not_import_torch():
    script = "import sys; from methods.__main__ import main; main([]); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


@pytest.mark.integration
def test_a_method_is_found_without_the_modules_of_others():
    script = "import sys, methods; methods.get('rq_trellis'); assert 'methods.product.opq' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


@pytest.mark.parametrize("name", registry.names())
def test_code_sizes_are_those_of_all_budgets_tried_one_by_one(name):
    cls, dim = registry.get(name), 24
    metric = next(metric for metric in Metric if metric in cls.metrics)
    sizes = set()
    for code_bytes in range(1, 4 * dim + 20):
        try:
            sizes.add(cls.for_budget(dim, code_bytes, metric).code_size)
        except BudgetError:
            continue
    assert code_sizes(cls, dim, 4 * dim + 19) == sorted(sizes)
    assert describe(name, dim)["code_sizes"][0] == min(sizes)


@pytest.mark.parametrize(
    ("sizes", "text"),
    [
        ([], ""),
        ([48], "48"),
        ([48, 96, 192], "48, 96, 192"),
        ([1, 2, 3], "1..3"),
        ([4, 8, 12, 16], "4..16 by 4"),
        ([1, 2, 3, 4, 10, 20], "1..4, 10, 20"),
        ([1, 3, 7, 12, 20, 31, 40, 60, 61, 90], "1, 3, 7, 12, 20, 31, ..., 90"),
    ],
)
def test_sizes_are_said_compactly(sizes, text):
    assert in_words(sizes) == text
