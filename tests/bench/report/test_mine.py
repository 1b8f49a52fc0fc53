"""``--mine``: a method beside the best other one, on every data set and at every budget of the records."""

from __future__ import annotations

import dataclasses
import shlex
import zlib

import matplotlib
import numpy as np
import pandas as pd
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from bench import records
from bench.errors import UsageError
from bench.measure.statistics import Interval
from bench.report import per_query
from bench.report.__main__ import main
from bench.report.mine import standings
from bench.report.mine_figure import difference_figure
from bench.report.mine_tables import markdown, print_standings, to_frame

from .conftest import make, printed
from .test_labels import faults

QUERIES = 200


def with_recalls(record, noise=0.05):
    """The record with a recall of each query, whose mean is the record's."""
    value = record.quality["recall@10"].value
    drawn = np.random.default_rng(zlib.crc32(record.key.encode())).normal(0, noise, QUERIES)
    hard = np.linspace(-0.1, 0.1, QUERIES)  # the same queries are hard for all
    return dataclasses.replace(record, recalls=(value + hard + drawn - drawn.mean()).tolist())


def named(record, **options):
    """The record as one with these options of its method."""
    requested = {"name": record.method.name, **options}
    words = "-".join(f"{key}{value}" for key, value in options.items())
    method = dataclasses.replace(record.method, requested=requested)
    return dataclasses.replace(
        record, key=record.key + words, method=method, config={**record.config, "method": requested}
    )


def packed(found):
    return [(with_recalls(record) if record.status == "ok" else record, None) for record in found]


@pytest.fixture
def found(sample):
    """The sample's first seeds with a method of one's own, on alpha alone: above ``opq`` at 8x, below it at 16x."""
    sample = [record for record in sample if record.config["seed"] == 0]
    own = [make("own", "product", 32, 0.99, p50=0.5), make("own", "product", 16, 0.75)]
    return packed([*sample, *own])


def test_each_row_is_compared_with_the_best_other_method(found):
    compared, notes = standings(found, "own")
    assert [(each.mine.record.budget.requested, each.rival.label) for each in compared] == [
        ("8x", "opq"),
        ("16x", "opq"),
    ]
    first, second = compared
    assert (first.rank, first.methods, second.rank, second.methods) == (1, 4, 2, 4)
    assert first.difference.value == pytest.approx(0.99 - 0.95, abs=1e-6)
    assert first.difference.low < first.difference.value < first.difference.high
    assert second.difference.value == pytest.approx(0.75 - 0.80, abs=1e-6)
    assert first.is_paired
    assert first.bytes_ratio == 1
    assert first.p50_ratio == pytest.approx(0.5)
    assert first.encode_ratio == pytest.approx(1)
    assert notes == ["own was not measured on beta (ip): python -m bench -m method=own dataset=beta budget=8x,16x"]


def test_p_is_corrected_over_all_data_sets_and_budgets(found):
    compared, _ = standings(found, "int8")
    assert len(compared) == 4
    plain = sorted(each.difference.p for each in compared)
    assert sorted(each.p_adjusted for each in compared)[0] == pytest.approx(min(1.0, 4 * plain[0]))


def test_seeds_of_the_method_are_in_the_interval(found):
    one, _ = standings(found, "own")
    seeds = packed([make("own", "product", 32, recall, seed=seed) for seed, recall in ((1, 0.95), (2, 0.999))])
    three, _ = standings([*found, *seeds], "own")
    assert len(three[0].mine.records) == 3
    assert np.ptp([three[0].difference.low, three[0].difference.high]) > np.ptp(
        [one[0].difference.low, one[0].difference.high]
    )


def test_what_has_no_values_of_queries_is_compared_by_intervals(found):
    bare = [(dataclasses.replace(record, recalls=None), folder) for record, folder in found]
    compared, _ = standings(bare, "own")
    assert not any(each.is_paired for each in compared)
    assert compared[0].difference.value == pytest.approx(0.99 - 0.95)
    text = markdown("own", compared, [])
    assert "i | 1.00 |" in text
    assert "values of single queries are missing" in text


