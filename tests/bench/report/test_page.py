"""The page in a real browser: it loads without a network or a complaint, filters, sorts, opens runs, fits a phone."""

import dataclasses
import math
import re

import numpy as np
import pytest

from bench.measure.by_group import by_group
from bench.report import page
from bench.report.groups_record import told
from bench.report.rows import rows_of
from bench.report.significance import Comparison, mark

from . import browser as chromium
from .conftest import make

WORDS = np.repeat(["what", "who"], 30)
PROGRAM = chromium.find()
needs_browser = pytest.mark.skipif(
    PROGRAM is None, reason=f"needs a Chromium ({', '.join(chromium.NAMES)} on the path, or BENCH_CHROMIUM)"
)


@pytest.fixture(scope="module")
def html(sample):
    comparisons = [
        Comparison("alpha-int8-32-0", "alpha-opq-32-0", "int8", 32, -0.05, -0.06, -0.04, 1e-4, 3e-4, -1.0),
        Comparison("alpha-sign-32-0", "alpha-opq-32-0", "sign", 32, -0.01, -0.02, 0.01, 0.3, 0.3, -0.1),
    ]
    groups = by_group(
        {"word": WORDS}, {"recall@10": np.where(WORDS == "what", 0.5, 0.75)}, {"recall@10": np.ones(60)}, 0
    )
    rows = mark(rows_of([dataclasses.replace(record, groups=groups) for record in sample]), comparisons)
    return page.render(rows, [record for record in sample if record.status != "ok"])


