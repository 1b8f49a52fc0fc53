"""Labels of crowded figures stand beside their points: read from the drawn figures of all published records."""

from __future__ import annotations

import itertools
from collections import defaultdict
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.text import Annotation, Text

from bench import records
from bench.report.figures import by_family, pareto
from bench.report.labels import spread_apart
from bench.report.overview import overview
from bench.report.rows import COSTS, headline

from .conftest import make
from .test_figures import above_best

matplotlib.use("Agg")

PUBLISHED = Path(__file__).resolve().parents[3] / "results" / "published"
QUICK = ("squad-sentences", "squad-tokens-128", "book-crossing")  # the most crowded of each track
PACKS = [
    pytest.param(path.stem, marks=() if path.stem in QUICK else pytest.mark.slow)
    for path in sorted(PUBLISHED.glob("*.parquet"))
]


def data_sets(pack):
    """Records of each data set of a pack, with their headline measure."""
    of_one = defaultdict(list)
    for record in records.find([PUBLISHED / f"{pack}.parquet"]):
        if record.status == "ok":
            of_one[record.dataset.checksum].append(record)
    return [(good, headline(good[0])) for good in of_one.values()]


def box_of(text):
    """Where the letters are, without the line to the point."""
    renderer = text.figure.canvas.get_renderer()  # of the present resolution
    text.get_window_extent(renderer)  # moves the text to where it is drawn
    return Text.get_window_extent(text, renderer)


def distance(box, points):
    low, high = np.array(box.min), np.array(box.max)
    beyond = np.maximum(np.maximum(low - points, points - high), 0)
    return np.hypot(*beyond.T)


def drawn_lines(axis):
    """The markers of every line and cloud of points in the axes, in pixels."""
    marked = [line.get_xydata() for line in axis.lines if line.get_marker() not in ("None", "", None)]
    marked += [cloud.get_offsets()[:, None] for cloud in axis.collections]
    flat = [points for each in marked for points in (each if np.ndim(each) == 3 else [each]) if len(points)]
    return [axis.transData.transform(np.asarray(points, float)) for points in flat]


def lead_of(text):
    """The ends of the line from a label to its point, in pixels; None without one."""
    if text.arrow_patch is None:
        return None
    return text.arrow_patch.get_transform().transform(text.arrow_patch.get_path().vertices)[[0, -1]]


def faults(axis):
    """What a reader could take for the label of another line, or could not read."""
    labels = [text for text in axis.texts if isinstance(text, Annotation)]
    boxes, lines = [box_of(text) for text in labels], drawn_lines(axis)
    found = [
        f"{a.get_text()} covers {b.get_text()}"
        for (a, first), (b, second) in itertools.combinations(zip(labels, boxes), 2)
        if first.overlaps(second)
    ]
    for text, box in zip(labels, boxes):
        own = axis.transData.transform(text.xy)
        mine, others = [], []
        for points in lines:
            (mine if np.hypot(*(points - own).T).min() < 1 else others).append(distance(box, points).min())
        assert mine, f"{text.get_text()} names no point"
        lead = lead_of(text)
        if lead is not None:
            if np.hypot(*(lead[1] - own)) > 1 or distance(box, lead[:1])[0] > 6:
                found.append(f"the line of {text.get_text()} does not lead from it to its point")
            found += [
                f"the line of {text.get_text()} passes under {other.get_text()}"
                for other, covered in zip(labels, boxes)
                if other is not text and not distance(covered, np.linspace(*lead, 200)).all()
            ]
        elif min(others, default=np.inf) < min(mine) - 1:
            found.append(f"another point is nearer to {text.get_text()} than its own")
    return found


def unnamed(axis):
    """Large points, or ends of lines, without a name; a name is enough for two of one method beside each other."""
    clouds = [cloud for cloud in axis.collections if 28 in np.atleast_1d(getattr(cloud, "get_sizes", list)())]
    large = [axis.transData.transform(cloud.get_offsets()) for cloud in clouds]
    ends = [
        axis.transData.transform(line.get_xydata()[-1:]) for line in axis.lines if line.get_marker() in list("os^Dv<>P")
    ]
    named = axis.transData.transform([text.xy for text in axis.texts] or np.empty((0, 2)))
    near = 9 / 72 * axis.figure.dpi
    points = np.concatenate([np.empty((0, 2)), *large, *ends])
    return [point for point in points if not (np.hypot(*(named - point).T) <= near).any()]


def check(figure):
    """No line above the best of all, and no fault of a label, neither as it is drawn nor at another resolution."""
    for dpi in (figure.dpi, 110):
        figure.set_dpi(dpi)
        assert {i: found for i, axis in enumerate(figure.axes) if axis.get_visible() and (found := faults(axis))} == {}
        assert not any(unnamed(axis) for axis in figure.axes)
    assert max(above_best(axis) for axis in figure.axes if axis.get_visible()) < 1e-6
    matplotlib.pyplot.close(figure)


@pytest.mark.thorough
@pytest.mark.parametrize("pack", PACKS)
def test_labels_of_families_stand_at_their_lines(pack):
    for good, measure in data_sets(pack):
        check(by_family(good, "codes", measure))


@pytest.mark.thorough
@pytest.mark.parametrize("pack", PACKS)
def test_labels_of_fronts_stand_at_their_points(pack):
    for good, measure in data_sets(pack):
        costs = ("codes", "p50 ms") if measure == "auc" else tuple(COSTS)
        check(pareto(good, costs, measure))


@pytest.mark.thorough
def test_labels_of_latencies_stand_at_their_lines():
    for good, measure in data_sets("squad-tokens-128"):
        check(by_family(good, "p50 ms", measure))


def test_labels_of_the_overview_stand_at_their_lines():
    for good, measure in data_sets("squad-sentences"):
        check(overview(good, ["int8", "pq", "opq", "rabitq", "sign"], measure))


@pytest.mark.thorough
def test_labels_of_a_crowded_front_do_not_collide():
    crowd = [make(f"method_{i}", "product", 20 + i, 0.5 + i / 100, p50=1 + i / 50) for i in range(24)]
    check(pareto(crowd, ("codes", "p50 ms")))


@pytest.mark.parametrize(
    ("heights", "low", "high", "expected"),
    [
        ([], 0, 10, []),
        ([1, 5, 9], 0, 10, [1, 5, 9]),
        ([5, 5, 5], 0, 10, [4, 5, 6]),
        ([5, 5, 5.5, 9], 0, 10, [4.17, 5.17, 6.17, 9]),
        ([10, 10], 0, 10, [9, 10]),
        ([0, 0, 0], 0, 10, [0, 1, 2]),
        ([0, 0, 0], 0, 1, [-1, 0, 1]),
    ],
)
def test_heights_are_spread_as_little_as_they_need(heights, low, high, expected):
    assert spread_apart(heights, 1, low, high) == pytest.approx(expected, abs=0.01)
