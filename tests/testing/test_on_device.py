"""Every built-in estimator conforms on an accelerator, or carries its reason: contract, randomness, draws and claims.

`ESTIBENCH_DEVICE` names the device: cuda where it is not set, cpu for a rehearsal. Densities and problems are held
against their derivatives and truths on the CPU elsewhere; here they are what the estimators are tried on.
"""

import os

import pytest

from estibench import host as plugin_host
from estibench.measure.device import why_missing
from estibench.testing import Effort
from estibench.testing.kit import trials

DEVICE = os.environ.get("ESTIBENCH_DEVICE", "cuda")
QUICK = Effort(draws=64, seconds=0.1)
HOST = plugin_host.start()
NAMES = sorted(entry.name for entry in HOST.estimators)
# Trainings take too long for a borrowed machine; `bench run` measures them.
PROBLEMS = [entry.name for entry in HOST.problems if not entry.task.endswith("_fit") and entry.name != "digits_vae"]

pytestmark = [pytest.mark.cuda, pytest.mark.skipif(why_missing(DEVICE) is not None, reason=f"needs {DEVICE}")]


@pytest.mark.parametrize("name", NAMES)
def test_an_estimator_conforms_on_the_device(name):
    prepared = trials([name], PROBLEMS, effort=QUICK, kinds=("estimator",), host=HOST, device=DEVICE)
    bad = [outcome for outcome in (trial.outcome() for trial in prepared) if outcome.is_bad]
    assert bad == []
