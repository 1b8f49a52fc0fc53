"""Tables, fronts, figures and the command: what a reader is shown is what the records hold."""

import dataclasses

import matplotlib
import numpy as np
import pandas as pd
import pytest

from bench import records
from bench.errors import UsageError
from bench.measure.kinds import Diagnosis
from bench.measure.statistics import Difference
from bench.report import figures, significance
from bench.report import rows as rows_module
from bench.report.__main__ import main
from bench.report.compare import compare_sets, print_comparison, times_differ
from bench.report.export import best_frame, best_markdown, runs_markdown, write_all
from bench.report.front import on_front
from bench.report.pictures import PICTURES
from bench.report.rows import by_measure, rows_of, to_frame
from bench.report.tables import print_best, print_record, print_sweep
from bench.report.words import count_bytes

from .conftest import BEST, make, printed


def test_seeds_become_one_row_with_a_wider_interval(sample):
    (row,) = [r for r in rows_of(sample) if r.group[0] == "alpha" and r.label == "opq" and r.code == 32]
    quality = row.quality("recall@10")
    assert len(row.records) == 2
    assert quality.value == pytest.approx(0.955)
    assert quality.high - quality.value > 0.02
    assert row.cost("at N") == pytest.approx(36.0)


def test_latency_is_of_the_seeds_that_had_the_machine_to_themselves():
    seeds = [make("pq", "product", 8, 0.5, seed=seed, p50=p50) for seed, p50 in enumerate((9.0, 2.0, 4.0))]
    seeds[0] = dataclasses.replace(seeds[0], latency_shared=True)
    (row,) = rows_of(seeds)
    assert (row.cost("p50 ms"), row.latency("p99"), row.latency_shared) == (3.0, 9.0, False)
    (row,) = rows_of(dataclasses.replace(record, latency_shared=True) for record in seeds)
    assert (row.cost("p50 ms"), row.latency_shared) == (4.0, True)


def test_times_of_another_processor_than_most_rows_have_are_marked(capsys):
    rows = [make(name, "product", 8, 0.5, p50=1.0) for name in ("pq", "opq", "rq")]
    rows[1] = dataclasses.replace(rows[1], environment={**rows[1].environment, "cpu_flags": ["avx512f"]})
    marked = {row.label: row.other_processor for row in rows_of(rows)}
    assert marked == {"pq": False, "opq": True, "rq": False}
    print_sweep(rows)
    text = capsys.readouterr().out
    assert text.count("1†") == 1
    assert "† on another processor" in text


def test_times_of_seeds_are_of_one_kind_of_processor():
    seeds = [make("pq", "product", 8, 0.5, seed=seed, p50=p50) for seed, p50 in enumerate((9.0, 2.0, 4.0))]
    rates = [{**seed.throughput, "encode_vectors_per_s": rate} for seed, rate in zip(seeds, (1e6, 1e5, 1e5))]
    seeds = [dataclasses.replace(seed, throughput=rate) for seed, rate in zip(seeds, rates)]
    seeds[0] = dataclasses.replace(seeds[0], environment={**seeds[0].environment, "cpu": "another"})
    (row,) = rows_of(seeds)
    assert (row.cost("p50 ms"), row.cost("encode us")) == (3.0, 10.0)
    assert len(row.records) == 3


def test_a_figure_of_times_leaves_out_other_processors():
    rows = [make(name, "product", 8, 0.5, p50=1.0) for name in ("pq", "opq", "rq")]
    rows[1] = dataclasses.replace(rows[1], environment={**rows[1].environment, "cpu": "another"})
    figure = figures.pareto(rows, ["codes", "p50 ms"])
    drawn = [sum(len(points.get_offsets()) for points in axis.collections) for axis in figure.axes]
    assert drawn == [3, 2]


def test_a_seed_that_was_timed_twice_counts_once():
    short, long, busy = (make("pq", "product", 8, 0.5, p50=p50) for p50 in (9.0, 2.0, 1.0))
    long = dataclasses.replace(long, key="long", config={**long.config, "latency_s": 30.0})
    busy = dataclasses.replace(busy, key="busy", config={**busy.config, "latency_s": 60.0}, latency_shared=True)
    (row,) = rows_of([short, long, busy, make("pq", "product", 8, 0.6, seed=1)])
    assert [record.key for record in row.records] == ["long", "alpha-pq-8-1"]


