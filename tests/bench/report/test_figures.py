"""Figures of families: which points a line joins, what its axes say."""

from __future__ import annotations

import dataclasses
import itertools

import matplotlib
import pytest

from bench.errors import UsageError
from bench.report.figures import by_family

from .conftest import make

matplotlib.use("Agg")


def of_sets(record, **requested):
    """The record as one of documents of ten vectors, measured with the given parameters."""
    data = dataclasses.replace(record.dataset, vectors_per_item=10.0)
    method = dataclasses.replace(record.method, requested={"name": record.method.name, **requested})
    return dataclasses.replace(record, dataset=data, method=method)


def texts(axis):
    return {text.get_text() for text in axis.texts}


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


def test_sizes_are_of_documents_where_items_are_sets_and_ticks_do_not_collide():
    found = [of_sets(make("muvera", "encoding", code, 0.5 + code / 4000)) for code in (10, 40, 1280)]
    axis = by_family(found).axes[0]
    assert axis.get_xlabel() == "bytes per document (float32: 2,560)"
    axis.figure.canvas.draw()
    boxes = [label.get_window_extent() for label in axis.get_xticklabels() if label.get_text()]
    assert len(boxes) >= 3
    assert not any(first.overlaps(second) for first, second in itertools.pairwise(boxes))
    assert by_family([make("pq", "product", 32, 0.9)]).axes[0].get_xlabel() == "bytes per vector (float32: 256)"


def test_latency_takes_the_place_of_bytes():
    figure = by_family([make("pq", "product", 32, 0.9, p50=2.0), make("pq", "product", 16, 0.8, p50=0.5)], "p50 ms")
    axis = figure.axes[0]
    assert "ms" in axis.get_xlabel()
    line = next(line for line in axis.lines if line.get_marker() == "o")
    assert line.get_xdata().tolist() == [0.5, 2.0]
    assert line.get_ydata().tolist() == [0.8, 0.9]


def test_records_without_the_measure_are_refused():
    with pytest.raises(UsageError, match="no record has nDCG@10"):
        by_family([make("pq", "product", 32, 0.9)], measure="nDCG@10")
