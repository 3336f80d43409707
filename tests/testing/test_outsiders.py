"""The kit on estimators in numpy, in plain Python, in place, with `autograd.grad`, a module or a library's randomness.

Statistical checks run at levels of 1e-6 with fixed seeds.
"""

import sys
from pathlib import Path

import pytest

from estibench.host import Host
from estibench.testing import Effort
from estibench.testing.kit import trials

FILE = Path(__file__).parent / "outsiders.py"
EFFORT = Effort(draws=64, seconds=2.0)
ON = {
    "discrete_gradient": "categorical",
    "synthetic": "constant",
    "score_gradient": "score_gradient",
    "trace": "structured_matrix",
    "sampling": "sampling",
    "categorical_sampling": "categorical_law",
}
RIGHT = {  # with the path by which the harness draws
    "Numpy": "loop",
    "Python": "loop",
    "InPlace": "loop",
    "Autograd": "loop",
    "Learns": "loop",
    "Library": "loop",
}
WRONG = [
    ("NumpyGlobal", "uses_no_global_generator", "changes with the global seeds"),
    ("PythonDefault", "every_dtype", "estimate has dtype torch.float32"),
    ("InProblem", "leaves_the_problem_alone", "changes the problem's exact_logits"),
    ("Backward", "leaves_the_problem_alone", "leaves a gradient in the problem's"),
    ("Remembers", "same_seed_same_estimate", "from the same seed"),
    ("GlobalWeights", "uses_no_global_generator", "changes with the global seeds"),
    ("LibraryGlobal", "uses_no_global_generator", "changes with the global seeds"),
    ("LibraryReseeded", "leaves_globals_alone", "global generator of torch"),
]


@pytest.fixture(scope="module")
def outside():
    """A host that knows the outsiders, and their module."""
    host = Host([str(FILE)])
    return host, sys.modules["estibench_file_plugin_outsiders"]


def outcomes(outside, name, only=None):
    host, module = outside
    cls = getattr(module, name)
    found = trials([cls], ON[module.TASKS[cls]], effort=EFFORT, host=host)
    return [trial.outcome() for trial in found if only in (None, trial.name)]


@pytest.mark.parametrize(("name", "path"), RIGHT.items())
def test_what_is_right_passes_and_says_how_it_is_drawn(outside, name, path):
    found = outcomes(outside, name)
    assert [one for one in found if one.is_bad] == []
    drawn = [one for one in found if one.check == "paths_agree"]
    assert drawn
    for one in drawn:
        assert f"{path} is the only way to draw" in one.detail or f"the harness draws by {path}" in one.detail


def test_a_fast_one_says_so_too(outside):
    (found, *_) = [
        trial.outcome()
        for trial in trials(["hutchinson"], "structured_matrix", effort=EFFORT, host=outside[0])
        if trial.name == "paths_agree"
    ]
    assert (found.status, found.detail) == ("passed", "the harness draws by vmap")


@pytest.mark.parametrize(("name", "check", "message"), WRONG)
def test_what_is_wrong_is_caught(outside, name, check, message):
    found = outcomes(outside, name, check)
    assert any(one.status == "failed" and message in one.detail for one in found), found