def test_parameters_stand_in_a_label_where_they_differ():
    two = [make("pq", "product", 8, 0.5), make("pq", "product", 8, 0.6)]
    two[1] = dataclasses.replace(
        two[1], config={**two[1].config, "rescore": "disk", "method": {"name": "pq", "bits": 4}}
    )
    two = [dataclasses.replace(r, method=dataclasses.replace(r.method, requested=r.config["method"])) for r in two]
    assert sorted(row.label for row in rows_of(two)) == ["pq", "pq bits=4 rescore=disk"]


def _centered(record):
    requested = {**record.method.requested, "center": "offset"}
    return dataclasses.replace(
        record,
        key=f"{record.key}-centered",
        config={**record.config, "method": requested},
        method=dataclasses.replace(record.method, requested=requested, version="1.1"),
    )


def test_center_always_stands_in_a_label():
    alone = _centered(make("pq", "product", 8, 0.5))
    assert [row.label for row in rows_of([alone])] == ["pq center=offset"]
    beside = rows_of([alone, make("pq", "product", 8, 0.6)])
    assert sorted(row.label for row in beside) == ["pq", "pq center=offset"]


def test_center_is_named_where_there_is_no_row():
    failed = _centered(make("pq", "product", 8, 0.0, status="failed"))
    shown = failed.config | {"results": "results"}
    assert "pq center=offset" in printed(print_sweep, [failed])
    assert "pq center=offset on alpha" in printed(print_record, dataclasses.replace(failed, config=shown))


def test_front_by_hand():
    cost = np.array([1, 2, 3, 3, 1, np.nan, 4])
    value = np.array([0.5, 0.4, 0.9, 0.8, 0.5, 1.0, 0.9])
    assert on_front(cost, value).tolist() == [True, False, True, False, True, False, False]


def test_front_is_what_no_point_dominates():
    rng = np.random.default_rng(0)
    cost, value = rng.integers(0, 9, 200), rng.integers(0, 9, 200)
    front = on_front(cost, value)
    for i in range(200):
        better = (cost <= cost[i]) & (value >= value[i]) & ((cost < cost[i]) | (value > value[i]))
        assert front[i] == (not better.any())


@pytest.mark.parametrize("width", [80, 120, 200])
def test_a_narrow_terminal_drops_columns_and_no_figures(sample, width):
    alpha = [record for record in sample if record.dataset.name == "alpha"]
    text = printed(print_sweep, alpha, width=width)
    assert "opq" in text
    assert "0.955 [" in text
    assert ("queries/s" in text) == (width > 140)
    assert "crashed with <SIGSEGV> & more" in text.replace("\n", " ")


def test_versions_of_a_method_are_rows_of_their_own(sample):
    new = make("opq", "product", 32, 0.99)
    new = dataclasses.replace(new, key="new", method=dataclasses.replace(new.method, version="2"))
    rows = [row for row in rows_of([*sample, new]) if row.group[0] == "alpha" and row.code == 32]
    assert [(row.label, len(row.records)) for row in rows] == [
        ("opq version=2", 1),
        ("opq version=1", 2),
        ("int8", 1),
    ]


@pytest.mark.parametrize("reason", ["shape [/m] is wrong", "use one of [bits, bytes]"])
def test_brackets_in_a_reason_are_printed_as_they_are(reason):
    failed = dataclasses.replace(make("bad", "product", 16, 0.0, status="failed"), reason=reason)
    failed.config["results"] = "results"
    assert reason in printed(print_sweep, [failed])
    assert reason in printed(print_record, failed)
    assert reason in printed(print_comparison, [], [f"recall is compared without a paired test: {reason}"])


