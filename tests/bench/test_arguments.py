"""The order of arguments in which Hydra reads them, and which of them make a sweep."""

import pytest

import bench
from bench.arguments import for_sweep, in_order


def test_a_flag_comes_first_wherever_it_stood():
    assert in_order(["method=pq", "budget=8x,16x", "-m"]) == ["-m", "method=pq", "budget=8x,16x"]


@pytest.mark.parametrize("experiment", ["quick", "standard", "multivector", "table"])
def test_an_experiment_that_is_a_sweep_is_one_whatever_its_options(experiment):
    """An option that the default method lacks kept Hydra from seeing it, and a list was then refused."""
    arguments = [f"experiment={experiment}", "method=pq,opq", "method.center=offset"]
    assert in_order(arguments) == ["--multirun", *arguments[:2], "method.center=choice(offset)"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["experiment=none", "method=pq"],
        ["experiment=quick", "--cfg", "job"],
        ["experiment=../x"],
        ["experiment=unknown"],
    ],
)
def test_others_are_left_as_they_are(arguments):
    assert in_order(arguments) == arguments


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (["method=glob(r*)", "method.bits=2"], ["method=glob(r*)", "method.bits=choice(2)"]),
        (["method=pq,opq", "method.bits=4,8"], ["method=pq,opq", "method.bits=4,8"]),
        (["method=pq", "method.center=offset"], ["method=pq", "method.center=offset"]),
        (["method=pq,opq", "dataset.max_base=10", "seed=1"], ["method=pq,opq", "dataset.max_base=10", "seed=1"]),
        (["method=a,b", "++method.x='a, b'", "budget=8x,"], ["method=a,b", "++method.x='a, b'", "budget=8x,"]),
        (["method=a,b", "method.x='a, b'"], ["method=a,b", "method.x=choice('a, b')"]),
    ],
)
def test_options_of_swept_methods_hold_for_each(given, made):
    assert for_sweep(given) == made


@pytest.mark.thorough
@pytest.mark.usefixtures("in_this_process")
def test_a_sweep_takes_an_option_that_the_default_method_lacks(tmp_path):
    done = bench.sweep(
        method=["pq", "opq"],
        budget=["8x"],
        results=str(tmp_path),
        latency_s=0.05,
        **{"method.center": "offset", "dataset.max_base": 600},
    )
    assert {record.method.full_name for record in done} == {"pq center=offset", "opq center=offset"}
