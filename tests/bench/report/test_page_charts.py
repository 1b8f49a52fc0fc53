"""The page's charts of crowded real records: labels at their points, no method's line above the best, error scales."""

import itertools
import math
import re
from pathlib import Path

import pytest

from bench import records
from bench.report import page
from bench.report.rows import rows_of

from . import browser as chromium
from .test_page import CHANGE, PROGRAM, needs_browser

PUBLISHED = Path(__file__).resolve().parents[3] / "results" / "published"
SETS = ("squad-sentences", "glove-100", "squad-tokens-128", "book-crossing")  # of each track
pytestmark = needs_browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    found = list(records.find([PUBLISHED / f"{name}.parquet" for name in SETS]))
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(page.render(rows_of(found), []), encoding="utf-8")
    running = chromium.Browser(PROGRAM)
    running.page = path
    yield running
    assert running.problems == []
    running.close()


DRAWN = """[...document.querySelectorAll('#charts svg')].filter(svg => svg.checkVisibility()).map(svg => ({
  dots: [...svg.querySelectorAll('.dot')].map(d => [d.dataset.id, +d.getAttribute('cx'), +d.getAttribute('cy')]),
  labels: [...svg.querySelectorAll('text.label')].map(t => {
    const box = t.getBBox(), row = DATA.rows[t.dataset.of];
    return [t.dataset.of, t.textContent === row.method, box.x, box.y, box.width, box.height];
  }),
  leaders: [...svg.querySelectorAll('line.leader')].map(l => [l.dataset.of,
    ...['x1', 'y1', 'x2', 'y2'].map(name => +l.getAttribute(name))]),
  lines: [...svg.querySelectorAll('path.line')].map(p => p.getAttribute('d')),
  front: svg.querySelector('path.front').getAttribute('d'),
  size: [svg.viewBox.baseVal.width, svg.viewBox.baseVal.height],
}))"""


def away(box, x, y):
    """Distance of a point to a box (x, y, width, height)."""
    return math.hypot(max(box[0] - x, 0, x - box[0] - box[2]), max(box[1] - y, 0, y - box[1] - box[3]))


def check_labels(picture):
    """Each label is nearest to its own point or a line leads from the one to the other; none lies on another."""
    leaders = {of: ends for of, *ends in picture["leaders"]}
    dots = {of: (x, y) for of, x, y in picture["dots"]}
    for of, named, *box in picture["labels"]:
        assert named
        x, y = dots[of]
        if of in leaders:
            x1, y1, x2, y2 = leaders[of]
            assert math.hypot(x1 - x, y1 - y) < 7
            assert away(box, x2, y2) < 3
        else:
            others = [away(box, *place) for other, place in dots.items() if math.hypot(place[0] - x, place[1] - y) > 1]
            assert away(box, x, y) <= min([*others, math.inf]), box
        assert box[0] >= 0
        assert box[0] + box[2] <= picture["size"][0]
    boxes = [box for _, _, *box in picture["labels"]]
    for i, (x, y, w, h) in enumerate(boxes):
        for u, v, p, q in boxes[i + 1 :]:
            assert not (x + 1 < u + p and u + 1 < x + w and y + 2 < v + q and v + 2 < y + h), "labels collide"


@pytest.mark.thorough
@pytest.mark.parametrize(("width", "height"), [(1400, 1000), (390, 844)])
@pytest.mark.parametrize("scale", ["linear", "error"])
def test_labels_of_real_records_stand_at_their_points(browser, width, height, scale):
    browser.open(browser.page, width, height, hash=f"#scale={scale}")
    for name in browser.js("[...document.querySelectorAll('#dataset option')].map(o => o.value)"):
        browser.js(CHANGE.format("dataset", name, "change"))
        pictures = browser.js(DRAWN)
        assert len(pictures) >= 2
        for picture in pictures:
            assert len(picture["labels"]) >= 2
            check_labels(picture)
    assert browser.js("document.documentElement.scrollWidth") <= width
    coverage = "[...document.querySelectorAll('#ranking tbody tr')].map(r => r.cells[4].getBoundingClientRect().right)"
    frame = "document.querySelector('#ranking').closest('.scroll').getBoundingClientRect().right"
    assert max(browser.js(coverage)) <= browser.js(frame)


def points(path):
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path)]


def height_at(line, x):
    """Of a line of points at x; None where it is not."""
    for (x0, y0), (x1, y1) in itertools.pairwise(line):
        if x0 <= x <= x1:
            return y0 if x1 == x0 else y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return None


@pytest.mark.thorough
@pytest.mark.parametrize("scale", ["linear", "error"])
def test_no_line_of_a_method_is_better_than_the_best_line(browser, scale):
    browser.open(browser.page, 1400, 1000, hash=f"#dataset=squad-sentences+(ip)&scale={scale}")
    picture = browser.js(DRAWN)[0]
    best, sign = points(picture["front"]), 1 if scale == "linear" else -1  # heights grow downwards
    assert len(picture["lines"]) > 20
    for line in map(points, picture["lines"]):
        assert len(line) > 1
        for (x0, y0), (x1, y1) in itertools.pairwise(line):
            for part in (0.02, 0.25, 0.5, 0.75, 0.98):
                x, y = x0 + part * (x1 - x0), y0 + part * (y1 - y0)
                assert sign * (y - height_at(best, x)) > -1.0
    for _, x, y in picture["dots"]:
        assert sign * (y - (height_at(best, x + 0.01) or best[-1][1])) > -1.0


@pytest.mark.thorough
def test_an_error_scale_shows_how_far_the_best_are_from_one(browser):
    browser.open(browser.page, 1400, 1000, hash="#dataset=squad-sentences+(ip)")
    rows = "DATA.rows.filter(r => r.dataset === 'squad-sentences (ip)')"
    best = browser.js(f"{rows}.sort((a, b) => b.quality['recall@10'][0] - a.quality['recall@10'][0]).map(r => r.id)[0]")
    axis = "[...document.querySelectorAll('#chart0 text.axis')].map(t => t.textContent)"
    assert "0.01" not in browser.js(axis)
    browser.js(CHANGE.format("scale", "error", "change"))
    assert {"0.01", "0.1"} <= set(browser.js(axis))
    assert browser.js("document.querySelector('#cap0').textContent").startswith(
        "1 - recall@10 (log scale) against bytes"
    )
    heights = "[...document.querySelectorAll('#chart0 .dot')].map(d => [d.dataset.id, +d.getAttribute('cy')])"
    assert max(browser.js(heights), key=lambda dot: dot[1])[0] == str(best)
    assert browser.js("document.querySelector('#better').textContent") == "Down and left"
    browser.js(CHANGE.format("measure", "score_bias", "change"))
    assert browser.js("document.querySelector('#cap0').textContent").startswith("|score bias| (log scale)")


@pytest.mark.thorough
def test_a_run_pointed_at_shows_its_method_s_line(browser):
    browser.open(browser.page, 1400, 1000, hash="#dataset=squad-sentences+(ip)")
    seen = "[...document.querySelectorAll('path.line.on')].map(p => p.dataset.method)"
    dot = "document.querySelector('#chart0 .dot.pale')"
    browser.js(f"{dot}.dispatchEvent(new MouseEvent('mouseover', {{bubbles: true}}))")
    assert browser.js(seen) == [browser.js(f"DATA.rows[{dot}.dataset.id].method")]
