"""Figures of families: which points a line joins, what its axes say."""

from __future__ import annotations

import dataclasses
import itertools

import matplotlib
import numpy as np
import pytest

from bench.errors import UsageError
from bench.report.drawing import colors_of, ink
from bench.report.figures import by_family, pareto
from bench.report.overview import overview

from .conftest import make

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _closed():
    yield
    matplotlib.pyplot.close("all")


def of_sets(record, **requested):
    """The record as one of documents of ten vectors, measured with the given parameters."""
    data = dataclasses.replace(record.dataset, vectors_per_item=10.0)
    asked = {"name": record.method.name, **requested}
    method, config = dataclasses.replace(record.method, requested=asked), {**record.config, "method": asked}
    return dataclasses.replace(record, dataset=data, method=method, config=config)


def texts(axis):
    return {text.get_text() for text in axis.texts}


@pytest.mark.thorough
def test_codecs_and_rescoring_have_lines_of_their_own_and_numbers_do_not():
    found = [
        of_sets(make("token_codec", "token codes", 320, 0.7), codec="sign"),
        of_sets(make("token_codec", "token codes", 640, 0.8), codec="pq"),
        of_sets(make("token_codec", "token codes", 320, 0.6), codec="pq"),
        of_sets(make("residual", "token codes", 160, 0.5), bits=1),
        of_sets(make("residual", "token codes", 320, 0.6), bits=2),
    ]
    figure = by_family(found)
    assert texts(figure.axes[0]) == {"token_codec sign", "token_codec pq", "residual"}
    switched = [of_sets(make("muvera", "encoding", 32 * i, 0.5), fill=i != 3) for i in (1, 2, 3)]
    assert texts(by_family(switched).axes[0]) == {"muvera", "muvera fill=False"}
    rescored = dataclasses.replace(found[3], config={**found[3].config, "rescore": "disk"})
    assert "residual rescore=disk" in texts(by_family([*found, rescored]).axes[0])


def test_a_centered_method_has_a_line_of_its_own_name():
    found = [of_sets(make("pq", "product", code, 0.6), center="offset") for code in (160, 320)]
    assert texts(by_family(found).axes[0]) == {"pq center=offset"}
    plain = of_sets(make("pq", "product", 160, 0.5), center=None)
    assert texts(by_family([*found, plain]).axes[0]) == {"pq", "pq center=offset"}


def test_a_point_is_the_mean_of_its_seeds_and_of_the_quiet_latencies():
    found = [make("pq", "product", 8, recall, seed=seed, p50=p50) for seed, recall, p50 in ((0, 0.5, 9), (1, 0.7, 3))]
    found[0] = dataclasses.replace(found[0], latency_shared=True)
    for cost, place in (("codes", 8.0), ("p50 ms", 3.0)):
        points = [line.get_xydata() for line in by_family(found, cost).axes[0].lines]
        assert any(np.allclose(each, [[place, 0.6]]) for each in points)
        assert not any((each[:, 1] == 0.7).any() for each in points if len(each))


def test_sizes_are_of_documents_where_items_are_sets():
    found = [of_sets(make("muvera", "encoding", code, 0.5 + code / 4000)) for code in (10, 40, 1280)]
    axis = by_family(found).axes[0]
    assert axis.get_xlabel() == "bytes per document (float32: 2,560)"
    axis.figure.canvas.draw()
    boxes = [label.get_window_extent() for label in axis.get_xticklabels() if label.get_text()]
    assert len(boxes) >= 3
    assert not any(first.overlaps(second) for first, second in itertools.pairwise(boxes))
    assert by_family([make("pq", "product", 32, 0.9)]).axes[0].get_xlabel() == "bytes per vector (float32: 256)"


