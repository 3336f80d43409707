"""Everything built in conforms, or carries its reason. `bench plugin check` compares more draws than there is time for
here; the fits and the larger problems of the discrete plugin are left to it."""

import pytest

from estibench.testing import Effort
from estibench.testing.kit import trials
from estibench.testing.plugins import plugin_trials

QUICK = Effort(draws=32)  # the fewest that distributions are compared by
FULL = Effort(draws=512)
TRACE = ["matrix", "field_jacobian", "hollow_jacobian"]
TWIN_TRAININGS = ("vae_density", "vae_digits")  # of vae_linear, which trains by the same code
DISCRETE = ["vq", "bernoulli_fit", "categorical_law"]


def bad(prepared):
    return [outcome for outcome in (trial.outcome() for trial in prepared) if outcome.is_bad]


@pytest.mark.parametrize(
    ("plugin", "effort"),
    [("score", QUICK), ("densities", QUICK), ("selftest", FULL)],
)
def test_a_plugin_conforms(host, plugin, effort):
    assert bad(plugin_trials(plugin, host, effort=effort)) == []


def test_the_evidence_plugin_conforms_on_one_training(host):
    prepared = plugin_trials("evidence", host, effort=QUICK)
    twins = tuple(f" on {name}(" for name in TWIN_TRAININGS)
    assert bad(trial for trial in prepared if not any(twin in trial.subject for twin in twins)) == []


@pytest.mark.nightly
def test_the_evidence_plugin_conforms_on_the_other_trainings(host):
    names = [entry.name for entry in host.estimators if host.estimators.origin(entry.name).name == "evidence"]
    assert bad(trials(names, list(TWIN_TRAININGS), effort=QUICK, kinds=("estimator",), host=host)) == []


def test_the_trace_plugin_conforms_on_a_matrix_and_a_field(host):
    names = [entry.name for entry in host.estimators if host.estimators.origin(entry.name).name == "trace"]
    assert bad(trials(names, TRACE, effort=QUICK, kinds=("estimator",), host=host)) == []
    assert bad(trials(TRACE, effort=QUICK, kinds=("problem",), host=host)) == []


@pytest.mark.nightly
def test_the_trace_plugin_conforms(host):
    assert bad(plugin_trials("trace", host, effort=QUICK)) == []


@pytest.mark.nightly
def test_the_discrete_plugin_conforms(host):
    names = [entry.name for entry in host.estimators if host.estimators.origin(entry.name).name == "discrete"]
    assert bad(trials(names, DISCRETE, effort=QUICK, kinds=("estimator",), host=host)) == []
    assert bad(trials(DISCRETE, effort=QUICK, kinds=("problem",), host=host)) == []


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("plugin", "problems"),
    [("flow", ["linear_ode", "probability_flow", "residual_block"]), ("sampling", ["sampling", "ornstein_uhlenbeck"])],
)
def test_the_larger_plugins_conform(host, plugin, problems):
    names = [entry.name for entry in host.estimators if host.estimators.origin(entry.name).name == plugin]
    assert bad(trials(names, problems, effort=QUICK, kinds=("estimator",), host=host)) == []
    assert bad(trials(problems, effort=QUICK, kinds=("problem",), host=host)) == []
