"""``bench.run`` and ``bench.sweep``: what the command line does, with its options and its errors, from Python."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hydra import initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser

import bench
from bench import composition, records
from bench.arguments import overrides_of
from bench.datasets.base import DatasetError
from methods import BudgetError

ROOT = Path(__file__).resolve().parents[2]
OTHER_METHOD = '''
import numpy as np
from methods import BudgetError, Codec, register


@register("first_bytes")
class FirstBytes(Codec):
    """The first dimensions, rounded to whole numbers."""

    family, summary, source, trains = "scalar", "first dimensions, rounded", "a test", False

    @classmethod
    def for_budget(cls, dim, code_bytes, metric):
        return cls(dim, metric)

    @property
    def code_size(self):
        return 4

    def parts(self):
        return {}

    def _load_parts(self, parts):
        pass

    def _fit(self, vectors, seed):
        pass

    def _encode(self, vectors):
        return np.clip(np.rint(8 * vectors[:, :4]), -127, 127).astype(np.int8).view(np.uint8)

    def _decode(self, codes):
        return np.pad(codes.view(np.int8).astype(np.float32) / 8, ((0, 0), (0, self.dim - 4)))
'''


@pytest.fixture
def options(vectors, tmp_path, monkeypatch):
    """A quick run on the tiny data set in a cache and results of its own."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    data = {"name": "path", "base": vectors, "holdout": 50}
    return {"dataset": data, "latency_s": 0.05, "results": tmp_path / "results"}


@pytest.mark.parametrize(
    ("options", "several", "expected"),
    [
        ({"method": "pq", "budget": "8x"}, False, {"method": "pq", "budget": "8x"}),
        ({"budget": 48, "k": np.int64(5)}, False, {"budget": "48B", "k": 5}),
        ({"method": {"bits": 4, "name": "pq"}}, False, {"method": "pq", "method.bits": 4}),
        ({"dataset.max_base": 2000}, False, {"dataset.max_base": 2000}),
        ({"limits": {"time_s": 1.5, "memory_gb": None}}, False, {"limits.time_s": 1.5, "limits.memory_gb": None}),
        ({"rerun": True, "rescore": None}, False, {"rerun": True, "rescore": None}),
        ({"dataset.base": Path("a b/c,d='e'\\")}, False, {"dataset.base": "a b/c,d='e'\\"}),
        ({"scenario.fractions": [0, 0.5]}, False, {"scenario.fractions": [0, 0.5]}),
        ({"scenario": {"old": {"name": "path"}}}, False, {"scenario.old.name": "path"}),
        (
            {"method": {"name": "pca", "codec_params": {"bits": 4}}},
            False,
            {"method": "pca", "method.codec_params.bits": 4},
        ),
        ({"budget": "0.5bit"}, True, {"budget": "0.5bit"}),
    ],
)
def test_options_reach_hydra_as_they_are_given(options, several, expected):
    parsed = OverridesParser.create().parse_overrides(overrides_of(options, several))
    assert {override.key_or_group: override.value() for override in parsed} == expected


def test_lists_of_a_sweep_are_its_values():
    texts = overrides_of({"method": ["pq", "opq"], "budget": ["8x", 16], "seed": range(2), "k": 5}, several=True)
    assert texts == ["method='pq','opq'", "budget='8x',16B", "seed=0,1", "k=5"]
    assert overrides_of({"method": "glob(*)"}, several=True) == ["method=glob(*)"]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "opqq"}, ValueError, "no method is called 'opqq'; did you mean opq"),
        ({"bugdet": "8x"}, ValueError, "there is no option 'bugdet'; did you mean budget=?"),
        ({"method": {"name": "pq", "bist": 8}}, ValueError, "no parameter 'bist'; did you mean method.bits=?"),
        ({"method": "pq", "method.bist": 8}, ValueError, "no parameter 'bist'; did you mean method.bits=?"),
        ({"dataset.max_querys": 5}, ValueError, "no option 'max_querys'; did you mean dataset.max_queries=?"),
        ({"limits": {"time": 5}}, ValueError, "did you mean limits.time_s=?"),
        ({"k": "ten"}, ValueError, "k=ten is not a valid int"),
        ({"k": 0}, ValueError, "k=0 is out of range"),
        ({"method": "pq", "budget": "8y"}, ValueError, "8y"),
        ({"method": ["pq", "opq"]}, ValueError, "method is a list; bench.sweep measures each of its values"),
        ({"k": object()}, ValueError, "k is a object, which is no value of an option"),
        ({"experiment": "quick"}, ValueError, "this experiment is a sweep; bench.sweep measures it"),
        ({"method": "float32", "budget": "8x"}, BudgetError, "float32"),
        ({"dataset": {"name": "path", "base": "none.npy"}}, DatasetError, "none.npy"),
    ],
)
def test_a_mistake_is_an_error_of_one_line_before_any_work(options, error, message, tmp_path):
    with pytest.raises(error) as caught:
        bench.run(results=tmp_path / "results", **options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.rglob("record.json"))