def test_a_run_in_a_folder_is_paired_with_a_packed_rival(found, tmp_path, monkeypatch):
    """Recall of its queries is read where the run left it; where that does not fit, intervals are compared, aloud."""
    own = {record.key: np.array(record.recalls) for record, _ in found if record.method.name == "own"}

    class Judge:
        def values(self, record, folder, k):
            if folder.name != record.key:
                raise UsageError("these are of another attempt")
            return own[record.key]

    monkeypatch.setattr(per_query, "judge_of", lambda record: Judge())

    def in_folders(suffix):
        for key in own:
            (tmp_path / f"{key}{suffix}").mkdir()
            (tmp_path / f"{key}{suffix}" / records.QUERIES_FILE).touch()
        return [
            (dataclasses.replace(record, recalls=None), tmp_path / f"{record.key}{suffix}")
            if record.key in own
            else (record, folder)
            for record, folder in found
        ]

    expected, _ = standings(found, "own")
    compared, _ = standings(in_folders(""), "own")
    assert [each.difference for each in compared] == [each.difference for each in expected]
    compared, notes = standings(in_folders("-else"), "own")
    assert not any(each.is_paired for each in compared)
    assert "compared by intervals, not query by query: these are of another attempt" in notes


def test_a_method_that_was_never_run_says_what_to_run(found):
    with pytest.raises(UsageError) as caught:
        standings(found, "turboquant")
    commands = "python -m bench -m method=turboquant dataset=alpha,beta budget=8x,16x"
    assert str(caught.value) == f"turboquant was never run; measure it first: {commands}"


def test_options_of_a_data_set_are_in_what_to_run(found):
    few = [
        (dataclasses.replace(r, config={**r.config, "dataset": {**r.config["dataset"], "max_base": 50, "seed": 0}}), f)
        for r, f in found
    ]
    with pytest.raises(UsageError, match=r"dataset=alpha,beta dataset.max_base=50 budget=8x,16x$"):
        standings(few, "turboquant")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("turboqant", "no method is called 'turboqant'; did you mean turboquant"),
        ("ow", "no method is called 'ow'"),
        (" ", "--mine ' ' names no method; write a method, or 'NAME key=value'"),
        ("own fast", "'fast' is no option; write a method, or 'NAME key=value'"),
        ("own bits=2", "own bits=2 is not among the records of own; there are own"),
        ("bad", "1 runs of bad ended without a result (failed: crashed with <SIGSEGV> & more); measure it first"),
    ],
)
def test_a_wrong_name_says_what_would_be_right(found, name, message):
    with pytest.raises(UsageError) as caught:
        standings(found, name)
    assert message in str(caught.value)


def test_a_composed_method_goes_by_its_full_name(found):
    centered = packed([named(make("opq", "product", 32, 0.97), center="offset")])
    compared, _ = standings([*found, *centered], "opq center=offset")
    assert [(each.mine.label, each.rival.label) for each in compared] == [("opq center=offset", "own")]
    compared, _ = standings([*found, *centered], "opq")
    assert {each.mine.record.method.full_name for each in compared} == {"opq"}
    only = [(record, folder) for record, folder in [*found, *centered] if record.method.full_name != "opq"]
    assert [each.mine.label for each in standings(only, "opq")[0]] == ["opq center=offset"]


def test_options_choose_among_rows_of_one_method(found):
    variants = packed([named(make("own", "product", 32, 0.9 + bits / 100), bits=bits) for bits in (2, 4)])
    compared, _ = standings([*found, *variants], "own bits=4")
    assert [each.mine.label for each in compared] == ["own bits=4"]
    assert compared[0].rival.label == "own"  # with other options it is another row, and the best here
    compared, _ = standings([*found, *variants], "own")
    assert len(compared) == 4
    assert "| `own bits=2` |" in markdown("own", compared, [])


def test_a_re_ranked_row_is_no_rival_of_a_plain_one(found):
    again = make("sign", "binary", 8, 0.999, budget=32)
    again = dataclasses.replace(again, key="again", config={**again.config, "rescore": "disk"})
    compared, _ = standings([*found, *packed([again])], "own")
    assert compared[0].rival.label == "opq"


def test_budgets_and_samples_without_a_rival_are_named(found):
    lonely = packed([make("own", "product", 24, 0.9), make("own", "product", 32, 0.9, dataset="gamma")])
    other = packed([make("own", "product", 32, 0.9, dataset="beta", seed=5)])
    other = [(dataclasses.replace(r, dataset=dataclasses.replace(r.dataset, checksum="else")), f) for r, f in other]
    compared, notes = standings([*found, *lonely, *other], "own")
    assert len(compared) == 2
    text = "\n".join(notes)
    assert "nothing on alpha (ip) at 10x to compare with: other methods are there at 8x, 16x" in text
    assert "nothing on gamma (ip) at 8x to compare with: no other method was measured on it" in text
    assert "nothing on beta (ip) at 8x to compare with: others were measured on other vectors or queries" in text
    with pytest.raises(UsageError, match=r"no other method was measured where own was: nothing on gamma"):
        standings(lonely[1:], "own")