def test_samples_of_one_name_are_told_apart_in_tables():
    record = make("pq", "product", 8, 0.5)
    less = dataclasses.replace(record, dataset=dataclasses.replace(record.dataset, n_train=500, checksum="other"))
    rows = rows_of([record, less])
    for text in (
        best_markdown(rows),
        runs_markdown(rows, []),
        printed(print_best, rows),
        printed(print_sweep, [record, less]),
    ):
        assert "alpha (ip), trained on 500" in text
        assert "alpha (ip), trained on 1,000" in text


def test_a_sweep_says_what_the_vectors_are_like_once():
    record = make("pq", "product", 8, 0.5)
    found = Diagnosis(
        rows=1_000, mean_length=0.87, average_cosine=0.75, query_cosine=0.75, effective_rank=8.0, deviation_ratio=1.0,
        length_p1=1.0, length_median=1.0, length_p99=1.0, longest=1.0, duplicates=0, zero_rows=0, query_length=1.0,
        queries_in_base=0.0, repeated_queries=0, ties={10: 0.0}, indistinct=0.0,
    )  # fmt: skip
    records_of = [dataclasses.replace(record, diagnosis=found, key=key) for key in "ab"]
    text = printed(print_sweep, records_of)
    assert text.count("vectors share a direction: the mean is 0.87 of their length; average cosine 0.75") == 1


def test_tables_as_files_hold_every_row(sample, tmp_path):
    rows = rows_of(sample)
    failures = [record for record in sample if record.status != "ok"]
    paths = write_all(rows, failures, tmp_path, ("md", "csv", "parquet"))
    assert {path.name for path in paths} == {
        *("best.md", "best.csv", "ranking.md", "ranking.csv", "runs.md", "runs.csv", "runs.parquet")
    }
    frame = pd.read_parquet(tmp_path / "runs.parquet")
    assert len(frame) == len(rows) == len(pd.read_csv(tmp_path / "runs.csv"))
    assert frame["recall@10"].tolist() == pytest.approx(to_frame(rows)["recall@10"].tolist())
    assert "`bad` | 16x | alpha (ip) | failed | crashed" in runs_markdown(rows, failures)


@pytest.mark.thorough
def test_a_figure_is_the_same_file_when_made_again(sample, tmp_path, monkeypatch):
    monkeypatch.setattr(rows_module, "COSTS", {"codes": "bytes"})
    rows = rows_of(record for record in sample if record.dataset.name == "alpha")
    first = {p.name: p.read_bytes() for p in write_all(rows, [], tmp_path / "a", PICTURES)}
    second = {p.name: p.read_bytes() for p in write_all(rows, [], tmp_path / "b", PICTURES)}
    assert first == second
    assert set(first) == {f"alpha-ip-{name}.{kind}" for name in ("pareto", "families") for kind in PICTURES}


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["png", "svg", "pdf", "PDF"])
def test_every_option_draws_every_format(report, sample, tmp_path, monkeypatch, kind):
    monkeypatch.setattr(rows_module, "COSTS", {"codes": "bytes"})
    records.pack([record for record in sample if record.dataset.name == "alpha"], tmp_path / "r.jsonl")
    figure, over, out = tmp_path / f"figure.{kind}", tmp_path / f"over.{kind}", tmp_path / "out"
    drawn = report(tmp_path / "r.jsonl", "--figure", figure, "--overview", over, "--out", out, "--format", kind)
    assert drawn[0] == 0, drawn
    begins = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[kind.lower()]
    files = [figure, over, *out.iterdir()]
    assert len(files) == 4
    assert all(file.read_bytes().startswith(begins) for file in files)


@pytest.mark.thorough
@pytest.mark.parametrize("option", ["--error", "--no-error"])
def test_the_axis_of_every_figure_is_chosen(report, sample, tmp_path, monkeypatch, option):
    monkeypatch.setattr(rows_module, "COSTS", {"codes": "bytes"})
    monkeypatch.setitem(matplotlib.rcParams, "svg.fonttype", "none")
    records.pack([record for record in sample if record.dataset.name == "alpha"], tmp_path / "r.jsonl")
    figure, over, out = tmp_path / "figure.svg", tmp_path / "over.svg", tmp_path / "out"
    drawn = report(
        tmp_path / "r.jsonl", "--figure", figure, "--overview", over, "--out", out, "--format", "svg", option
    )
    assert drawn[0] == 0, drawn
    files = [figure, over, *out.iterdir()]
    assert {"error: 1 - recall@10" in file.read_text() for file in files} == {option == "--error"}


