"""The page with one engine chosen: what it offers, at its own bytes, on the front of all methods."""

import dataclasses
from pathlib import Path

import pytest

from bench import records
from bench.report import page
from bench.report.rows import rows_of

from . import browser as chromium
from .conftest import make
from .test_page import CELLS, CHANGE, PROGRAM, needs_browser

PUBLISHED = Path(__file__).resolve().parents[3] / "results" / "published"
NAME = "alpha (ip)"


def rows_at(dim, *records_, **options):
    """Rows of records on vectors of ``dim`` dimensions, their methods' options as given."""
    changed = []
    for record in records_:
        method = dataclasses.replace(record.method, params=options)
        changed.append(dataclasses.replace(record, dataset=dataclasses.replace(record.dataset, dim=dim), method=method))
    return rows_of(changed)


def offers_of(rows, engine="qdrant"):
    """Scheme -> its offer, with its texts; and the names of those without a row."""
    engines = page.page_data(rows, [])["engines"]
    (described,) = [each for each in engines["datasets"][NAME] if each["name"] == engine]
    texts = engines["texts"]
    offers = [
        {**each, "differs": texts[each["differs"]], "typed": texts[each["typed"]]} for each in described["offers"]
    ]
    return {each["scheme"]: each for each in offers}, described["missing"]


def test_an_offer_has_the_bytes_of_the_engine_and_of_the_method():
    offers, missing = offers_of(rows_at(384, make("sign", "binary", 48, 0.5), threshold="zero"))
    binary = offers["binary"]
    assert (binary["bytes"], binary["method_bytes"], binary["equals"], binary["differs"]) == (48, 48, True, "")
    assert '"encoding": "one_bit"' in binary["typed"]
    assert '"size": 384' in binary["typed"]
    assert "product (x4, x8, x16, x32, x64)" in missing
    assert "binary" not in missing


def test_padding_counts_in_the_engine_and_not_for_the_match():
    offers, _ = offers_of(rows_at(100, make("sign", "binary", 13, 0.5), threshold="zero"))
    assert (offers["binary"]["bytes"], offers["binary"]["method_bytes"]) == (16, 13)
    assert offers["binary"]["equals"]
    assert offers["binary"]["differs"] == "3 bytes more than the method's own code: codes are padded to 128 bits"


def test_rows_match_by_the_bytes_of_the_method():
    rows = rows_at(384, *(make("pq", "product", size, 0.5) for size in (48, 95, 96)))
    offers, missing = offers_of(rows)
    assert {scheme: rows[offer["row"]].code for scheme, offer in offers.items()} == {
        "product x16": 96,
        "product x32": 48,
    }
    assert "product (x4, x8, x64)" in missing


def test_a_code_measured_at_several_budgets_is_the_row_of_its_own_size():
    rows = rows_at(384, *(make("sign", "binary", 48, 0.5, budget=budget) for budget in (192, 48, 96)))
    assert rows[offers_of(rows)[0]["binary"]["row"]].record.budget.bytes == 48


def test_other_options_of_the_method_are_near_and_say_so():
    offers, _ = offers_of(rows_at(384, make("sign", "binary", 48, 0.5), threshold="mean"))
    assert not offers["binary"]["equals"]
    assert offers["binary"]["differs"] == "measured with threshold mean, not zero"


def test_a_composition_of_another_codec_is_no_match():
    record = make("random_rotation", "reduction", 192, 0.5)
    assert "RR SQ4" in offers_of(rows_at(384, record, codec="int4"), "faiss")[0]
    engines = page.page_data(rows_at(384, record, codec="lvq"), [])["engines"]["datasets"][NAME]
    assert "faiss" not in {each["name"] for each in engines}


def test_rescored_rows_and_unknown_methods_are_no_match():
    record = make("pq", "product", 48, 0.5)
    rescored = dataclasses.replace(record, config={**record.config, "rescore": "float16"})
    for rows in (rows_at(384, rescored), rows_at(384, make("bebr", "binary", 48, 0.5))):
        assert page.page_data(rows, [])["engines"] == {"datasets": {NAME: []}, "texts": []}


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    found = list(records.find([PUBLISHED / f"{name}.parquet" for name in ("squad-sentences", "book-crossing")]))
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(page.render(rows_of(found), []), encoding="utf-8")
    running = chromium.Browser(PROGRAM)
    running.page = path
    yield running
    assert running.problems == []
    running.close()