@pytest.mark.integration
def test_a_run_is_that_of_the_command_line(options, monkeypatch, tmp_path):
    record = bench.run("sign", 8, k=5, **options)
    assert (record.status, record.budget.requested, record.config["k"]) == ("ok", "8B", 5)
    assert record.environment["threads"]["OMP_NUM_THREADS"] == "1"
    data = options["dataset"]
    same = ["method=sign", "budget=8B", "k=5", "latency_s=0.05", "dataset=path", f"dataset.base={data['base']}"]
    plan = composition.plan_of([*same, "dataset.holdout=50", f"results={options['results']}"])
    assert plan.key == record.key
    assert plan.folder.is_dir()
    assert bench.run("sign", "8B", k=5, **options) == record  # read, not measured again


@pytest.mark.usefixtures("in_this_process")
def test_a_sweep_goes_on_where_it_stopped_and_shows_progress(options, monkeypatch):
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    first = bench.sweep(method=["sign"], budget="4x", **options)
    assert "sweep: 100%" in stderr.getvalue()
    both = bench.sweep(method=["sign", "int8", "float32"], budget=["4x"], **options)
    assert [record.method.name for record in both] == ["sign", "int8", "float32"]
    assert [record.status for record in both] == ["ok", "ok", "skipped"]
    assert both[0] == first[0]
    frame = bench.load_records(options["results"])
    assert sorted(frame["method"]) == ["float32", "int8", "sign"]
    with pytest.raises(bench.UsageError, match="did you mean squad-sentences-mini"):
        bench.sweep(method=["sign", "int8"], budget="4x", **(options | {"dataset": "sqad-sentences-mini"}))


def test_another_program_s_hydra_is_left_alone(tmp_path):
    (tmp_path / "nothing").mkdir()
    with initialize_config_module("conf", version_base="1.2"):
        theirs = GlobalHydra.instance().hydra
        with pytest.raises(bench.UsageError):
            bench.run("opqq", results=tmp_path)
        assert GlobalHydra.instance().hydra is theirs
    assert not GlobalHydra.instance().is_initialized()


@pytest.mark.thorough
@pytest.mark.integration
def test_a_method_of_a_module_that_was_imported_is_measured(options, tmp_path):
    """In a process of its own, which imports the module as this one did: from a folder on ``sys.path``."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "first_bytes.py").write_text(OTHER_METHOD)
    data, results = options["dataset"], options["results"]
    code = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(tmp_path / "modules")!r}]
import bench, first_bytes
data = {{"name": "path", "base": {str(data["base"])!r}, "holdout": 50}}
record = bench.run("first_bytes", "8x", data, latency_s=0.05, results={str(results)!r})
assert record.status == "ok", record.reason
"""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (record,) = records.find([results])
    assert record.bytes.code == 4
    script = tmp_path / "script.py"
    script.write_text(OTHER_METHOD + 'import bench\nbench.run("first_bytes", "8x")\n')
    env["PYTHONPATH"] = str(ROOT)
    done = subprocess.run([sys.executable, script], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert "first_bytes is defined in __main__" in done.stderr.splitlines()[-1]


@pytest.mark.integration
def test_importing_bench_and_reading_records_stay_light():
    heavy = {"numba", "torch", "faiss", "hydra", "methods"}
    code = f"""
import sys, bench
bench.report, dir(bench)
assert not sys.modules.keys() & {heavy | {"pandas"}}, "imported by bench"
bench.report.pareto(bench.load_records("results/published/squad-sentences-mini.parquet"))
print(sys.modules.keys() & {heavy})
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "set()\n"


def test_what_is_public_is_there():
    assert {*bench.__all__} <= {*dir(bench)}
    for name in bench.__all__:
        assert getattr(bench, name).__doc__
    with pytest.raises(AttributeError, match="'bench' has no attribute 'runn'"):
        _ = bench.runn