@pytest.fixture(scope="module")
def browser(html, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(html, encoding="utf-8")
    running = chromium.Browser(PROGRAM)
    running.page = path
    yield running
    running.close()


@pytest.fixture
def view(browser):
    """The page at a desk, freshly loaded; at the end nothing may have been complained of."""
    browser.open(browser.page, 1280, 900)
    yield browser
    assert browser.problems == []


def test_the_page_stands_alone_and_is_small(html):
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", html)
    assert "url(" not in html
    assert "@import" not in html
    assert len(html) < 100_000
    assert "crashed with \\u003cSIGSEGV" in html  # data cannot end the script element


def test_a_full_sweep_stays_under_a_megabyte(sample):
    rows = [row for row in rows_of(sample) for _ in range(40)]
    assert len(page.render(rows, [])) < 1_000_000


def test_a_row_carries_how_far_it_is_behind_the_best(sample):
    behind = Comparison("alpha-int8-32-0", "alpha-opq-32-0", "int8", 32, -0.05, -0.06, -0.04, 1e-4, 3e-4, -math.inf)
    rows = page.page_data(mark(rows_of(sample), [behind]), [])["rows"]
    (found,) = [row for row in rows if row["p"] is not None]
    assert (found["method"], found["behind"], found["p"]) == ("int8", [-0.05, -0.06, -0.04], 3e-4)
    assert found["effect"] is None  # no number of JSON


def test_groups_carry_both_tests_corrected_within_their_heading():
    rng = np.random.default_rng(0)
    labels = {"word": np.repeat(["what", "who"], 50), "size": np.repeat(["few", "more", "few"], [20, 60, 20])}
    found = {"recall@10": np.where(labels["word"] == "what", 0.9, 1.0) - 0.1 * rng.random(100)}
    groups = by_group(labels, found, {"recall@10": np.ones(100)}, 0)
    what, who, *_ = told(groups)
    assert what["group"] == "word: what"
    assert what["queries"] == 50
    assert what["quality"]["recall@10"][1] < what["quality"]["recall@10"][0] < what["quality"]["recall@10"][2]
    value, _, _, p_lost, others, p_others = what["lost"]["recall@10"]
    assert value == pytest.approx(1 - what["quality"]["recall@10"][0], abs=2e-4)
    assert others == who["lost"]["recall@10"][0]
    plain = groups["word"]["what"]
    assert p_lost == pytest.approx(2 * plain.p_lost["recall@10"], rel=0.01)  # the least of two, by Holm
    assert p_others == pytest.approx(2 * plain.p_others["recall@10"], rel=0.01)


def test_a_run_without_groups_has_none_on_the_page(sample):
    assert {row["groups"] for row in page.page_data(rows_of(sample), [])["rows"]} == {None}


def test_samples_of_one_name_are_data_sets_of_their_own():
    record = make("pq", "product", 8, 0.5)
    less = dataclasses.replace(record, dataset=dataclasses.replace(record.dataset, n=500, checksum="other"))
    data = page.page_data(rows_of([record, less]), [])
    assert {row["dataset"] for row in data["rows"]} == {"alpha (ip), 1,000 vectors", "alpha (ip), 500 vectors"}
    assert set(data["colors"]) == {row["dataset"] for row in data["rows"]}


CELLS = "[...document.querySelectorAll('#table tbody tr:not(.group)')].map(r => r.cells[{}].textContent)"
CHANGE = "document.querySelector('#{0}').value = '{1}'; document.querySelector('#{0}').dispatchEvent(new Event('{2}'))"


@needs_browser
def test_it_loads_with_its_rows_points_and_failures(view):
    assert view.js("document.querySelectorAll('#table tbody tr[data-id]').length") == 6
    assert view.js("document.querySelectorAll('#chart0 .dot').length") == 6
    assert view.js(CELLS.format(0))[0] == "opq"
    assert "crashed with <SIGSEGV> & more" in view.js("document.querySelector('#failures').textContent")
    assert view.js("document.querySelector('#ranking tbody tr').cells[0].textContent") == "opq"
    assert view.js("document.querySelector('#about').textContent").startswith("alpha (ip): 1,000 vectors of 64")


@needs_browser
def test_marks_say_what_is_told_apart(view):
    methods, budgets, against = (view.js(CELLS.format(column)) for column in (0, 2, 6))
    marks = {(method, budget): mark for method, budget, mark in zip(methods, budgets, against)}
    assert marks["opq", "8x"] == "best"
    assert marks["int8", "8x"] == "p < .001"
    assert marks["sign", "8x"] == "="
    assert marks["int8", "16x"] == "\N{EN DASH}"


@needs_browser
def test_filters_narrow_table_and_charts(view):
    view.js(CHANGE.format("search", "INT", "input"))
    assert view.js(CELLS.format(0)) == ["int8", "int8"]
    assert view.js("document.querySelectorAll('#chart2 .dot').length") == 2
    view.js(CHANGE.format("search", "", "input"))
    view.js(CHANGE.format("budget", "16", "change"))
    assert sorted(view.js(CELLS.format(0))) == ["int8", "opq", "sign"]
    view.js("document.querySelector('#families input[value=product]').click()")
    assert sorted(view.js(CELLS.format(0))) == ["int8", "sign"]
    view.js(CHANGE.format("dataset", "beta (ip)", "change"))
    assert view.js("document.querySelector('#count').textContent") == "4 of 6 runs on these data"
    view.js(CHANGE.format("measure", "reconstruction_error", "change"))
    assert view.js(CELLS.format(0))[0] == "int8"  # the least error first
    view.js("document.querySelector('#frontOnly').click()")
    assert "int8" in view.js(CELLS.format(0))


@needs_browser
def test_the_axis_of_bytes_counts_parts_when_asked(view):
    view.js(CHANGE.format("size", "at N", "change"))
    assert set(view.js(CELLS.format(3))) == {"36", "20", "12"}


@needs_browser
def test_columns_sort_by_number_both_ways(view):
    view.js("document.querySelector('#grouped').click()")
    click = "document.querySelector('th button[data-key=p50]').click()"
    view.js(click)
    assert view.js(CELLS.format(5)) == ["1", "1", "0.5", "0.5", "0.2", "0.2"]
    assert view.js("document.querySelector('th button[data-key=p50]').parentElement.ariaSort") == "descending"
    view.js(click)
    assert view.js(CELLS.format(5)) == ["0.2", "0.2", "0.5", "0.5", "1", "1"]


@needs_browser
def test_rows_stand_under_their_budgets_and_sort_there(view):
    order = "[...document.querySelectorAll('#table tbody tr')].map(r => r.cells[0].textContent)"
    assert view.js(order) == [
        *("8x: 32 bytes, 3 methods", "opq", "int8", "sign"),
        *("16x: 16 bytes, 3 methods", "opq", "int8", "sign"),
    ]
    view.js("document.querySelector('th button[data-key=p50]').click()")
    view.js("document.querySelector('th button[data-key=p50]').click()")
    assert view.js(order)[1:4] == view.js(order)[5:] == ["sign", "int8", "opq"]
    assert view.js("document.querySelector('#table td.budget').checkVisibility()") is False
    view.js("document.querySelector('#grouped').click()")
    assert view.js(f"{order}.length") == 6
    assert view.js("document.querySelector('#table td.budget').checkVisibility()") is True


@needs_browser
def test_the_page_opens_on_single_vectors_with_most_runs(browser, tmp_path):
    """Two data sets of single vectors, the second with more runs, and a table with more than both."""
    few = [make("pq", "product", code, 0.5) for code in (8, 16)]
    more = [make("pq", "product", code, 0.5, dataset="beta", seed=seed) for code in (8, 16) for seed in (0, 1)]
    tables = []
    for number, record in enumerate([*few, *more, *few]):
        data = dataclasses.replace(record.dataset, name="aaa", metric="auc", vectors_per_item=50.0, checksum="t")
        method = dataclasses.replace(record.method, name=f"table{number}")
        changed = {
            "dataset": data,
            "method": method,
            "quality": {"auc": record.quality["recall@10"]},
            "key": str(number),
        }
        tables.append(dataclasses.replace(record, **changed))
    path = tmp_path / "index.html"
    path.write_text(page.render(rows_of([*tables, *few, *more]), []), encoding="utf-8")
    browser.open(path, 1280, 900)
    assert browser.js("document.querySelector('#dataset').value") == "beta (ip)"
    names = "[...document.querySelectorAll('#dataset option')].map(o => o.value)"
    assert browser.js(names) == ["alpha (ip)", "beta (ip)", "aaa (auc)"]
    assert browser.problems == []


@needs_browser
def test_keys_alone_walk_the_points_and_open_a_run(view):
    view.js("document.querySelector('#chart0 .dot[tabindex=\"0\"]').focus()")
    first = view.js("document.activeElement.dataset.id")
    view.press("ArrowRight", 39)
    view.press("ArrowRight", 39)
    second = view.js("document.activeElement.dataset.id")
    assert first != second
    assert view.js("document.querySelector('tr.on').dataset.id") == second  # linked
    assert view.js("document.querySelectorAll('circle.on').length") == 3
    assert view.js("document.querySelectorAll('line.on').length") == 3  # and its interval
    assert view.js("document.querySelector('#tip').hidden") is False
    view.press("Enter", 13, "\r")
    assert view.js("document.querySelector('#details').open")
    text = view.js("document.querySelector('#details').textContent")
    groups = view.js(
        "[...document.querySelectorAll('#details .groups tr')].map(r => [...r.cells].map(c => c.textContent))"
    )
    assert groups[0] == ["group", "queries", "recall@10", "recall@10 lost", "p", "others lost", "p"]
    assert [line[:2] for line in groups[1:]] == [["word: what", "30"], ["word: who", "30"]]
    assert groups[1][2:] == ["0.500 [0.500, 0.500]", "0.500 [0.500, 0.500]", "< .001", "0.250", "< .001"]
    for word in ("against the best", "codebooks 4 kB", "commit", "abc", "numpy 2", "checksum alpha00"):
        assert word in text
    view.press("Escape", 27)
    assert not view.js("document.querySelector('#details').open")


@needs_browser
@pytest.mark.parametrize(("width", "height"), [(360, 740), (768, 1024), (1600, 900)])
def test_nothing_sticks_out_of_the_screen(view, width, height, tmp_path):
    view.open(view.page, width, height)
    assert view.js("document.documentElement.scrollWidth") <= width
    texts = "[...document.querySelectorAll('#chart0 text')].map(t => t.getBBox())"
    boxes = view.js(f"{texts}.map(b => [b.x, b.y, b.width, b.height])")
    for i, (x, y, w, h) in enumerate(boxes):
        for u, v, p, q in boxes[i + 1 :]:
            assert not (x + 1 < u + p and u + 1 < x + w and y + 2 < v + q and v + 2 < y + h), "labels collide"
    view.screenshot(tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 10_000


@needs_browser
def test_a_card_stays_at_its_point_and_goes_with_it(view):
    view.js("document.querySelector('#chart0 .dot[tabindex=\"0\"]').focus()")
    view.press("ArrowRight", 39)
    assert view.js("document.querySelector('#tip').hidden") is False
    view.js("scrollTo(0, 100); new Promise(done => setTimeout(done, 200))")
    above = "document.querySelector('#tip').getBoundingClientRect().bottom - document.activeElement"
    assert abs(view.js(f"{above}.getBoundingClientRect().top")) < 40
    view.js(CHANGE.format("search", "int8", "input"))
    assert view.js("document.querySelector('#tip').hidden") is True


@needs_browser
def test_what_nothing_matches_says_so(view):
    view.js(CHANGE.format("search", "nothing of the kind", "input"))
    assert view.js(CELLS.format(0))[0].startswith("No run matches: choose another budget")
    assert view.js("document.querySelector('#chart1').textContent") == "no run matches"


@needs_browser
def test_only_what_was_not_measured_on_the_chosen_data_is_listed(view):
    assert view.js("document.querySelector('#failures tbody').rows.length") == 1
    view.js(CHANGE.format("dataset", "beta (ip)", "change"))
    assert view.js("document.querySelector('#failuresSection').hidden") is True


@needs_browser
def test_a_phone_shows_recall_and_latency_without_scrolling(view):
    view.open(view.page, 390, 844)
    for column in (0, 3, 4, 5):  # method, bytes, recall and p50
        cell = f"document.querySelector('#table tbody tr[data-id]').cells[{column}].getBoundingClientRect()"
        assert view.js(f"{cell}.right") <= 390
        assert view.js(f"{cell}.width") > 0
    view.open(view.page, 360, 740)
    reason = "document.querySelector('#failures td.reason').getBoundingClientRect()"
    assert view.js(f"{reason}.right") <= 360


@needs_browser
def test_links_within_the_page_keep_the_view_in_the_address(view):
    view.js(CHANGE.format("dataset", "beta (ip)", "change"))
    address = view.js("location.hash")
    view.js("document.querySelector('nav a[href=\"#runs\"]').click()")
    assert view.js("location.hash") == address
    assert view.js("document.activeElement.contains(document.querySelector('#table'))")


@needs_browser
def test_an_address_brings_the_whole_view_back(view):
    view.js(CHANGE.format("measure", "recall@1", "change"))
    view.js(CHANGE.format("scale", "error", "change"))
    view.js("document.querySelector('#grouped').click()")
    view.js("document.querySelector('#families input[value=binary]').click()")
    view.js(CHANGE.format("search", "P", "input"))
    view.js("document.querySelector('#frontOnly').click()")
    for _ in range(2):  # ascending
        view.js("document.querySelector('th button[data-key=p50]').click()")
    address, rows = view.js("location.hash"), view.js(CELLS.format(0))
    view.open(view.page, 1280, 900, hash=address)
    assert view.js("location.hash") == address
    assert view.js(CELLS.format(0)) == rows
    assert view.js("document.querySelector('#families input[value=binary]').checked") is False
    assert view.js("document.querySelector('#families input[value=product]').checked") is True
    assert view.js("document.querySelector('#search').value") == "P"
    assert view.js("document.querySelector('#frontOnly').checked") is True
    assert view.js("document.querySelector('#grouped').checked") is False
    assert view.js("document.querySelector('#scale').value") == "error"
    assert view.js("document.querySelector('th button[data-key=p50]').parentElement.ariaSort") == "ascending"


@needs_browser
def test_an_address_of_an_error_alone_shows_the_least_first(view):
    view.open(view.page, 1280, 900, hash="#measure=reconstruction_error&sort=nothing_of_the_kind")
    assert view.js("document.querySelector('th button[data-key=quality]').parentElement.ariaSort") == "ascending"


@needs_browser
def test_intervals_stand_at_points_of_the_front_and_at_the_one_pointed_at(view):
    seen = "[...document.querySelectorAll('#chart0 line.span')].filter(l => getComputedStyle(l).opacity > 0)"
    on_front = view.js("[...document.querySelectorAll('#chart0 .dot:not(.pale)')].map(d => d.dataset.id).sort()")
    assert view.js(f"{seen}.map(l => l.dataset.id).sort()") == on_front
    pale = "document.querySelector('#chart0 .dot.pale')"
    view.js(f"{pale}.dispatchEvent(new MouseEvent('mouseover', {{bubbles: true}}))")
    assert view.js(f"{seen}.length") == len(on_front) + 1
    inside = "document.querySelector('#chart0').viewBox.baseVal.height"
    assert view.js(f"{seen}.every(l => l.y2.baseVal.value >= 0 && l.y1.baseVal.value <= {inside})")
    middle = f"{seen}.every(l => Math.abs((+l.getAttribute('y1') + +l.getAttribute('y2')) / 2 - "
    middle += "document.querySelector(`#chart0 circle[data-id='${l.dataset.id}']`).getAttribute('cy')) < 1)"
    assert view.js(middle)  # these intervals are as wide above as below


@needs_browser
def test_a_tap_beside_a_point_opens_the_nearest(view):
    box = view.js("(b => [b.x, b.y])(document.querySelector('#chart0 .dot[tabindex=\"0\"]').getBoundingClientRect())")
    view.js(
        "document.querySelector('#chart0').dispatchEvent("
        f"new MouseEvent('click', {{bubbles: true, clientX: {box[0] - 3}, clientY: {box[1] - 3}}}))"
    )
    assert view.js("document.querySelector('#details').open")


@pytest.mark.thorough
@needs_browser
def test_what_rounds_to_zero_has_no_minus_on_the_page(view):
    assert view.js("[fixed(-1e-9), fixed(-0.0004), fixed(-0.25), fixed(0)]") == ["0.000", "0.000", "-0.250", "0.000"]
    assert view.js("[digits(-1e-9), digits(-0.25)]") == ["0", "-0.25"]


@pytest.mark.thorough
def test_the_page_uses_nothing_that_browsers_lacked_before_2024(html):
    assert "groupBy(" in html
    assert "Map.groupBy(" not in html