def test_a_front_of_two_data_sets_is_refused(sample):
    from bench.report.figures import pareto

    with pytest.raises(UsageError, match=r"several data sets: alpha \(ip\), beta \(ip\); draw one at a time"):
        pareto(sample)


def test_comparison_of_two_sets(sample):
    before = [(record, None) for record in sample if record.dataset.name == "alpha"]
    after = [(dataclasses.replace(r, latency_ms={**r.latency_ms, "p50": 2 * r.latency_ms["p50"]}), None) if r.latency_ms
             else (r, None) for r, _ in before if r.method.name != "int8"]  # fmt: skip
    pairs, warnings = compare_sets(before, after)
    assert {pair.before.label for pair in pairs} == {"opq", "sign"}
    assert all(pair.p50_ratio == pytest.approx(2.0) for pair in pairs)
    assert next(pair.p50_spread for pair in pairs if pair.before.label == "opq") == (2.0, 2.0)
    assert any("2 rows are only in the first set: int8" in warning for warning in warnings)
    assert any("recall is compared without a paired test" in warning for warning in warnings)
    assert "2.00" in printed(print_comparison, pairs, warnings)


def test_a_comparison_says_whole_names_and_how_large_a_difference_is(sample):
    located = [(record, None) for record in sample]
    pairs, warnings = compare_sets(located, located)
    pairs[0] = dataclasses.replace(pairs[0], paired=Difference(-0.02, -0.03, -0.01, 1e-4, -0.4), p_adjusted=2e-4)
    text = printed(print_comparison, pairs, warnings)
    assert "alpha (ip)" in text
    assert "-0.40" in text
    assert "[-0.0300, -0.0100]" in text
    assert "0.0002 *" in text
    assert "…" not in printed(print_comparison, pairs, warnings, width=70)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"environment": {"cpu": "other"}}, "cpu differs (toy and other)"),
        ({"environment": {"memory_bandwidth_bytes_per_s": 5e9}}, "memory was read at 10.0 and 5.0 GB/s"),
        ({"config": {"threads": 2}}, "threads or k differ"),
        ({"latency_shared": True}, "other processes kept a machine busy"),
        ({}, ""),
    ],
)
def test_times_of_unlike_environments_are_not_compared(change, reason):
    before = make("pq", "product", 8, 0.5)
    values = {key: {**getattr(before, key), **new} if isinstance(new, dict) else new for key, new in change.items()}
    after = dataclasses.replace(before, **values)
    assert reason in times_differ(before, after)
    pairs, warnings = compare_sets([(before, None)], [(after, None)])
    assert (pairs[0].p50_ratio is None) == bool(reason)
    assert any(warning.startswith("latencies are not compared") for warning in warnings) == bool(reason)


def test_sets_without_a_common_row_are_refused():
    with pytest.raises(UsageError, match="share no method, budget and data set"):
        compare_sets([(make("a", "f", 8, 0.5), None)], [(make("b", "f", 8, 0.5), None)])


def test_comparisons_of_the_headline_do_not_test_another_measure(sample):
    comparisons = [significance.Comparison("alpha-int8-32-0", BEST, "int8", 32, -0.01, -0.02, 0.01, 0.4, 0.4, 0.0)]
    rows = significance.mark(rows_of(sample), comparisons)
    found = by_measure(rows, "Reconstruction_ERROR")
    assert [row.label for row in found[:3]] == ["opq", "int8", "sign"]  # the least error first
    assert all(row.p_best is None for row in found)
    text = best_markdown(found)
    assert "| reconstruction_error |" in text
    assert "`opq` | 32 | 0.045 [" in text
    assert "not tested" in printed(print_best, found)
    assert best_frame(found)["measure"].unique().tolist() == ["reconstruction_error"]
    assert by_measure(rows, "recall@10") == rows  # the headline keeps its marks