@pytest.mark.thorough
@pytest.mark.parametrize("rows", [40, 359_045])
def test_ticks_of_large_sizes_are_short_and_do_not_collide(rows):
    found = []
    for code in (64 * rows, 6 * rows, rows // 16):
        record = make("robe", "hashing", code, 0.7)
        data = dataclasses.replace(record.dataset, metric="auc", dim=16, vectors_per_item=float(rows))
        found.append(dataclasses.replace(record, dataset=data, quality={"auc": record.quality["recall@10"]}))
    for figure in (by_family(found, measure="auc"), pareto(found, ("codes", "p50 ms"), "auc")):
        figure.canvas.draw()
        labels = [label for label in figure.axes[0].get_xticklabels() if label.get_text()]
        assert len(labels) >= 3
        assert all(len(label.get_text()) <= 5 for label in labels)
        boxes = [label.get_window_extent() for label in labels]
        assert not any(first.overlaps(second) for first, second in itertools.pairwise(boxes))


def test_one_label_names_a_method_that_stands_twice_at_one_place():
    found = [make("lsq", "additive", 8, 0.5, budget=budget) for budget in (8, 16, 32)]
    figure = pareto([*found, make("pq", "product", 16, 0.6)])
    assert sorted(text.get_text() for text in figure.axes[0].texts) == ["lsq", "pq"]


def test_small_text_can_be_read_on_white():
    from matplotlib.colors import to_rgb

    for color in colors_of("abcdefghij").values():
        linear = [((c + 0.055) / 1.055) ** 2.4 if c > 0.04045 else c / 12.92 for c in to_rgb(ink(color))]
        assert 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05) >= 4.45


def above_best(axis):
    """By how much lines between bytes stand above the best of all, on the axis as it is drawn."""
    best = next((line for line in axis.lines if line.get_gid() == "best"), None)
    if best is None:
        return -np.inf
    to_share = (axis.transData - axis.transAxes).transform
    best = to_share(best.get_xydata())
    over = [0.0]
    for line in axis.lines:
        if line.get_linestyle() == "-" and len(line.get_xydata()) > 1:
            points = to_share(line.get_xydata())
            for start, end in itertools.pairwise(points[np.isfinite(points).all(axis=1)]):
                x, y = np.linspace(start, end, 50)[1:-1].T
                over.append(float((y - np.interp(x, best[:, 0], best[:, 1])).max()))
    return max(over)


@pytest.mark.thorough
@pytest.mark.parametrize("error", [False, True])
def test_no_line_of_a_method_stands_above_the_best(error):
    """A step from point to point, or even a join of the front's points, lies below pq at 16 bytes."""
    found = [
        *(make("pq", "product", size, recall, p50=size) for size, recall in ((8, 0.4), (32, 0.9))),
        *(make("rq", "additive", size, recall, p50=1) for size, recall in ((16, 0.6), (32, 0.7))),
        make("sign", "binary", 4, 0.2, p50=4),
    ]
    for figure in (by_family(found, error=error), by_family(found, "p50 ms", error=error)):
        assert max(above_best(axis) for axis in figure.axes if axis.get_visible()) < 1e-6
    figure = pareto(found, ("codes", "p50 ms"), error=error)
    assert max(map(above_best, figure.axes)) < 1e-6
    best = next(line for line in figure.axes[0].lines if line.get_gid() == "best")
    assert best.get_xdata() == pytest.approx([4, 8, 16, 32])


def test_the_best_of_all_begins_at_the_best_of_the_least_bytes():
    found = [make("pq", "product", 8, 0.2), make("rq", "additive", 8, 0.4), make("pq", "product", 32, 0.9)]
    line = by_family(found, error=False).axes[0].lines[0]
    assert line.get_xdata() == pytest.approx([8, 32])
    assert line.get_ydata() == pytest.approx([0.4, 0.9])


@pytest.mark.thorough
@pytest.mark.parametrize(("recalls", "is_error"), [((0.5, 0.6, 0.7, 0.8), False), ((0.5, 0.6, 0.7, 0.99), True)])
def test_the_error_is_drawn_where_it_is_easier_to_read(recalls, is_error):
    found = [make("pq", "product", 2 ** (3 + i), recall) for i, recall in enumerate(recalls)]
    for figure in (by_family(found), pareto(found)):
        axis = figure.axes[0]
        assert axis.get_ylabel() == ("error: 1 - recall@10 (log scale)" if is_error else "recall@10")
        assert axis.get_yscale() == ("log" if is_error else "linear")
        assert axis.yaxis.get_inverted() == is_error
    for error in (True, False):
        for figure in (by_family(found, error=error), pareto(found, error=error), overview(found, error=error)):
            assert ("error" in figure.axes[0].get_ylabel()) == error


