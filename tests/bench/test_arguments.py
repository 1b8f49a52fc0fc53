"""The order of arguments in which Hydra reads them, and which of them make a sweep."""

import pytest

from bench.arguments import in_order


def test_a_flag_comes_first_wherever_it_stood():
    assert in_order(["method=pq", "budget=8x,16x", "-m"]) == ["-m", "method=pq", "budget=8x,16x"]


@pytest.mark.parametrize("experiment", ["quick", "standard", "multivector", "table"])
def test_an_experiment_that_is_a_sweep_is_one_whatever_its_options(experiment):
    """An option that the default method lacks kept Hydra from seeing it, and a list was then refused."""
    arguments = [f"experiment={experiment}", "method=pq,opq", "method.center=offset"]
    assert in_order(arguments) == ["--multirun", *arguments]


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