def test_rows_without_the_chosen_measure_are_left_out_aloud(report, sample, tmp_path):
    judged = [
        dataclasses.replace(r, quality={**r.quality, "nDCG@10": r.quality["recall@10"]})
        if r.status == "ok" and r.dataset.name == "alpha"
        else r
        for r in sample
    ]
    records.pack(judged, tmp_path / "r.jsonl")
    arguments = [tmp_path / "r.jsonl", "--measure", "ndcg@10", "--out", tmp_path / "out", "--format", "md,csv"]
    status, output, errors = report(*arguments)
    assert status == 0
    assert "the best by nDCG@10 leave out beta, without it" in errors
    assert "best nDCG@10 at each budget" in output
    assert "ranking of single vectors by nDCG@10 over 2 groups" in output
    frame = pd.read_csv(tmp_path / "out" / "best.csv")
    assert frame["dataset"].tolist() == ["alpha (ip)", "alpha (ip)"]
    assert frame["best"].tolist() == ["opq", "opq"]
    assert "nDCG@10" in (tmp_path / "out" / "ranking.md").read_text()


def test_bytes_are_written_with_three_digits_and_a_unit():
    counts = (999, 1_500, 4.8e6, 1e9, 4.8e12)
    assert [count_bytes(count) for count in counts] == ["999 B", "1.5 kB", "4.8 MB", "1 GB", "4.8 TB"]


@pytest.fixture
def report(command_line):
    return command_line("bench.report", main)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no records are named"),
        (["nowhere"], "nowhere does not exist"),
        (["{0}", "--dataset", "gamma"], "no records there"),
        (["{0}", "--format", "doc"], "--format doc is unknown; use some of html,md"),
        (["{0}", "--figure", "x.doc"], "--figure x.doc has an unknown ending"),
        (["{0}", "--dataset", "alpha", "--figure", "{0}/x.png"], "choose another --figure"),
        (["{0}", "--overview", "x.doc"], "--overview x.doc has an unknown ending"),
        (["{0}", "--dataset", "alpha", "--overview", "{0}/x.png"], "choose another --overview"),
        (
            ["{0}", "--dataset", "alpha", "--overview", "x.png", "--known", "nothing"],
            "nothing is not among the records",
        ),
        (["--compare", "{0}"], "expected 2 arguments"),
        (["{0}", "--measure", "map"], "--measure map is in none of the records; use one of recall@1, recall@10,"),
    ],
)
def test_wrong_input_is_one_line(report, sample, tmp_path, arguments, message):
    records.pack(sample, tmp_path / "r.jsonl")
    status, _, errors = report(*[argument.format(tmp_path / "r.jsonl") for argument in arguments])
    assert status == 2
    assert message in errors
    assert errors.count("\n") == 1


@pytest.mark.thorough
def test_packed_records_bring_their_comparisons_along(bench, vectors, report, tmp_path):
    """Measured for real: pairs are tested where the arrays lie, and the pack tells the same story without them."""
    sweep = ["-m", "method=acme_truncated,pq", "budget=8x", "dataset=path", f"dataset.base={vectors}"]
    done = bench(*sweep, "dataset.holdout=50", "latency_s=0.1", isolated=False)
    assert done.returncode == 0, done.stderr
    packed = tmp_path / "packed" / "tiny.jsonl"
    packed.parent.mkdir()
    status, output, errors = report(bench.results, "--pack", packed)
    assert status == 0, errors
    (found,) = significance.find([packed.parent])
    assert found.p_adjusted == found.p > 0
    assert found.difference <= 0
    assert output == report(packed)[1].replace(str(packed), str(bench.results))
    for record in records.find([packed]):
        assert np.mean(record.recalls) == pytest.approx(record.quality["recall@10"].value, abs=1e-6)
    by_one = report(bench.results, "--measure", "recall@1")[1]
    assert "best recall@1 at each budget" in by_one
    assert "not tested" not in by_one  # on its own queries' recall@1
    assert "not tested" in report(packed, "--measure", "recall@1")[1]
    status, output, errors = report("--compare", bench.results, bench.results)
    assert status == 0, errors
    assert "+0.0000" in output
