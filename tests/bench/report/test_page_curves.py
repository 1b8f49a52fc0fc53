"""Runs with an index on the page: their operating points over seeds, drawn as curves, told when pointed at."""

import dataclasses

import pytest

from bench.measure.statistics import Interval
from bench.records.index_info import IndexInfo, OperatingPoint
from bench.report import page
from bench.report.index_points import points_of
from bench.report.rows import rows_of

from . import browser as chromium
from .conftest import make
from .test_page import CHANGE, PROGRAM, needs_browser

CURVES = ((1, 0.01, 0.4, 0.1, 900), (4, 0.05, 0.6, 0.3, 500), (64, 1.0, 0.7, 2.0, 50))


def point(probes, visited, recall, p50, rate):
    quality = {f"recall@{k}": Interval(recall, recall - 0.02, recall + 0.02) for k in (1, 10, 100)}
    latency = {name: p50 for name in ("p50", "p95", "p99", "mean")}
    return OperatingPoint(probes, visited, quality, latency, 100, rate)


def indexed(method, *, seed=0, better=0.0, points=CURVES, slower=1.0, **options):
    """A record of a run through 64 lists."""
    curve = [point(n, share, recall + better, slower * p50, rate / slower) for n, share, recall, p50, rate in points]
    info = IndexInfo("ivf", "packed", 1_250, 4, curve, lists=64, largest_list=40)
    record = make(method, "product", 16, 0.6 + better, seed=seed, index=info, **options)
    return dataclasses.replace(record, config={**record.config, "index": {"name": "ivf", "lists": 64}})


@pytest.fixture(scope="module")
def rows(sample):
    with_lists = [indexed("pq"), indexed("osq", better=0.1), indexed("osq", better=0.12, seed=1)]
    return rows_of([*sample, *with_lists])


@pytest.fixture(scope="module")
def browser(rows, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(page.render(rows, []), encoding="utf-8")
    running = chromium.Browser(PROGRAM)
    running.page = path
    yield running
    running.close()


@pytest.fixture
def view(browser):
    browser.open(browser.page, 1280, 900)
    yield browser
    assert browser.problems == []


def test_points_are_over_seeds_as_a_row_is():
    fewer = [indexed("pq", slower=3.0), indexed("pq", better=0.1, seed=1, points=CURVES[1:])]
    (row,) = rows_of([*fewer, indexed("pq", better=0.05, seed=2)])
    points = points_of(row)
    assert [one.probes for one in points] == [4, 64]  # what every seed has
    recall = points[-1].quality["recall@10"]
    assert recall.value == pytest.approx(0.75)
    assert recall.high - recall.value > 0.02 + 0.05  # and so the chance of the seed
    assert points[-1].latency_ms["p50"] == pytest.approx(2.0)
    assert points[-1].queries_per_s == pytest.approx(50)


def test_times_of_points_are_of_seeds_that_had_the_machine_alone():
    busy = dataclasses.replace(indexed("pq", slower=3.0), latency_shared=True)
    (row,) = rows_of([busy, indexed("pq", seed=1)])
    assert points_of(row)[0].latency_ms["p50"] == pytest.approx(0.1)


def test_a_scan_of_all_codes_has_no_points(sample):
    assert points_of(rows_of(sample)[0]) == []
    assert {row["index"] for row in page.page_data(rows_of(sample), [])["rows"]} == {None}


def test_a_row_carries_its_points_and_words(rows):
    (pq,) = [row["index"] for row in page.page_data(rows, [])["rows"] if row["method"] == "pq index=ivf"]
    assert pq["unit"] == "probes"
    assert [one["visited"] for one in pq["points"]] == [0.01, 0.05, 1.0]
    assert pq["points"][1]["quality"]["recall@10"] == pytest.approx([0.6, 0.58, 0.62])
    assert dict(pq["lines"])["ids"].startswith("1.25 B a vector")


DOTS = """[...document.querySelectorAll('#curve{} .dot')].map(
  d => [d.dataset.id, +d.getAttribute('cx'), +d.getAttribute('cy')])"""


@needs_browser
def test_curves_of_runs_with_an_index_are_drawn(view):
    assert view.js("document.querySelectorAll('#curvesSection path.line').length") == 6  # two runs, three charts
    for number, grows in ((0, True), (1, False), (2, True)):
        dots = view.js(DOTS.format(number))
        assert len(dots) == 6
        for run in {of for of, _, _ in dots}:
            line = [(x, y) for of, x, y in dots if of == run]
            assert line == sorted(line, reverse=not grows)  # time and share grow with effort, the rate falls
            assert [y for _, y in line] == sorted((y for _, y in line), reverse=True)  # recall rises: up is less
    labels = view.js("[...document.querySelectorAll('#curve0 text.label')].map(t => t.textContent).sort()")
    assert labels == ["osq", "pq"]
    caption = view.js("document.querySelector('#curveCap1').textContent")
    assert caption == "recall@10 against queries a second in batches"


@needs_browser
def test_a_point_of_a_curve_says_what_code_and_index_lose(view):
    view.js("document.querySelector('#curve0 .dot[tabindex=\"0\"]').focus()")
    view.press("ArrowRight", 39)
    text = view.js("document.querySelector('#tip').textContent")
    assert text.startswith("osq index=ivf at 16x: 4 probes, 5% of the codes")
    assert "recall@10 0.710 [" in text
    assert "lost by the code 0.190, by the index 0.100" in text
    assert "p50 0.3 ms, 500 queries/s" in text
    row = view.js("document.activeElement.dataset.id")
    assert view.js("document.querySelector('#table tr.on').dataset.id") == row
    assert view.js("document.querySelectorAll('#curvesSection path.line.on').length") == 3
    view.press("Enter", 13, "\r")
    assert "ivf, 64 lists" in view.js("document.querySelector('#details').textContent")


@needs_browser
def test_what_has_no_index_hides_the_curves(view):
    seen = "document.querySelector('#curvesSection').checkVisibility()"
    assert view.js(seen)
    view.js(CHANGE.format("search", "int8", "input"))
    assert not view.js(seen)
    view.js(CHANGE.format("search", "", "input"))
    view.js(CHANGE.format("dataset", "beta (ip)", "change"))
    assert not view.js(seen)
    assert view.js("document.querySelector('nav a[href=\"#curvesSection\"]').hidden")


@pytest.mark.thorough
@needs_browser
def test_a_measure_that_points_lack_leaves_recall_in_the_curves(view):
    view.js(CHANGE.format("scale", "error", "change"))
    view.js(CHANGE.format("measure", "reconstruction_error", "change"))
    assert view.js("document.querySelector('#curveCap2').textContent").startswith("1 - recall@10 (log scale) against")
    assert len(view.js(DOTS.format(2))) == 6
    view.js(CHANGE.format("measure", "recall@100", "change"))
    assert view.js("document.querySelector('#curveCap2').textContent").startswith("1 - recall@100")


@pytest.mark.thorough
@needs_browser
@pytest.mark.parametrize(("width", "height"), [(360, 740), (768, 1024), (1600, 900)])
def test_curves_fit_the_screen_and_their_labels_do_not_collide(view, width, height):
    view.open(view.page, width, height)
    assert view.js("document.documentElement.scrollWidth") <= width
    for number in range(3):
        texts = f"[...document.querySelectorAll('#curve{number} text.label')].map(t => t.getBBox())"
        (x, y, w, h), (u, v, p, q) = view.js(f"{texts}.map(b => [b.x, b.y, b.width, b.height])")
        assert not (x + 1 < u + p and u + 1 < x + w and y + 2 < v + q and v + 2 < y + h)