DRAWN = """({
  rows: document.querySelectorAll('#table tbody tr[data-id]').length,
  dots: document.querySelectorAll('#chart0 .dot').length,
  front: document.querySelector('#chart0 path.front')?.getAttribute('d').length ?? 0,
  own: document.querySelectorAll('#chart0 path.own').length,
  charts: [1, 2].map(i => document.querySelector(`#chart${i}`).checkVisibility()),
  titles: [...document.querySelectorAll('#table th button')].map(b => b.textContent),
  notes: document.querySelector('#engineNotes').checkVisibility(),
})"""


@pytest.mark.thorough
@needs_browser
def test_an_engine_stands_on_the_front_of_all_and_goes_again(browser):
    browser.open(browser.page, 1400, 1000, hash="#dataset=squad-sentences+(ip)")
    before = browser.js(DRAWN)
    browser.js(CHANGE.format("engine", "qdrant", "change"))
    chosen = browser.js(DRAWN)
    assert 3 <= chosen["rows"] == chosen["dots"] < before["rows"] / 4
    assert chosen["front"] > 50
    assert (chosen["own"], before["own"]) == (1, 0)
    assert (chosen["charts"], chosen["notes"]) == ([False, False], True)
    assert chosen["titles"][:3] == ["method", "in Qdrant", "its bytes"]
    assert "p50 ms" not in chosen["titles"]
    schemes, sizes = (browser.js(CELLS.format(column)) for column in (1, 2))
    schemes = [scheme.replace("\N{NO-BREAK SPACE}", " ") for scheme in schemes]
    assert {"= product x32": "48", "\N{ALMOST EQUAL TO} binary": "48"}.items() <= dict(zip(schemes, sizes)).items()
    assert "turbo (bits1, bits1_5, bits2)" in browser.js("document.querySelector('#engineNotes').textContent")
    browser.js(CHANGE.format("engine", "", "change"))
    after = browser.js(DRAWN)
    assert after.pop("front") > 50  # a scroll bar may have come, which makes the chart narrower
    assert after == {key: value for key, value in before.items() if key != "front"}


@pytest.mark.thorough
@needs_browser
def test_equal_and_near_points_differ_and_say_what_to_type(browser):
    browser.open(browser.page, 390, 844, hash="#dataset=squad-sentences+(ip)&engine=qdrant")
    assert browser.js("document.documentElement.scrollWidth") <= 390
    dots = "[...document.querySelectorAll('#chart0 .dot')]"
    hollow = f"{dots}.map(d => [d.classList.contains('like'), rowOf(d.dataset.id).offer])"
    assert all(like != offer["equals"] for like, offer in browser.js(hollow))
    assert {like for like, _ in browser.js(hollow)} == {True, False}
    shown = "[...document.querySelectorAll('#table th')].filter(h => h.getBoundingClientRect().right <= 390)"
    titles = ["method", "in Qdrant", "its bytes", "recall@10"]
    assert browser.js(f"{shown}.filter(h => h.checkVisibility()).map(h => h.textContent)")[:4] == titles
    browser.js("document.querySelector('#chart0 .dot[tabindex=\"0\"]').focus()")
    texts = []
    for _ in range(7):
        texts.append(browser.js("document.querySelector('#tip').textContent"))
        browser.press("ArrowRight", 39)
    (binary,) = [text for text in dict.fromkeys(texts) if "Qdrant: binary" in text]
    assert "differs: measured with threshold mean, not zero" in binary
    assert '"encoding": "one_bit"' in binary
    browser.press("Enter", 13, "\r")
    assert "in the engine" in browser.js("document.querySelector('#details').textContent")


@pytest.mark.thorough
@needs_browser
def test_an_engine_is_in_the_address_and_no_choice_without_offers(browser):
    browser.open(browser.page, 1400, 1000, hash="#dataset=squad-sentences+(ip)&engine=faiss&fronts=only&scale=error")
    assert "engine=faiss" in browser.js("location.hash")
    assert browser.js("[...document.querySelectorAll('#chart0 .dot')].every(d => !d.classList.contains('pale'))")
    browser.js(CHANGE.format("search", "nothing of the kind", "input"))
    assert browser.js(CELLS.format(0))[0].startswith("No run matches")
    browser.js(CHANGE.format("search", "", "input"))
    browser.js(CHANGE.format("dataset", "book-crossing (auc)", "change"))
    assert browser.js("document.querySelector('#engine').disabled")
    assert browser.js("document.querySelector('#engine').value") == ""
    assert browser.js("document.querySelectorAll('#chart0 path.own').length") == 0
