"""Every peer conforms where its library is there. A library that is wrong says so in its class, with its script."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from estibench.testing import Effort
from estibench.testing.kit import trials
from estibench_peers.hooks import TABLE

QUICK = Effort(draws=32)
ROOT = Path(__file__).parents[2]
PROBLEMS = ["matrix", "field_jacobian", "residual_block", "score_gradient"]
PROBLEMS += ["categorical", "vq", "linear_ode", "linear_flow", "sampling"]


LONG = {"torchdiffeq_adjoint", "torchdiffeq_odeint"}  # their library is there always; at its tolerances, minutes


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.nightly) if name in LONG else name for name, *_ in TABLE]
)
def test_a_peer_conforms(host, name):
    outcomes = [trial.outcome() for trial in trials([name], PROBLEMS, effort=QUICK, kinds=("estimator",), host=host)]
    missing = next((found[0] for one in outcomes if (found := re.search(r"no module [\w.]+", str(one)))), None)
    if missing is not None:
        pytest.skip(f"{missing}: make peers")
    assert [outcome for outcome in outcomes if outcome.is_bad] == []


def test_what_a_library_fails_names_a_script_that_is_there(host):
    for name, *_ in TABLE:
        for reason in host.estimators.get(name).load().expected_failures.values():
            for script in re.findall(r"examples/defects/\w+\.py", reason):
                assert (ROOT / script).is_file()
