"""Progress: a line an item where stderr is redirected, no long silence, one bar on a terminal."""

import io
import re
import sys
import time
from types import SimpleNamespace

import pytest

from bench import progress
from bench.execution import runner, stage
from bench.execution.naming import names_of
from bench.progress import Progress, busy, duration, watched
from bench.tracks.measurement import Measurement


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def quick(monkeypatch):
    """Half a second of silence is long."""
    monkeypatch.setattr(progress, "HEARTBEAT_S", 0.1)


def terminal(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def test_a_redirected_sweep_has_a_line_a_run_with_what_is_left(capsys):
    with Progress("sweep", 3) as work:
        for name, said in (("pq 8x", "recall@10 0.812"), ("opq 8x", "failed: no memory")):
            work.begin(name)
            work.end(name, said)
    first, second = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d sweep 1/3: pq 8x, 0\.0 s: recall@10 0\.812; 2 left, about 0\.0 s", first)
    assert "sweep 2/3: opq 8x, 0.0 s: failed: no memory; 1 left" in second
    assert "\r" not in first + second


def test_a_long_run_says_that_it_still_runs_and_for_how_long(quick, capsys):
    with Progress("sweep", 2) as work:
        work.begin("opq 8x", lambda: "encode 3 of 20")
        time.sleep(0.5)
        work.end("opq 8x")
    lines = capsys.readouterr().err.splitlines()
    assert re.search(r"sweep 0/2: still running after 0\.\d s \(opq 8x, encode 3 of 20, 0\.\d s\)$", lines[0])
    assert len(lines) > 2


def test_of_nested_work_the_innermost_alone_breaks_a_silence(quick, capsys):
    with Progress("sweep", 2), Progress("exact search", 9, unit="block"):
        time.sleep(0.4)
    lines = capsys.readouterr().err.splitlines()
    assert lines
    assert all("exact search 0/9: still running" in line for line in lines)


def test_watched_items_are_silent_while_they_are_quick(capsys):
    assert list(watched(range(5), "checksum")) == [0, 1, 2, 3, 4]
    assert list(watched(iter("ab"), "checksum", 2, long=False)) == ["a", "b"]
    assert capsys.readouterr().err == ""


def test_watched_items_count_in_their_own_unit(quick, capsys):
    for _ in watched(range(2), "encoding texts", unit="text", scale=4096):
        time.sleep(0.3)
    assert "encoding texts 4096/8192: still running after" in capsys.readouterr().err


def test_a_terminal_has_a_bar_and_no_lines(monkeypatch):
    shown = terminal(monkeypatch)
    with Progress("sweep", 2) as work:
        work.begin("pq 8x")
        work.end("pq 8x", "recall@10 0.812")
    assert "1/2" in shown.getvalue()
    assert "recall@10" not in shown.getvalue()


def test_a_bar_that_nothing_moves_shows_that_time_passes(monkeypatch):
    shown = terminal(monkeypatch)
    monkeypatch.setattr(progress, "_REFRESH_S", 0.1)
    with Progress("sweep", 2) as work:
        work.begin("pq 8x")
        time.sleep(0.5)
    assert len(set(re.findall(r"pq 8x, 0\.\d s", shown.getvalue()))) > 2


def test_a_closed_stderr_stops_no_work(monkeypatch):
    stream = io.StringIO()
    stream.close()
    for broken in (stream, None):
        monkeypatch.setattr(sys, "stderr", broken)
        with Progress("sweep", 1) as work:
            work.begin("pq")
            work.end("pq")
        assert work.done == 1


def test_an_error_inside_ends_the_progress(quick, capsys):
    def break_off():
        with Progress("sweep", 2):
            raise KeyError

    with pytest.raises(KeyError):
        break_off()
    time.sleep(0.3)
    assert capsys.readouterr().err == ""


def test_durations_are_in_the_unit_that_a_person_would_use():
    assert [duration(s) for s in (0.44, 9.97, 12.3, 240, 20_900)] == ["0.4 s", "10 s", "12 s", "4 min", "5.8 h"]


def plan(dataset="glove", budget="8x", seed=0, method=None, base=None):
    data = {"name": dataset} if base is None else {"name": "path", "base": base}
    options = {"method": method or {"name": "pq"}, "dataset": data, "budget": budget, "seed": seed}
    config = SimpleNamespace(**options, to_dict=lambda: options)
    named = SimpleNamespace(name=dataset, checksum=f"{dataset} {base}")
    return SimpleNamespace(config=config, dataset=named, subject=SimpleNamespace(is_engine=False), params=None)


def plan_of_engine(scheme, budget="8x"):
    options = {"name": "qdrant", "scheme": scheme, "search": None}
    subject = SimpleNamespace(is_engine=True, name="qdrant", options=options)
    return SimpleNamespace(**{**vars(plan(budget=budget)), "subject": subject, "params": {"scheme": scheme}})


def test_runs_are_named_by_what_differs_between_them():
    assert names_of([plan(), plan(budget="4x")]) == ["pq 8x", "pq 4x"]
    assert names_of([plan(seed=0), plan(seed=1)]) == ["pq 8x seed=0", "pq 8x seed=1"]
    assert names_of([plan(), plan("fashion")]) == ["pq 8x glove", "pq 8x fashion"]
    assert names_of([plan(method={"name": "pq", "bits": 4})]) == ["pq(bits=4) 8x"]
    assert names_of([plan_of_engine("binary"), plan_of_engine("turbo")]) == ["qdrant binary 8x", "qdrant turbo 8x"]


def test_files_of_one_name_are_named_by_their_folders_too():
    assert names_of([plan("a", base="x/a.npy"), plan("b", base="x/b.npy")]) == ["pq 8x a", "pq 8x b"]
    same = names_of([plan("a", base="x/a.npy"), plan("a", base="y/a.npy")])
    assert same == ["pq 8x dataset.base=x/a.npy", "pq 8x dataset.base=y/a.npy"]


def test_work_without_parts_breaks_its_silence_on_a_terminal_too(quick, monkeypatch):
    shown = terminal(monkeypatch)
    with busy("building squad"):
        time.sleep(0.4)
    assert "building squad still running after" in shown.getvalue()
    assert "\r" not in shown.getvalue()


def test_a_run_notes_what_it_is_at_for_the_progress_to_read(tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "_folder", None)
    stage.enter("fit")
    assert stage.read(tmp_path) == ""
    stage.connect(tmp_path)
    run = Measurement({})
    with run.timed("encode_rescore", "0 of 100"):
        assert stage.read(tmp_path) == "encode rescore 0 of 100"
    assert list(run.seconds) == ["encode_rescore"]


def test_a_single_run_says_where_it_is(quick, monkeypatch, capsys, tmp_path):
    single = SimpleNamespace(**vars(plan()), folder=tmp_path / "runs" / "key", infeasible=None)

    def execute(one):
        stage.connect(runner._work_path(one.folder))
        runner._work_path(one.folder).mkdir(parents=True)
        stage.enter("fit")
        time.sleep(0.4)

    monkeypatch.setattr(stage, "_folder", None)
    monkeypatch.setattr(runner, "execute", execute)
    runner.run(single)
    assert "bench 0/1: still running after 0." in (said := capsys.readouterr().err)
    assert "(pq 8x, fit, 0." in said
