"""What to do with an answer: commands and lines of Python run as printed, and the whole of it as JSON."""

import dataclasses
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra

import methods
from bench import composition, records
from bench.config import RunConfig
from bench.measure.statistics import Difference, Interval
from bench.recommend.actions import commands, python_lines
from bench.recommend.answer import Answer
from bench.recommend.export import document, to_json
from bench.recommend.offer import Offer
from bench.recommend.question import Question
from bench.recommend.words import lines

DIM, N = 16, 300


@pytest.fixture
def vectors(tmp_path):
    made = np.random.default_rng(0).standard_normal((N, DIM)).astype(np.float32)
    np.save(tmp_path / "my.npy", made)
    return made


def offer(method="sign", budget="4B", code=2, rescore=None, **config):
    """A method measured by hand on 200 vectors, fitted on 100."""
    run = RunConfig({"name": method}, {"name": "path"}, budget=budget, train_size=100, rescore=rescore, **config)
    record = records.Record(
        schema=records.SCHEMA,
        key="k",
        status="ok",
        reason="",
        method=records.MethodInfo(method, "binary", "1", {"name": method}, {}),
        dataset=records.DatasetInfo("path", 200, DIM, 100, "l2", "00", "train", 100),
        budget=records.BudgetInfo(budget, 4 if budget == "4B" else int(budget.removesuffix("B")), 0),
        config=run.to_dict(),
        environment={"memory_bandwidth_bytes_per_s": 1e10},
        bytes=records.Bytes(code, 200 * code, {}, 0, 200 * code, 0, 0, 0),
        quality={"recall@10": Interval(0.8, 0.79, 0.81)},
        latency_ms={"p50": 1.0},
        throughput={"encode_vectors_per_s": 1_000.0, "queries_per_s": 1e4},
        seconds={"fit": 5.0, "process": 10.0},
    )
    return Offer(record, N, 10)


def answer(data="my.npy", chosen=None, runner_up=None, **question):
    question = {"budget": "4B", **question}
    return Answer(Question(data, **question), DIM, N, 4, N, chosen=chosen or offer(), runner_up=runner_up)


def composed(command):
    """The configuration that a command leads to."""
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "bench"]
    composition.register_configs()
    GlobalHydra.instance().clear()
    with initialize_config_module("conf", version_base="1.3"):
        return composition.run_config(compose("config", words[3:]))


def test_commands_repeat_what_was_measured_with():
    question = {"queries": "q.npy", "metric": "l2", "seed": 3, "rescore": "int8", "k": 100}
    chosen = offer(seed=3, rescore="int8", k=100)
    first, second = commands(answer(chosen=chosen, runner_up=offer("itq"), **question))
    assert first == (
        "python -m bench method=sign budget=4B dataset=path dataset.base=my.npy dataset.queries=q.npy "
        "dataset.metric=l2 k=100 seed=3 train_size=100 rescore=int8"
    )
    assert second.startswith("python -m bench method=itq budget=4B")
    assert composed(first).dataset["queries"] == "q.npy"


@pytest.mark.thorough
@pytest.mark.parametrize(
    "name",
    [
        *("a b.npy", "it's.npy", 'say "x".npy', "a=b,c.npy", "${x}.npy", "{a: 1}.npy", "[1].npy", "~/x.npy", "1e5"),
        *("null", "ä.npy", "a\\b.npy", "x#y.npy", "../up/x.npy", "/abs/x.npy", "$HOME.npy", "'q'.npy", "-dash.npy"),
    ],
)
def test_any_name_of_a_file_or_column_comes_through_shell_and_hydra(name):
    (command,) = commands(answer(name, column=name))
    config = composed(command)
    assert (config.dataset["base"], config.dataset["column"]) == (name, name)


def test_a_run_that_takes_hours_is_given_the_time():
    large = dataclasses.replace(answer(), in_file=10_000_000)  # encoded at 1,000 a second
    assert composed(commands(large)[0]).limits.time_s > 4 * 10_000
    assert "limits" not in commands(answer())[0]


def test_less_trained_winner_is_fitted_as_a_finalist():
    (command,) = commands(dataclasses.replace(answer(), train_size=200))
    assert composed(command).train_size == 200
    assert "[:200]" in python_lines(dataclasses.replace(answer(), train_size=200))[2]
    assert composed(commands(answer())[0]).train_size == 100


def test_without_a_method_that_meets_the_limits_the_nearest_are_repeated():
    nearest = Answer(Question("my.npy", "4B"), DIM, N, 4, N, nearest=[offer("itq"), offer("pq", budget="8B")])
    first, second = commands(nearest)
    assert "method=itq budget=4B" in first
    assert "method=pq budget=8B" in second