def test_an_auc_and_an_error_of_reconstruction_have_no_error():
    found = [make("pq", "product", size, 0.99) for size in (8, 16)]
    aucs = [dataclasses.replace(r, quality={"auc": r.quality["recall@10"]}) for r in found]
    assert by_family(aucs, measure="auc").axes[0].get_ylabel() == "auc"
    axis = by_family(aucs, measure="auc", error=True).axes[0]
    worst, best = axis.get_ylim()
    assert all(best <= y <= worst for line in axis.lines for y in line.get_ydata())
    figure = pareto(found, measure="reconstruction_error", error=True)
    assert figure.axes[0].get_ylabel() == "reconstruction_error"


def test_each_method_is_joined_over_its_budgets_in_its_color():
    found = [
        make(name, family, size, size / 50)
        for name, family in (("pq", "product"), ("rq", "additive"))
        for size in (8, 32, 16)
    ]
    axis = pareto(found, error=False).axes[0]
    joined = [line for line in axis.lines if line.get_gid() == "method"]
    assert [line.get_xdata().tolist() for line in joined] == [[8, 16, 32]] * 2
    assert {line.get_color() for line in joined} == set(colors_of(["product", "additive"]).values())


def test_of_one_method_and_size_the_best_is_joined():
    found = [make("pq", "product", 8, recall, budget=budget) for recall, budget in ((0.5, 8), (0.4, 16))]
    line = next(line for line in by_family(found).axes[0].lines if line.get_marker() == "o")
    assert line.get_ydata().tolist() == [0.5]


def test_latency_takes_the_place_of_bytes():
    found = [make("pq", "product", 32, 0.9, p50=2.0), make("pq", "product", 16, 0.8, p50=0.5)]
    figure = by_family(found, "p50 ms", error=False)
    axis = figure.axes[0]
    assert "ms" in axis.get_xlabel()
    line = next(line for line in axis.lines if line.get_marker() == "o")
    assert line.get_xdata().tolist() == [0.5, 2.0]
    assert line.get_ydata().tolist() == [0.8, 0.9]


def test_records_without_the_measure_are_refused():
    with pytest.raises(UsageError, match="no record has nDCG@10"):
        by_family([make("pq", "product", 32, 0.9)], measure="nDCG@10")


def test_the_overview_draws_what_is_near_the_front_and_what_readers_know():
    found = [
        *(make("rq", "additive", size, recall) for size, recall in ((16, 0.9), (32, 0.98))),
        *(make("near", "product", size, recall) for size, recall in ((16, 0.88), (32, 0.975))),
        *(make("far", "product", size, recall) for size, recall in ((16, 0.5), (32, 0.7))),
        *(make("worse", "binary", size, recall) for size, recall in ((16, 0.4), (32, 0.6))),
        make("small", "binary", 8, 0.2),  # alone at its size
    ]
    axis = overview(found, known=["far"]).axes[0]
    assert texts(axis) == {"rq", "near", "far"}
    lines = {tuple(line.get_ydata().round(3)): line for line in axis.lines}
    assert {errors for errors, line in lines.items() if line.get_linestyle() == "--"} == {(0.5, 0.3)}
    assert (0.1, 0.02) in lines
    assert axis.get_yscale() == "log"
    assert axis.yaxis.get_inverted()


def test_the_overview_has_a_place_for_no_error_at_all():
    axis = overview([make("rq", "additive", 16, 0.9), make("rq", "additive", 32, 1.0)]).axes[0]
    assert (axis.lines[0].get_ydata() > 0).all()


def test_the_overview_leaves_re_ranked_runs_out():
    plain = [make("rq", "additive", 16, 0.9), make("rq", "additive", 32, 0.95)]
    again = [dataclasses.replace(r, config={**r.config, "rescore": "disk"}) for r in plain]
    with pytest.raises(UsageError, match="no compressed method"):
        overview(again)
    assert texts(overview([*plain, *again]).axes[0]) == {"rq"}