def test_times_of_another_machine_are_not_compared(found):
    elsewhere = [
        (dataclasses.replace(r, environment={**r.environment, "cpu": "another"}), f)
        if r.method.name == "own"
        else (r, f)
        for r, f in found
    ]
    compared, notes = standings(elsewhere, "own")
    assert [(each.p50_ratio, each.encode_ratio) for each in compared] == [(None, None)] * 2
    assert (
        "ratios of times are left out where a machine was another or was shared: cpu differs (toy and another)" in notes
    )
    assert compared[0].is_paired


def test_table_page_and_frame_say_the_same(found):
    compared, notes = standings(found, "own")
    text = printed(print_standings, "own", compared, notes, width=140)
    page, frame = markdown("own", compared, notes), to_frame(compared)
    for shown in (text, page):
        assert "better than the best other method at 1 of 2 rows, worse at 1" in shown
        assert "+0.0400 [" in shown
        assert "1 of 4" in shown
        assert "not measured on beta" in shown
    assert "| alpha (ip) | 8x | 32 | 0.990 [0.970, 1.010] | 1 of 4 | `opq` | +0.0400 [" in page
    assert frame["difference"].tolist() == pytest.approx([0.04, -0.05], abs=1e-6)
    assert frame["rival"].tolist() == ["opq", "opq"]


def test_an_error_is_compared_with_its_sign(found):
    compared, _ = standings(found, "own", "reconstruction_error")
    assert compared[0].rival.label == "opq"
    assert compared[0].difference.value < 0
    assert compared[0].rank == 1
    compared = [dataclasses.replace(each, p_adjusted=0.01) for each in compared]
    assert "at 1 of 2 rows, worse at 1" in markdown("own", compared, [])


def test_the_figure_shows_the_difference_over_budgets_per_data_set(found):
    matplotlib.use("Agg")
    compared, _ = standings(found, "int8")
    figure = difference_figure("int8", compared)
    assert [axis.get_title("left") for axis in figure.axes] == ["alpha (ip)", "beta (ip)"]
    for axis, dataset in zip(figure.axes, ("alpha", "beta")):
        mine = [each for each in compared if each.mine.record.dataset.name == dataset]
        points = {tuple(line.get_xydata()[0]) for line in axis.lines if line.get_marker() == "o"}
        assert points == {(each.mine.code, each.difference.value) for each in mine}
        assert {text.get_text() for text in axis.texts} == {each.rival.label for each in mine}
        assert faults(axis) == []
    matplotlib.pyplot.close(figure)


@pytest.fixture
def report(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["bench.report", *map(str, arguments)])
        try:
            main()
            status = 0
        except SystemExit as ended:
            status = ended.code
        return status, *capsys.readouterr()

    return run


@pytest.mark.thorough
def test_one_command_reads_runs_and_published_records(report, found, tmp_path):
    missing = report("--mine", "own")
    assert missing[0] == 2
    assert "there is no results/runs and no results/published here" in missing[2]
    (tmp_path / "results" / "published").mkdir(parents=True)
    (tmp_path / "results" / "runs").mkdir()
    own = [record for record, _ in found if record.method.name == "own"]
    older = [dataclasses.replace(r, key=f"{r.key}-0", method=dataclasses.replace(r.method, version="0")) for r in own]
    older = [dataclasses.replace(r, environment={**r.environment, "date": "2025-01-01"}) for r in older]
    records.pack([*own, *older], tmp_path / "results" / "runs" / "own.jsonl")
    records.pack([r for r, _ in found if r.method.name != "own"], tmp_path / "results" / "published" / "all.jsonl")
    status, output, errors = report("--mine", "own", "--out", "out", "--figure", "own.pdf")
    assert status == 0, errors
    assert "own beside the best other method on alpha (ip)" in output
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["mine-own.csv", "mine-own.md", "mine-own.png", "mine-own.svg"]
    assert len(pd.read_csv(tmp_path / "out" / "mine-own.csv")) == 2  # of the newest version
    assert (tmp_path / "own.pdf").read_bytes().startswith(b"%PDF")
    status, _, errors = report("--mine", "own", "--out", "out", "--format", "html")
    assert status == 2
    assert "--mine is written as md, csv, png, svg, pdf, not as html" in errors
    status, _, errors = report("--mine", "own", "results/runs")
    assert status == 2
    assert errors.count("\n") == 1
    assert "name their records too, e.g. results/published" in errors


def test_a_tie_with_the_rival_is_no_difference(found):
    twin = [make("twin", "product", 32, 0.99), make("own", "product", 32, 0.99)]
    values = np.linspace(0.9, 1, QUERIES).tolist()
    located = [(dataclasses.replace(r, recalls=values), None) for r in twin]
    (standing,), _ = standings(located, "twin")
    assert (standing.rank, standing.difference.value, standing.is_distinguishable) == (1, 0, False)
    assert isinstance(standing.mine.headline_quality, Interval)