@pytest.mark.parametrize("rescore", [None, "disk", "int8"])
def test_the_lines_of_python_fit_save_load_and_search(rescore, vectors, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    budget = "22B" if rescore == "int8" else "2B"
    printed = python_lines(answer(chosen=offer("sign", budget=budget, rescore=rescore), rescore=rescore))
    assert len(printed) == 5 + (rescore is not None) * (2 if rescore == "disk" else 3)
    names = {}
    exec("\n".join(printed), names)
    scores, ids = names["scores"], names["ids"]
    assert scores.shape == ids.shape == (5, 10)
    codec = methods.load(tmp_path / "sign.codec")
    assert (codec.name, codec.code_size, codec.metric) == ("sign", 2, methods.Metric.L2)
    assert np.load(tmp_path / "codes.npy").shape == (N, 2)
    if rescore == "disk":
        assert ids[:, 0].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("suffix", ["npz", "fvecs", "npy of integers"])
def test_the_lines_of_python_read_other_files(suffix, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = np.random.default_rng(0).integers(-9, 9, (N, DIM))
    if suffix == "npz":
        np.savez("two.npz", first=values, second=values)
        result = answer("two.npz", chosen=offer(rescore="disk"), column="second", rescore="disk")
    elif suffix == "fvecs":
        rows = np.hstack([np.full((N, 1), DIM, "<i4").view("<f4"), values.astype("<f4")])
        (tmp_path / "x.fvecs").write_bytes(rows.tobytes())
        result = answer("x.fvecs", chosen=offer(rescore="disk"), rescore="disk")
    else:
        np.save("i.npy", values.astype(np.int8))
        result = answer("i.npy", chosen=offer(rescore="disk"), rescore="disk")
    names = {}
    exec("\n".join(python_lines(result)), names)
    assert names["ids"].shape == (5, 10)


def test_the_text_has_commands_and_python(vectors, tmp_path, monkeypatch):
    text = list(lines(answer()))
    at = text.index("to measure on all 300 vectors of my.npy:")
    assert text[at + 1].startswith("  python -m bench method=sign budget=4B")
    assert text[at + 2] == "in Python:"
    assert text[at + 3] == "  import methods, numpy as np"


def test_json_holds_the_whole_answer():
    result = answer(runner_up=offer("itq"), memory=None, metric="l2")
    result.against = Difference(0.1, 0.0, 0.2, 0.04, np.inf)
    result.elsewhere = {8: offer("pq", budget="8B")}
    result.fastest, result.raced, result.unstarted, result.seconds = offer(), ["sign", "itq"], ["pq"], 12.5
    values = json.loads(to_json(result))
    assert values["take"]["method"] == "sign"
    assert values["take"]["recall"] == 0.8
    assert values["take"]["p50_ms"] == 1.5
    assert values["runner_up"]["method"] == "itq"
    assert values["difference"] == {"value": 0.1, "low": 0.0, "high": 0.2, "p": 0.04}
    assert values["other_budgets"]["8"]["method"] == "pq"
    assert values["commands"] == commands(result)
    assert values["question"]["budget"] == "4B"
    assert values["meets_limits"] is True
    assert values["text"] == list(lines(result))


def test_json_of_a_memory_has_the_memory_that_was_requested():
    question = Question("my.npy", memory=2_000).sized(N, DIM)
    values = document(Answer(question, DIM, N, 5, N, nearest=[offer()]))
    assert (values["question"]["memory"], values["question"]["budget"], values["budget_bytes"]) == (2_000, None, 5)
    assert values["take"] is None
    assert values["nearest"][0]["method"] == "sign"


def test_json_names_favorites_that_there_was_no_time_for():
    result = answer()
    assert document(result)["favorites_without_time"] == []
    assert document(result)["time_needed_s"] is None
    result.favorites_missing, result.needed_s, result.order_from = ["saq"], 300, "published records of 7 data sets"
    values = document(result)
    assert (values["favorites_without_time"], values["time_needed_s"]) == (["saq"], 300)
    assert values["order_from"] == "published records of 7 data sets"


@pytest.mark.thorough
@pytest.mark.integration
def test_a_printed_command_runs_as_it_stands(vectors, tmp_path, bench_env):
    os.rename(tmp_path / "my.npy", tmp_path / "my own.npy")
    (command,) = commands(answer("my own.npy"))
    command = command.replace("python", shlex.quote(sys.executable), 1)
    done = subprocess.run(command, shell=True, cwd=tmp_path, env=bench_env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (record,) = records.find([tmp_path / "results"])
    assert (record.method.name, record.dataset.n, record.dataset.n_train) == ("sign", 270, 100)


def test_every_field_of_the_json_is_documented():
    page = (Path(__file__).resolve().parents[3] / "docs" / "commands.md").read_text()
    choosing = page[page.index("## Choosing") :].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in choosing.splitlines() if line.startswith("| `")]
    values = document(answer())
    assert [name for row in rows for name in re.findall(r"`(\w+)`", row)] == list_in_order(values, rows)
    (offers,) = [part for part in choosing.split("\n\n") if part.startswith("An offer is")]
    assert set(re.findall(r"`(\w+)`", offers)) == set(values["take"])


def list_in_order(values, rows):
    """The keys of ``values`` in the order of the page: every one, and no other."""
    order = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    return sorted(values, key=lambda name: order.index(name) if name in order else len(order))