def test_a_measure_that_the_method_lacks_is_named(found):
    def without(located, dataset):
        for record, folder in located:
            lacks = record.method.name == "int8" and record.dataset.name in dataset
            kept = {key: value for key, value in record.quality.items() if not lacks or key != "reconstruction_error"}
            yield dataclasses.replace(record, quality=kept), folder

    with pytest.raises(UsageError, match=r"^no run of int8 has reconstruction_error$"):
        standings(list(without(found, ("alpha", "beta"))), "int8", "reconstruction_error")
    _, notes = standings(list(without(found, ("beta",))), "int8", "reconstruction_error")
    assert "not measured on" not in "\n".join(notes)


def test_what_to_run_has_the_options_that_are_named(found):
    with pytest.raises(UsageError, match=r"-m method=pq method.center=offset rescore=disk dataset=alpha,beta budget="):
        standings(found, "pq center=offset rescore=disk")
    with pytest.raises(UsageError, match=r"bench experiment=standard method=pq method.bits=4$"):
        standings([], "pq bits=4")
    centered = packed([named(make("opq", "product", 32, 0.97), center="offset")])
    beta = [(record, folder) for record, folder in found if record.dataset.name == "beta"]
    alpha = packed([make("own", "product", 32, 0.9)])
    _, notes = standings([*alpha, *beta, *centered], "opq center=offset")
    assert notes[-1].endswith(": python -m bench -m method=opq method.center=offset dataset=beta budget=8x,16x")
    other = [(dataclasses.replace(r, dataset=dataclasses.replace(r.dataset, checksum="else")), f) for r, f in centered]
    with pytest.raises(UsageError, match=r"theirs: python -m bench -m method=opq method.center=offset dataset=alpha "):
        standings([*found, *other], "opq center=offset")


def test_only_rivals_are_offered_to_compare_with(found):
    exact = packed([make("float32", "identity", 256, 1.0), make("float32", "identity", 24, 1.0)])
    again = make("sign", "binary", 24, 0.9)
    again = packed([dataclasses.replace(again, key="again", config={**again.config, "rescore": "disk"})])
    beta = packed([make("float32", "identity", 256, 1.0, dataset="beta")])
    lonely = packed([make("own", "product", 24, 0.9)])
    _, notes = standings([*found, *exact, *again, *beta, *lonely], "own")
    assert notes == [
        "nothing on alpha (ip) at 10x to compare with: other methods are there at 8x, 16x",
        "own was not measured on beta (ip): python -m bench -m method=own dataset=beta budget=8x,16x",
    ]
    with pytest.raises(UsageError, match=r"dataset=alpha,beta budget=8x,16x$"):
        standings([*found, *exact, *beta], "turboquant")
    _, notes = standings([*found, *again], "sign")
    assert "nothing on alpha (ip) at 10x with rescore=disk to compare with: no other method was" in "\n".join(notes)


def test_files_in_what_to_run_are_quoted(found):
    file = "my vectors/it's,1.npy"
    config = {"name": "path", "base": file, "queries": "q.npy"}
    located = [(dataclasses.replace(r, config={**r.config, "dataset": config}), f) for r, f in found]
    with pytest.raises(UsageError) as caught:
        standings(located, "turboquant")
    words = shlex.split(str(caught.value).partition("first: ")[2])
    parsed = OverridesParser.create().parse_overrides(words[4:])
    assert {each.key_or_group: each.value() for each in parsed if each.key_or_group.startswith("dataset.")} == {
        "dataset.base": file,
        "dataset.queries": "q.npy",
    }
    assert "dataset.queries=q.npy" in words


def test_values_are_named_as_a_command_line_has_them(found):
    variants = packed([named(make("own", "product", 32, 0.9), rotate=rotate) for rotate in (True, None)])
    for word, value in (("true", True), ("True", True), ("null", None)):
        compared, _ = standings([*found[:-2], *variants], f"own rotate={word}")
        assert [each.mine.record.method.requested["rotate"] for each in compared] == [value]


def test_a_bias_is_neither_better_nor_worse(found):
    biased = [
        (dataclasses.replace(r, quality={**r.quality, "score_bias": r.quality["recall@10"]} if r.quality else {}), f)
        for r, f in found
    ]
    compared, _ = standings(biased, "own", "score_bias")
    compared = [dataclasses.replace(each, p_adjusted=0.01) for each in compared]
    assert "at 0 of 2 rows, worse at 0, not distinguishable at 2" in markdown("own", compared, [])
